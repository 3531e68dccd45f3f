"""What happens to pictures before anyone enlarges them: blur, a smaller size, noise and JPEG.

The first order of Real-ESRGAN's degradation: Wang et al. 2021 (arXiv:2107.10833), sections 3.1 and 3.2, eq. 1. Ranges
and the ways of resizing, without antialiasing, are those of the authors' code. We differ: blurs are the plain Gaussians
alone, three deviations wide; images become smaller at once by a whole factor, from any range of sizes there; and
Poisson noise counts a photon a level.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.ranges import check_ranges, in_range, ranged

KERNELS = ("area", "bilinear", "bicubic")
Seed = int | Sequence[int]
_GREY = numpy.array((0.299, 0.587, 0.114), numpy.float32)[:, None, None]  # of R, G, B: ITU-R 601
_PAIRS = {"blur": ("[0, 10]", "[0.2,3.0]"), "noise": ("[0, 255]", "[1,30]"), "poisson": ("[0, 100]", "[0.05,3.0]")}
_PAIRS |= {"jpeg": ("[1, 100]", "[30,95]")}


class Draw(NamedTuple):
    """What is drawn for one image. `deviations` of the blur lie along and across `angle`; the rest as `Degradation`."""

    deviations: tuple[float, float]
    angle: float
    kernel: str
    gaussian: float
    poisson: float
    grey: bool
    quality: int


@dataclass(frozen=True)
class Degradation:
    """Images (N, C, H, W) in [-1, 1] to degraded ones (N, C, H / factor, W / factor), of the 256 values of 8 bits.

    Image i is a function of itself and `seeds[i]` alone.

    Attributes:
        factor: how much smaller a side becomes; 1 = not at all.
        kernel: area, bilinear or bicubic, or random for one of these.
        blur: the least and the largest standard deviation, in pixels of the image.
        isotropic: share of the images that are blurred alike in all directions (eq. 2).
        noise: the least and the largest standard deviation of Gaussian noise, in levels of 255.
        poisson: the least and the largest strength of Poisson noise; with 1 the variance is the level itself.
        gaussian: share of the images whose noise is Gaussian; that of others is Poisson.
        grey: share of the images whose noise is the same in all channels.
        jpeg: the least and the largest quality, whole numbers.

    Raises:
        ArgumentError: a number outside its range, and a pair whose first is above its second.
    """

    factor: int
    kernel: str
    blur: Sequence[float]
    isotropic: float = ranged(0.7, "[0, 1]", cure=0.7)
    noise: Sequence[float] = (1.0, 30.0)
    poisson: Sequence[float] = (0.05, 3.0)
    gaussian: float = ranged(0.5, "[0, 1]", cure=0.5)
    grey: float = ranged(0.4, "[0, 1]", cure=0.4)
    jpeg: Sequence[int] = (30, 95)

    def __post_init__(self) -> None:
        check_ranges(self)
        for argument, (interval, cure) in _PAIRS.items():
            low, high = pair = getattr(self, argument)
            for value in pair:
                in_range(argument, value, interval, cure=cure)
            if low > high:
                raise ArgumentError(argument, f"[{low},{high}]", "begins above its end", f"[{high},{low}]")

    @torch.no_grad()
    def __call__(self, images: Tensor, seeds: Sequence[Seed]) -> Tensor:
        sources = [numpy.random.default_rng(seed) for seed in seeds]
        draws = [self.draw(source) for source in sources]
        small = smaller(blurred(images.float(), draws, self.blur[1]), draws, self.factor)
        levels = small.add(1).mul(127.5).clamp(0, 255).cpu().numpy()
        found = [
            compressed(noisy(row, draw, source), draw.quality)
            for row, draw, source in zip(levels, draws, sources, strict=True)
        ]
        return torch.from_numpy(numpy.stack(found)).to(images.device).float() / 127.5 - 1

    def draw(self, source: numpy.random.Generator) -> Draw:
        """Everything but the noise itself, in an order that the settings do not change."""
        along, across = source.uniform(self.blur[0], self.blur[1], 2)
        across = along if source.random() < self.isotropic else across
        angle, number = source.uniform(0, math.pi), int(source.integers(len(KERNELS)))
        is_gaussian = source.random() < self.gaussian
        gaussian, poisson = (source.uniform(low, high) for low, high in (self.noise, self.poisson))
        return Draw(
            deviations=(along, across),
            angle=angle,
            kernel=KERNELS[number] if self.kernel == "random" else self.kernel,
            gaussian=gaussian if is_gaussian else 0.0,
            poisson=0.0 if is_gaussian else poisson,
            grey=bool(source.random() < self.grey),
            quality=int(source.integers(self.jpeg[0], self.jpeg[1], endpoint=True)),
        )


def blurred(images: Tensor, draws: Sequence[Draw], largest: float) -> Tensor:
    """Each image of (N, C, H, W) under its own Gaussian, its edges repeated; three times the `largest` wide."""
    count, channels, height, width = images.shape
    radius = math.ceil(3 * largest)
    if not radius:
        return images
    kernels = gaussians(draws, radius).to(images).repeat_interleave(channels, dim=0)[:, None]
    padded = functional.pad(images, [radius] * 4, mode="replicate").reshape(
        1, count * channels, *(height + 2 * radius, width + 2 * radius)
    )
    return functional.conv2d(padded, kernels, groups=count * channels).view(count, channels, height, width)


def gaussians(draws: Sequence[Draw], radius: int) -> Tensor:
    """Kernels (N, 2 radius + 1, 2 radius + 1) that sum to 1: exp(-c^T S^-1 c / 2) at c = (x, y), eq. 2 and 3 there."""
    axis = torch.arange(-radius, radius + 1, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    found = []
    for draw in draws:
        along, across = (max(deviation, 1e-3) for deviation in draw.deviations)  # 0 leaves the image as it is
        cosine, sine = math.cos(draw.angle), math.sin(draw.angle)
        exponent = ((cosine * x + sine * y) / along).square() + ((cosine * y - sine * x) / across).square()
        kernel = torch.exp(-exponent / 2)
        found.append(kernel / kernel.sum())
    return torch.stack(found)


def smaller(images: Tensor, draws: Sequence[Draw], factor: int) -> Tensor:
    """Each image of (N, C, H, W) by its own kernel: (N, C, H / factor, W / factor)."""
    if factor == 1:
        return images
    size = [side // factor for side in images.shape[2:]]
    made = images.new_empty(*images.shape[:2], *size)
    for kernel in KERNELS:
        rows = [row for row, draw in enumerate(draws) if draw.kernel == kernel]
        if rows:
            made[rows] = functional.interpolate(images[rows], size=size, mode=kernel)
    return made


def shrunk(images: Tensor, factor: int, kernel: str) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] to (N, C, H / factor, W / factor), of the 256 values that 8 bits have."""
    size = [side // factor for side in images.shape[2:]]
    if kernel == "area":
        small = functional.interpolate(images, size=size, mode="area")
    else:
        small = functional.interpolate(images, size=size, mode="bicubic", antialias=True)
    return small.add(1).mul(127.5).round().clamp(0, 255).div(127.5).sub(1)


def noisy(levels: numpy.ndarray, draw: Draw, source: numpy.random.Generator) -> numpy.ndarray:
    """One image (C, h, w) of levels in [0, 255] with its noise, which may leave them."""
    seen = levels
    if draw.grey and len(levels) == 3:
        seen = (_GREY * levels).sum(0, keepdims=True)
    elif draw.grey:
        seen = levels[:1]
    if draw.gaussian:
        return levels + draw.gaussian * source.standard_normal(seen.shape, numpy.float32)
    return levels + numpy.float32(draw.poisson) * (source.poisson(seen) - seen)


def compressed(levels: numpy.ndarray, quality: int) -> numpy.ndarray:
    """One image (C, h, w), C 1 or 3, as JPEG gives it back: uint8."""
    pixels = levels.round().clip(0, 255).astype(numpy.uint8)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else numpy.ascontiguousarray(pixels.transpose(1, 2, 0)))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(file) as decoded:
        found = numpy.asarray(decoded)
    return found[None] if found.ndim == 2 else found.transpose(2, 0, 1)
