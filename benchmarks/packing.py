"""How quick packing a folder of JPEGs is beside an epoch of torchvision's loading: `python -m benchmarks.packing`.

Both bring the same pictures to 64x64, in turn, in one process that may use one core, counted in seconds of CPU: what
they do on many cores is that, times the cores. ganctl reads them from the files once, into its cache, and never again;
torchvision's ImageFolder with a DataLoader does so every epoch. Its filter is bilinear, ganctl's Lanczos, which is
sharper and takes longer; so ganctl runs with either. The larger the pictures, the more ganctl gains: it has JPEGs
decoded at 1/2, 1/4 or 1/8 of their size where enough is left for the filter.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder as TorchvisionFolder

from ganctl.dataset.image_folder import ImageFolder

SIDE = 64
SIZES = ("320x240", "500x375", "1024x768")
_DIFFERENT = 200  # pictures; the others are copies, which costs the decoder as much


def write_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Smooth random JPEGs in two classes."""
    for number in range(count):
        path = folder / ("even", "odd")[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < _DIFFERENT:
            coarse = numpy.random.default_rng(number).integers(0, 256, (24, 32, 3), numpy.uint8)
            Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
        else:
            first = number % _DIFFERENT
            shutil.copyfile(folder / ("even", "odd")[first % 2] / f"{first:05}.jpg", path)


def epoch(folder: Path) -> None:
    """One pass of torchvision's loading."""
    steps = [transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.ToTensor()]
    for _ in DataLoader(TorchvisionFolder(str(folder), transforms.Compose(steps)), batch_size=64):
        pass


def pack(folder: Path, filter: str) -> None:
    """All of it from the files into an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        ImageFolder(path=str(folder), resolution=SIDE, filter=filter, cache=cache).load()


def race(entrants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, object]:
    """Medians of the entrants' CPU seconds, called in turn, and how many times as quick as the first the others are."""
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    for _ in range(rounds):
        for name, entrant in entrants.items():
            begin = time.process_time()
            entrant()
            seconds[name].append(time.process_time() - begin)
    first, *others = seconds
    ratios = {name: [a / b for a, b in zip(seconds[first], seconds[name], strict=True)] for name in others}
    return {
        "cpu_seconds": {name: round(statistics.median(values), 2) for name, values in seconds.items()},
        f"times as quick as {first}": {name: round(statistics.median(values), 2) for name, values in ratios.items()},
    }


def packing(images: int, sizes: tuple[str, ...] = SIZES, rounds: int = 3) -> dict[str, object]:
    """The race at each size, on one core."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {max(cores)})
    torch.set_num_threads(1)
    found: dict[str, object] = {"images": images, "resolution": SIDE, "load": round(os.getloadavg()[0], 2)}
    try:
        for size in sizes:
            width, height = map(int, size.split("x"))
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                write_pictures(folder, images, (width, height))
                entrants: dict[str, Callable[[], object]] = {"torchvision": lambda folder=folder: epoch(folder)}
                for filter in ("bilinear", "lanczos"):
                    entrants[f"ganctl, {filter}"] = lambda folder=folder, filter=filter: pack(folder, filter)
                found[f"JPEGs of {size}"] = race(entrants, rounds)
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WIDTHxHEIGHT")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(packing(arguments.images, tuple(arguments.sizes), arguments.rounds), indent=2))


if __name__ == "__main__":
    main()
