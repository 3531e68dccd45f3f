"""Where images leave a run: grids, single PNGs, npz archives, interpolation GIFs, each file whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from ganctl.files import atomic_file, atomic_write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

_WIDTH = 600  # pixels that a grid of small images is enlarged to, about
_PADDING = 2  # pixels between images and around them, after enlarging
BACKGROUND = 64  # grey that neither a black nor a white image melts into


def to_uint8(images: Tensor) -> Tensor:
    """Pixels in [-1, 1], any floating type, to uint8: the whole number next to (x + 1) 127.5, clipped to [0, 255].

    The exact inverse, for all 256 values, of the x / 127.5 - 1 that images are loaded with; the one tie, x = 0, becomes
    128. What is not a number becomes black, so that the grid of a run gone wrong can still be looked at. uint8 passes
    unchanged.
    """
    import torch

    if images.dtype == torch.uint8:
        return images.detach().cpu()
    pixels = images.detach().float().add(1).mul(127.5).round()
    return pixels.nan_to_num(nan=0.0).clamp(0, 255).to(torch.uint8).cpu()


def make_grid(images: Tensor, columns: int | None = None) -> numpy.ndarray:
    """Images (N, C, H, W) in [-1, 1] (or uint8), C 1 or 3, row by row in one picture (height, width, C) uint8.

    `columns`: None = as many as make it nearly square. Small images are enlarged by a whole factor, pixel by pixel,
    until the picture is about 600 pixels wide.
    """
    assert images.ndim == 4 and images.shape[0] > 0 and images.shape[1] in (1, 3), f"not images: {tuple(images.shape)}"
    return _tiled(_pixels(images), columns)


def grid_png(pixels: numpy.ndarray, columns: int | None = None) -> bytes:
    """A PNG file of `make_grid` of (N, H, W, C) uint8, without torch."""
    return _png(_picture(_tiled(pixels, columns)))


def _tiled(pixels: numpy.ndarray, columns: int | None) -> numpy.ndarray:
    count, height, width, channels = pixels.shape
    columns = math.ceil(math.sqrt(count * height / width)) if columns is None else columns
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    scale = max(1, round(_WIDTH / (columns * width)))
    tiles = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    gaps = ((0, rows * columns - count), (_PADDING, 0), (_PADDING, 0), (0, 0))  # above and left of a tile
    tiles = numpy.pad(tiles, gaps, constant_values=BACKGROUND)
    _, down, right, _ = tiles.shape
    picture = tiles.reshape(rows, columns, down, right, channels).swapaxes(1, 2).reshape(rows * down, -1, channels)
    return numpy.pad(picture, ((0, _PADDING), (0, _PADDING), (0, 0)), constant_values=BACKGROUND)


def as_pictures(images: Tensor) -> list[Image]:
    """Images (N, C, H, W) in [-1, 1] as N pictures of their own size."""
    return [_picture(pixels) for pixels in _pixels(images)]


def save_grid(images: Tensor, path: Path, columns: int | None = None) -> None:
    """Writes `make_grid` of images (N, C, H, W) in [-1, 1] as PNG."""
    _save_png(_picture(make_grid(images, columns)), path)


def image_png(pixels: numpy.ndarray) -> bytes:
    """A PNG file of one image (C, H, W) uint8, pixel by pixel."""
    return _png(_picture(pixels.transpose(1, 2, 0)))


def save_images(images: Tensor, folder: Path, *, start: int = 0, digits: int = 6) -> None:
    """Writes images (N, C, H, W) in [-1, 1] as PNGs of their own size: 000000.png and on, or from number `start`."""
    for number, picture in enumerate(as_pictures(images), start=start):
        _save_png(picture, folder / f"{number:0{digits}d}.png", sync=False)


def save_npz(images: Tensor, path: Path, labels: Tensor | None = None) -> None:
    """Writes `images` (N, H, W, C) uint8 and, if there are any, `labels` (N,) int64; read without pickle."""
    arrays: dict[str, Any] = {"images": _pixels(images)}
    if labels is not None:
        arrays["labels"] = labels.detach().cpu().numpy().astype(numpy.int64)
    with atomic_file(path) as file:
        numpy.savez_compressed(file, **arrays)


def save_gif(frames: Iterable[Tensor], path: Path, columns: int | None = None, *, fps: int = 25) -> None:
    """Writes an endless GIF; each frame is the grid of images (N, C, H, W) in [-1, 1], `fps` of them a second.

    Grey images keep their pixels exactly, coloured ones get 256 colours for each frame. The format counts in 10 ms, so
    the nearest of 100 / n frames a second is taken, 50 at most.
    """
    pictures = [_picture(make_grid(frame, columns)) for frame in frames]
    assert pictures, "a GIF needs a frame"
    frame_ms = 10 * max(2, round(100 / fps))
    endless = {"save_all": True, "append_images": pictures[1:], "duration": frame_ms, "loop": 0, "optimize": False}
    content = BytesIO()  # Pillow's own writing to a file says nothing of why it fails
    pictures[0].save(content, "GIF", **endless)
    atomic_write_bytes(path, content.getvalue())


def _save_png(picture: Image, path: Path, *, sync: bool = True) -> None:
    atomic_write_bytes(path, _png(picture), sync=sync)


def _png(picture: Image) -> bytes:
    content = BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _pixels(images: Tensor) -> numpy.ndarray:
    """(N, H, W, C) uint8."""
    return to_uint8(images).numpy().transpose(0, 2, 3, 1)


def _picture(pixels: numpy.ndarray) -> Image:
    from PIL.Image import fromarray

    return fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
