"""ganctl's steps for pictures from pictures beside other people's, with the same networks: speed and memory.

    python -m benchmarks.translation

`reference_steps` are their loops by hand, in fp32; ours is `ganctl.training.loop.train` with its feed, its average of
the generator's weights and, of an enlargement, the making of the sources. 64 pixels, width 32, one thread, in turn.
Seconds are those of the processor, by which other work on the machine decides less, and of the wall. A ratio is the
median of the rounds' own; its quartiles stand beside it. Memory is the peak of a process of its own.
"""

from __future__ import annotations

import argparse
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
import reference_steps
from run import RESULTS, machine, measured_peak

from ganctl import build
from ganctl.contract import DataSpec, ImageStore
from ganctl.degradation import shrunk
from ganctl.files import as_json, write_new
from ganctl.task.picture import in_unit_range

BATCH_SIZES = {"pix2pix": 4, "cyclegan": 2, "cut": 2, "srgan": 16}
SIZE, WIDTH, IMAGES = 64, 32, 64
DATA = {
    "pix2pix": ["dataset=paired_folder", "dataset.path=."],
    "cyclegan": ["dataset=unpaired_folder", "dataset.path=.", "dataset.sources=."],
    "cut": ["dataset=unpaired_folder", "dataset.path=.", "dataset.sources=."],
    "srgan": ["dataset=image_folder", "dataset.path=."],
}
Clocks = dict[str, list[float]]


def words(model: str, *more: str) -> list[str]:
    """What would follow `ganctl train`."""
    sizes = [f"dataset.resolution={SIZE}", f"generator.width={WIDTH}", f"discriminator.width={WIDTH}"]
    batch = f"training.batch_size={BATCH_SIZES[model]}"
    return [f"model={model}", *DATA[model], *sizes, batch, "device=cpu", "device.threads=1", *more]


def pictures(model: str) -> ImageStore:
    """Noise, of which a step takes as long as of photographs."""
    shape, random = (3, SIZE, SIZE), numpy.random.default_rng(0)
    images, sources = random.integers(0, 256, (2, IMAGES, *shape), numpy.uint8)
    labels = numpy.zeros(IMAGES, numpy.int64)
    if model == "srgan":
        return ImageStore(DataSpec("noise", shape, None), images, labels, content_hash="")
    spec = DataSpec("noise", shape, None, source_shape=shape)
    return ImageStore(spec, images, labels, content_hash="", sources=sources, paired=model == "pix2pix")


def ours(model: str, precision: str) -> Iterator[None]:
    """ganctl's loop, one step a `next`."""
    for _ in contenders.steps(contenders.configuration(words(model, f"device.precision={precision}")), pictures(model)):
        yield


def theirs(model: str) -> Iterator[None]:
    """The other loop, with networks of the same classes and first weights."""
    config, store = contenders.configuration(words(model, "device.channels_last=false")), pictures(model)
    task = build.task(config, store.spec).fitted(store)
    state = build.state(config, build.game(config, task), task, build.device(config))
    networks = {name: network.train() for name, network in state.networks.items()}
    return reference_steps.STEPS[model](networks, batches(store, BATCH_SIZES[model]))


def batches(store: ImageStore, size: int) -> reference_steps.Batches:
    """Sources and images, made beforehand and over again; of an enlargement the sources are the images made smaller."""
    images = in_unit_range(torch.from_numpy(store.images))
    if store.sources is None:
        sources = shrunk(images, 4, "bicubic")
    else:
        sources = in_unit_range(torch.from_numpy(store.sources))
    while True:
        yield from zip(sources.split(size), images.split(size), strict=True)


def race(model: str, precisions: list[str], rounds: int, steps: int) -> dict[str, object]:
    """`steps` steps of each in turn, `rounds` times after two to warm up; seconds of a step, and theirs to ours."""
    entrants = {"theirs": theirs(model)} | {f"ours, {each}": ours(model, each) for each in precisions}
    cpu, wall = ({name: [] for name in entrants} for _ in range(2))
    for entrant in entrants.values():
        for _ in range(2):
            next(entrant)
    for _ in range(rounds):
        for name, entrant in entrants.items():
            begin = time.process_time(), time.perf_counter()
            for _ in range(steps):
                next(entrant)
            cpu[name].append((time.process_time() - begin[0]) / steps)
            wall[name].append((time.perf_counter() - begin[1]) / steps)
    return {"batch": BATCH_SIZES[model], "cpu": compared(cpu), "wall": compared(wall)}


def compared(seconds: Clocks) -> dict[str, object]:
    """Median seconds of a step, and theirs to ours round by round: quartile, median, quartile."""
    others = [name for name in seconds if name != "theirs"]
    ratios = {name: [a / b for a, b in zip(seconds["theirs"], seconds[name], strict=True)] for name in others}
    return {
        "seconds": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
        "theirs to ours": {name: [round(q, 3) for q in statistics.quantiles(r, n=4)] for name, r in ratios.items()},
    }


def memory(model: str, precisions: list[str], steps: int) -> dict[str, object]:
    """Peak MiB of each in a process of its own, and ours to theirs."""
    calls = {"theirs": f"theirs({model!r})"} | {f"ours, {each}": f"ours({model!r}, {each!r})" for each in precisions}
    peaks = {name: measured_peak("translation", call, steps) for name, call in calls.items()}
    ratios = {name: round(peak / peaks["theirs"], 3) for name, peak in peaks.items() if name != "theirs"}
    return {"mib": {name: round(peak) for name, peak in peaks.items()}, "ours to theirs": ratios}


def products(rounds: int = 15) -> dict[str, float]:
    """Thousand million multiplications and additions a second of one thread, in matrices of 1024x1024.

    Processors without instructions for bf16 matrices (AMX, for one) are slower in bf16 than in fp32.
    """
    found = {}
    for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        matrix, seconds = torch.randn(1024, 1024).to(dtype), []
        for _ in range(rounds):
            begin = time.process_time()
            matrix @ matrix
            seconds.append(time.process_time() - begin)
        found[name] = round(2 * 1024**3 / statistics.median(seconds) / 1e9, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=BATCH_SIZES, default=list(BATCH_SIZES))
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=4, help="steps of one entrant at a time")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-translation.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"size": SIZE, "width": WIDTH, "rounds": arguments.rounds, "steps": arguments.steps}
    found: dict[str, object] = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "products": products(),
        **settings,
    }
    for model in arguments.models:
        peaks = memory(model, arguments.precisions, steps=12)
        found[model] = race(model, arguments.precisions, arguments.rounds, arguments.steps) | {"peak memory": peaks}
        print(as_json({model: found[model]}), flush=True)
    path = arguments.output or RESULTS / f"{date.today().isoformat()}-translation.json"
    print(f"written to {write_new(path, as_json(found).encode())}")


if __name__ == "__main__":
    main()
