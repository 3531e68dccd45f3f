"""How quick packing a folder of JPEGs is beside an epoch of torchvision's loading: `python -m benchmarks.packing`.

Both bring the same 20,000 pictures to 64x64, in turn, in one process that may use one core: what they do on many is
that, times the cores. ganctl reads them from the files once, into its cache, and never again; torchvision's
ImageFolder with a DataLoader does so every epoch. Its filter is bilinear, ganctl's Lanczos, which is sharper and
takes longer; so ganctl runs with either.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder as TorchvisionFolder

from benchmarks.judging_speed import race
from ganctl.dataset.image_folder import ImageFolder

SIDE = 64
_DIFFERENT = 200  # pictures; the others are copies, which costs the decoder as much


def write_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Smooth random JPEGs in two classes, of the size of a photograph's preview."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 240))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]  # above 1 for each core, the seconds say little
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_pictures(folder, arguments.images, tuple(arguments.size))
        entrants = {"torchvision": lambda: epoch(folder)}
        entrants |= {f"ganctl, {name}": lambda name=name: pack(folder, name) for name in ("bilinear", "lanczos")}
        result = race(entrants, arguments.rounds)
    facts = {"images": arguments.images, "size": arguments.size, "resolution": SIDE, "cores": 1, "load": load}
    facts |= {"torch": torch.__version__, "machine": platform.processor() or platform.machine()}
    print(json.dumps(facts | result, indent=2))


if __name__ == "__main__":
    main()
