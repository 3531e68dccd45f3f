"""`make bench`: times ganctl against other loops in turn, in one process; writes a dated JSON to benchmarks/results."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from feeding import feeding
from judging_speed import judging
from packing import packing
from processes import processes

from ganctl.files import as_json, write_new

RESULTS = Path(__file__).parent / "results"
PARTS = ["memory", "training", "judging", "packing", "feeding", "processes"]
FAMILIES = ["sagan", "biggan", "acgan"]
METHODS = ["wgan", "wgan_gp", "dragan", "infogan"]
ADDED = [
    "regularizer=[consistency]",
    "regularizer=[top_k]",
    "term=[feature_matching]",
    "discriminator.minibatch_deviation=true",
]
FINITE = ["regularizer.fading_r1.finite_step=0.01", "regularizer.fading_r2.finite_step=0.01"]


def race(entrants: dict[str, Iterator[None]], batch: int, *, rounds: int, steps: int) -> dict[str, object]:
    """Runs `steps` steps of each entrant in turn, `rounds` times; medians of images/s, and ratios to the first.

    A ratio is the median of the rounds' own ratios, so that a machine whose speed drifts does not decide it.
    """
    speeds: dict[str, list[float]] = {name: [] for name in entrants}
    for entrant in entrants.values():
        for _ in range(5):
            next(entrant)
    for _ in range(rounds):
        for name, entrant in entrants.items():
            begin = time.perf_counter()
            for _ in range(steps):
                next(entrant)
            speeds[name].append(batch * steps / (time.perf_counter() - begin))
    first, *others = speeds
    ratios = {
        other: statistics.median(a / b for a, b in zip(speeds[first], speeds[other], strict=True)) for other in others
    }
    medians = {name: round(statistics.median(values), 1) for name, values in speeds.items()}
    return {"images_per_second": medians, f"{first}_to": {name: round(ratio, 3) for name, ratio in ratios.items()}}


def throughput(rounds: int, steps: int) -> dict[str, object]:
    """Every race on training throughput."""
    found: dict[str, object] = {}
    for size in (28, 32):
        for precision in ("fp32", "bf16"):
            entrants = {
                "ours": contenders.ours(size, 64, 128, precision),
                "bare loop": contenders.bare(size, 64, 128, precision),
            }
            found[f"{size}x{size}, width 64, batch 128, {precision}, against a bare loop"] = race(
                entrants, 128, rounds=rounds, steps=steps
            )
    for size in (28, 32):
        entrants = {
            "ours": contenders.ours(size, None, 64, "fp32", "r3gan"),
            "bare loop": contenders.bare_r3gan(size, 64),
            "ours, by finite differences": contenders.ours(size, None, 64, "fp32", "r3gan", FINITE),
        }
        raced = race(entrants, 64, rounds=rounds, steps=max(2, steps // 8))
        found[f"{size}x{size}, model=r3gan, batch 64, fp32, against a bare loop"] = raced
    for size in (28, 32):
        entrants = {f"model={model}": contenders.ours(size, None, 64, "fp32", model) for model in FAMILIES}
        raced = race(entrants, 64, rounds=rounds, steps=max(2, steps // 8))
        found[f"{size}x{size}, families of networks, batch 64, fp32"] = raced
    for size in (32, 64):
        with tempfile.TemporaryDirectory() as folder:
            entrants = {
                "conventional": contenders.conventional(size, 64, 128, 0, Path(folder)),
                "conventional, 2 workers": contenders.conventional(size, 64, 128, 2, Path(folder)),
                "ours, same networks, fp32": contenders.ours(size, 64, 128, "fp32", "dcgan_2016"),
                "ours, same networks, bf16": contenders.ours(size, 64, 128, "bf16", "dcgan_2016"),
                "ours, model=dcgan, fp32": contenders.ours(size, None, 128, "fp32"),
                "ours, model=dcgan, bf16": contenders.ours(size, None, 128, "bf16"),
            }
            raced = race(entrants, 128, rounds=rounds, steps=max(2, steps // (size // 16)))
            for entrant in entrants.values():
                entrant.close()  # type: ignore[attr-defined]
        speeds = raced["images_per_second"]
        best = max(speeds["conventional"], speeds["conventional, 2 workers"])  # type: ignore[index]
        raced["to the better conventional script"] = {
            name: round(speed / best, 3)
            for name, speed in speeds.items()  # type: ignore[attr-defined]
            if name.startswith("ours")
        }
        found[f"{size}x{size}, width 64, batch 128, against a conventional script"] = raced
    for size in (28, 32):
        raced = race(methods(size), 64, rounds=rounds, steps=max(2, steps // 8))
        found[f"{size}x{size}, methods by name, batch 64, fp32, images of the generator"] = raced
    return found


def methods(size: int) -> dict[str, Iterator[None]]:
    """Each method of docs/methods.md, behind the networks that they have in common without any."""
    entrants = {f"model={model}": contenders.ours(size, None, 64, "fp32", model) for model in ("dcgan_2016", *METHODS)}
    for words in ADDED:
        entrants[words] = contenders.ours(size, None, 64, "fp32", "dcgan_2016", [words])
    return entrants


def measured_peak(module: str, call: str, steps: int) -> float:
    """The peak resident memory in MiB of a process of its own that does `steps` steps of a contender.

    From Linux's VmHWM: getrusage's figure would start from the size of the process that started it.
    """
    script = (
        f"import re, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from {module} import *\n"
        f"steps = {call}\n"
        f"for _ in range({steps}): next(steps)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


def memory() -> dict[str, object]:
    """Peak memory of ours and the bare loop, and their ratio."""
    found = {}
    for size in (28, 32):
        own, other = (measured_peak("contenders", f"{name}({size}, 64, 128, 'fp32')", 60) for name in ("ours", "bare"))
        found[f"{size}x{size}"] = {"ours_mib": round(own), "bare_mib": round(other), "ratio": round(own / other, 3)}
    return found


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = (
        next(
            (
                line.split(":")[1].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if "model name" in line
            ),
            "",
        )
        if Path("/proc/cpuinfo").exists()
        else platform.processor()
    )
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=24, help="steps of one contender at a time")
    parser.add_argument("--images", type=int, default=20_000, help="JPEGs to pack of each size")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/DATE-cpu.json")
    arguments = parser.parse_args()
    found = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "rounds": arguments.rounds,
        "steps": arguments.steps,
    }
    if "memory" in arguments.parts:
        found["peak_memory"] = memory()
    if "training" in arguments.parts:
        found["training"] = throughput(arguments.rounds, arguments.steps)
    if "judging" in arguments.parts:
        found["judging"] = judging(arguments.rounds)
    if "packing" in arguments.parts:
        found["packing"] = packing(arguments.images, rounds=min(arguments.rounds, 3))
    if "feeding" in arguments.parts:
        found["feeding"] = feeding()
    if "processes" in arguments.parts:
        found["processes"] = processes(min(arguments.rounds, 3), arguments.steps)
    path = write_new(arguments.output or RESULTS / f"{date.today().isoformat()}-cpu.json", as_json(found).encode())
    print(as_json(found))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
