"""Speed of every model on an NVIDIA GPU: `python -m benchmarks.gpu` writes benchmarks/results/DATE-gpu.json.

Each row trains one model for some steps after a warm-up, the GPU waited for before and after: in fp32 and bf16, with
the step recorded as a CUDA graph, which is the default, and not, free of `device.deterministic`, and compiled. Digits
of 28 pixels in batches of 64, and random colour images of 64 pixels. model=dcgan is raced against a bare loop with the
same networks.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from run import RESULTS, machine

from ganctl.contract import DataSpec, ImageStore
from ganctl.files import as_json, atomic_write_text, write_new

DIGITS = [
    *("mlp", "dcgan_2016", "dcgan", "cdcgan", "lsgan", "wgan", "wgan_gp", "dragan", "sngan", "pacgan", "acgan"),
    *("sagan", "biggan", "infogan", "r3gan"),
]
COLOUR = ["dcgan_2016", "dcgan", "sngan", "r3gan", "fastgan", "projected"]
FREE = "device.deterministic=false"
AS_IT_IS = "device.cuda_graph=false"
COMPILED = ("dcgan_2016",)
PLAIN = ["augment=[]", "scheduler=constant", "regularizer=[r1_finite,r2_finite]"]
"""What makes each step of r3gan like the others, so that it is recorded."""


def ways_of(model: str, part: str, *, compiled: bool) -> dict[str, list[str]]:
    """How a model is trained, by name, each with its words."""
    half = "device.precision=bf16"
    ways = {"fp32": [AS_IT_IS], "fp32, recorded": [], "bf16, recorded": [half]}
    if part == "colour":
        ways |= {"bf16": [half, AS_IT_IS], "bf16, recorded, free": [half, FREE]}
    if compiled and part == "digits" and model in COMPILED:
        ways |= {"fp32, compiled": ["device.compile=true"], "bf16, compiled": [half, "device.compile=true"]}
    if model != "r3gan":
        return ways
    return {
        f"{way}, plain" if "recorded" in way else way: words + PLAIN * ("recorded" in way)
        for way, words in ways.items()
    }


def colours(size: int, count: int = 2000) -> ImageStore:
    """Random pixels: a step takes as long on them as on pictures."""
    pixels = numpy.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=numpy.uint8)
    spec = DataSpec("random", (3, size, size), None)
    return ImageStore(spec, pixels, numpy.zeros(count, dtype=numpy.int64), content_hash="")


def steps_of(model: str, store: ImageStore, words: list[str]) -> tuple[Iterator[object], int]:
    """ganctl's own loop on a store, on the GPU, and the images of a step."""
    size = store.spec.image_shape[-1]
    place = ["dataset=mnist5k"] if size == 28 else ["dataset=crops", f"dataset.resolution={size}"]
    config = contenders.configuration([*place, f"model={model}", "device=cuda", *words])
    return contenders.steps(config, store), config.training.batch_size


def timed(steps: Iterator[object], batch: int, seconds: float, warm: int = 24) -> float:
    """Images a second, the median of three times `seconds` each."""
    for _ in range(warm):
        next(steps)
    torch.cuda.synchronize()
    begin, count = time.perf_counter(), 8
    for _ in range(count):
        next(steps)
    torch.cuda.synchronize()
    count = max(8, int(8 * seconds / (time.perf_counter() - begin)))
    found = []
    for _ in range(3):
        begin = time.perf_counter()
        for _ in range(count):
            next(steps)
        torch.cuda.synchronize()
        found.append(count * batch / (time.perf_counter() - begin))
    return statistics.median(found)


def measured(model: str, store: ImageStore, words: list[str], seconds: float) -> dict[str, object]:
    """A row: images a second and the peak of the GPU's memory, or why there are none."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    try:
        steps, batch = steps_of(model, store, words)
        speed = timed(steps, batch, seconds)
    except Exception as error:  # the other rows are wanted all the same
        return {"refused": " ".join(str(error).split())[:300], "words": words}
    peak = torch.cuda.max_memory_allocated() / 2**20
    whole = time.perf_counter() - begin
    return {"images_per_second": round(speed), "peak_mib": round(peak), "batch": batch, "seconds": round(whole, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one timing, of which there are three a row")
    parser.add_argument("--parts", nargs="+", default=["race", "digits", "colour", "compiled"])
    parser.add_argument("--models", nargs="+", help="only these")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-gpu.json")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("there is no NVIDIA GPU here")
    about = {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine() | about}
    path = write_new(arguments.output or RESULTS / f"{date.today().isoformat()}-gpu.json", as_json(found).encode())

    def keep(title: str, name: str, row: object) -> None:
        found.setdefault(title, {})[name] = row  # type: ignore[index]
        atomic_write_text(path, as_json(found))
        print(title, "|", name, "|", row, flush=True)

    for width, precision in itertools.product((64, 256), ("fp32", "bf16")) if "race" in arguments.parts else ():
        common = {"size": 28, "width": width, "batch": 128, "precision": precision, "device": "cuda"}
        entrants = {
            "ours": contenders.ours(**common),
            "ours, not recorded": contenders.ours(**common, words=[AS_IT_IS]),
            "bare loop": contenders.bare(**common),
        }
        speeds: dict[str, list[float]] = {name: [] for name in entrants}
        for _ in range(5):
            for name, entrant in entrants.items():
                speeds[name].append(timed(entrant, 128, arguments.seconds / 2, warm=3))
        row: dict[str, float] = {name: round(statistics.median(each)) for name, each in speeds.items()}
        for name in ("ours", "ours, not recorded"):
            ratios = (a / b for a, b in zip(speeds[name], speeds["bare loop"], strict=True))
            row[f"{name}, to the bare loop"] = round(statistics.median(ratios), 3)
        keep("race", f"model=dcgan, width {width}, batch 128, {precision}", row)
    for part, store, models in (("digits", contenders.store_of_digits(28), DIGITS), ("colour", colours(64), COLOUR)):
        for model in [each for each in models if part in arguments.parts and each in (arguments.models or models)]:
            for way, words in ways_of(model, part, compiled="compiled" in arguments.parts).items():
                keep(part, f"model={model}: {way}", measured(model, store, words, arguments.seconds))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
