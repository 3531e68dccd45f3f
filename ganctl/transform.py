"""Random changes of images, differentiable: what an augmentation does, and what a discriminator shall not mind.

All draws are new at each call, one an image, the same on any number of processes (`collective.draw`). Values outside
the ranges of their YAML files raise ArgumentError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganctl.collective import draw
from ganctl.contract import ArgumentError
from ganctl.ranges import check_ranges, ranged
from ganctl.shapes import Alike

TRANSFORMS = ("colour", "flip", "rotation", "translation", "scale", "cutout")
"""In the order in which they are done, whatever the order of a policy."""


@dataclass(frozen=True)
class Transforms:
    """Those of `policy`, each image by its own draws (Zhao et al. 2020, arXiv:2006.10738, section 3.2).

    colour: brightness x + b with b uniform in +-`brightness`; saturation x + s (x - grey) with s in +-`saturation` and
    grey the mean over the channels of a pixel, so nothing for one channel; contrast x + c (x - mean) with c in
    +-`contrast` and the mean of the image. translation: a shift by whole pixels, each way at most the share
    `translation` of the side. cutout: a square (a rectangle of the image's own form) of the share `cutout` of the side
    becomes 0, its centre anywhere. What is shifted in is 0, too: middle grey, pixels being in [-1, 1].

    Of Karras et al. 2020 (arXiv:2006.06676, appendix B): flip left to right for half of the images; rotation by a
    multiple of 90 degrees, of images that are not square by 0 or 180; scale about the centre by 2^n with n in
    N(0, `scale`^2), alike in both directions, bilinear, without the paper's filter against aliasing.

    Images are (N, C, ..., H, W). Shifts, flips and rotations permute pixels: their gradients are exact.
    """

    policy: Sequence[str] = ("colour", "translation", "cutout")
    brightness: float = ranged(0.5, "[0, 2]", cure=0.5)
    saturation: float = ranged(1.0, "[0, 1]", cure=1)
    contrast: float = ranged(0.5, "[0, 1]", cure=0.5)
    translation: float = ranged(0.125, "[0, 1]", cure=0.125)
    scale: float = ranged(0.2, "[0, 1]", cure=0.2)
    cutout: float = ranged(0.5, "[0, 1]", cure=0.5)

    def __post_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.policy, str) or not self.policy or not {*self.policy} <= {*TRANSFORMS}:
            need = f"must be a list of some of {', '.join(TRANSFORMS)}"
            raise ArgumentError("policy", self.policy, need, "[colour,translation,cutout]")
        object.__setattr__(self, "policy", tuple(self.policy))

    def transformed(self, images: Alike, p: float) -> Alike:
        """`images` with each transform done to each of them with probability `p`."""
        if "colour" in self.policy:
            images = images + _uniform(images, p, self.brightness)
            images = images + _uniform(images, p, self.saturation) * (images - images.mean(1, keepdim=True))
            mean = images.mean(tuple(range(1, images.ndim)), keepdim=True)
            images = images + _uniform(images, p, self.contrast) * (images - mean)
        if not {"flip", "rotation", "translation"}.isdisjoint(self.policy):
            images = self._moved(images, p)
        if "scale" in self.policy:
            images = _scaled(images, p, self.scale)
        return _cut(images, p, self.cutout) if "cutout" in self.policy else images

    def _moved(self, images: Tensor, p: float) -> Tensor:
        """Shifted, rotated and flipped: each pixel of the result is the one at (y, x) of the image, or 0."""
        height, width = images.shape[-2:]
        y = torch.arange(height, device=images.device).view(1, -1, 1).expand(len(images), -1, width)
        x = torch.arange(width, device=images.device).view(1, 1, -1).expand(len(images), height, -1)
        inside = None
        if "translation" in self.policy:
            y, x = y - _shift(images, p, height, self.translation), x - _shift(images, p, width, self.translation)
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            y, x = y % height, x % width  # still a permutation: no two gradients meet in one pixel, in whatever order
        if "rotation" in self.policy:
            turns = _integers(images, p, 0, 3) if height == width else 2 * _integers(images, p, 0, 1)
            y, x = torch.where(turns >= 2, height - 1 - y, y), torch.where(turns >= 2, width - 1 - x, x)
            y, x = torch.where(turns % 2 == 1, x, y), torch.where(turns % 2 == 1, width - 1 - y, x)
        if "flip" in self.policy:
            x = torch.where(_integers(images, p, 0, 1) == 1, width - 1 - x, x)
        places = _widened((y * width + x).flatten(1), images.ndim - 1).expand(*images.shape[:-2], -1)
        moved = images.flatten(-2).gather(-1, places).view_as(images)
        return moved if inside is None else moved * _widened(inside, images.ndim)


def _widened(rows: Tensor, ndim: int) -> Tensor:
    """(N, ...) as (N, 1, ..., 1, ...) of `ndim` dimensions."""
    return rows.view(len(rows), *[1] * (ndim - rows.ndim), *rows.shape[1:])


def _chosen(images: Tensor, p: float) -> Tensor:
    """Whether something is done to each of the images (N,)."""
    return draw(torch.rand, len(images), device=images.device) < p


def _uniform(images: Tensor, p: float, width: float) -> Tensor:
    """For each of the images, a number uniform in +-`width` with probability `p`, else 0: (N, 1, ..., 1)."""
    drawn = width * (2 * draw(torch.rand, len(images), device=images.device) - 1)
    return _widened(drawn * _chosen(images, p), images.ndim)


def _integers(images: Tensor, p: float, low: int, high: int) -> Tensor:
    """For each of the images, one of `low`, ..., `high` with probability `p`, else 0: (N, 1, 1)."""
    drawn = draw(partial(torch.randint, low, high + 1), len(images), device=images.device)
    return (drawn * _chosen(images, p)).view(-1, 1, 1)


def _shift(images: Tensor, p: float, side: int, share: float) -> Tensor:
    """By how many pixels each of the images moves along a side: (N, 1, 1)."""
    most = int(side * share + 0.5)
    return _integers(images, p, -most, most)


def _scaled(images: Tensor, p: float, deviation: float) -> Tensor:
    """Magnified by 2^n about the centre, n in N(0, deviation^2), through a matrix for each side.

    grid_sample would do, but it cannot be differentiated twice, which R1 needs.
    """
    chosen = _chosen(images, p)
    factors = torch.exp2(deviation * draw(torch.randn, len(images), device=images.device))
    with torch.autocast(images.device.type, enabled=False):
        rows, columns = (_widened(_resampling(side, factors), images.ndim) for side in images.shape[-2:])
        return torch.where(_widened(chosen, images.ndim), rows @ images.float() @ columns.mT, images)


def _resampling(side: int, factors: Tensor) -> Tensor:
    """The matrices (N, side, side) of linear interpolation that magnify about the centre; 0 is what lies outside."""
    places, centre = torch.arange(side, device=factors.device), (side - 1) / 2
    sources = (places - centre) / factors[:, None] + centre
    return relu(1 - (sources[..., None] - places).abs())


def _cut(images: Tensor, p: float, share: float) -> Tensor:
    """A rectangle of `share` of each side becomes 0, with its centre anywhere in the image."""
    cut = _chosen(images, p).view(-1, 1, 1)
    for axis, side in ((-1, images.shape[-2]), (-2, images.shape[-1])):
        size = int(side * share + 0.5)
        first = draw(partial(torch.randint, 0, side + 1 - size % 2), len(images), 1, 1, device=images.device)
        first = first - size // 2
        places = torch.arange(side, device=images.device).unsqueeze(axis)
        cut = cut & (places >= first) & (places < first + size)
    return images * ~_widened(cut, images.ndim)
