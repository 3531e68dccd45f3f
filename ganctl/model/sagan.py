"""SAGAN: Zhang et al. 2019 (arXiv:1805.08318), "Self-Attention Generative Adversarial Networks".

Section 3 and the authors' code (github.com/brain-research/self-attention-gan, generator.py and discriminator.py, the
structures "test"): SNGAN's residual networks, spectral norm in both of them, labels by conditional batch norm in the
generator and by projection in the discriminator, and a layer of self-attention in each. At 128 pixels, with width 64,
max_width 1024 and attention 32, they are the authors'. We differ in these points: the networks start from 4 to 7
pixels a side, so that 28, 96 or 96x64 pixels work as well; batch norm's averages forget by 0.1 a step as torch has it,
not by 0.001.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from ganctl.model.attention import SelfAttention, attended
from ganctl.model.geometry import ImageShape, doubling, widths_of
from ganctl.model.layers import ConditionalBatchNorm, LogitHead, Weighted, finish, initialise, normalise_spectra
from ganctl.model.resnet import DBlock
from ganctl.shapes import Images, Labels, Latents, Logits

Norm = Callable[[int], ConditionalBatchNorm]
"""Makes the batch norm of so many channels."""


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) in [-1, 1], at any size of `geometry.doubling`.

    A linear layer makes the first pixels, `Trunk` the image. With `num_classes` each batch norm of a block has a scale
    and a shift for each class. Attention stands after the block whose maps have the most pixels, up to `attention` on
    the shorter side; 0 = none.

    Raises:
        ArgumentError: the maps of all blocks have more pixels than `attention`.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        attention: int,
        spectral_norm: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(
            image_shape, width, max_width, attention, lambda channels: ConditionalBatchNorm(channels, num_classes)
        )
        self.project = nn.Linear(latent_size, self.trunk.inputs)
        initialise(self, initialisation)
        if spectral_norm:
            normalise_spectra(self, Weighted)  # not of the classes' scales and shifts

    def forward(self, latents: Latents, labels: Labels) -> Images:
        conditions = [labels] * len(self.trunk.blocks)
        return self.trunk(self.project(latents), conditions).to(latents.dtype)


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] and labels (N,) to logits (N,), at any size of `geometry.doubling`.

    Residual blocks halve the image, `flat_blocks` more keep its size; then ReLU, the sum over all pixels, and the
    logit, with `num_classes` by projection. One flat block leaves 4 to 7 pixels on the shorter side, as the authors
    have it at 128 pixels; two leave twice as many, as SNGAN has it at 32 (Miyato et al. 2018, arXiv:1802.05957, table
    3). Attention stands where the generator's does, after the block that has halved the image to so many pixels.

    Raises:
        ArgumentError: the maps of all blocks have more pixels than `attention`.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        flat_blocks: int,
        attention: int,
        spectral_norm: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        halvings = doubling(image_shape)[1] + 1 - flat_blocks
        widths = widths_of(halvings, width=width, max_width=max_width)
        sides = [min(image_shape[1:]) >> number for number in range(1, halvings + 1)]
        place, layers = attended(sides, attention), list[nn.Module]()
        for number, (before, after) in enumerate(pairwise([image_shape[0], *widths])):
            layers.append(DBlock(before, after, 0.0, first=number == 0))
            layers += [SelfAttention(after)] if sides[number] == place else []
        layers += [DBlock(widths[-1], widths[-1], 0.0, downsample=False) for _ in range(flat_blocks)]
        self.layers = nn.Sequential(*layers, nn.ReLU(inplace=True))
        self.head = LogitHead(widths[-1], num_classes, 0, 0)
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels) -> Logits:
        return self.head(self.layers(images).sum((2, 3)), labels).to(images.dtype)


class Trunk(nn.Module):
    """What makes the image of its first pixels: (N, inputs) to (N, C, H, W) in [-1, 1].

    Residual blocks, each with batch norm by a condition of its own, double the maps; batch norm, ReLU, a 3x3
    convolution and tanh follow.
    """

    def __init__(self, image_shape: ImageShape, width: int, max_width: int, attention: int, norm: Norm) -> None:
        super().__init__()
        start, doublings = doubling(image_shape)
        widths = widths_of(doublings + 1, width=width, max_width=max_width)[::-1]
        sides = [min(start) << number for number in range(1, doublings + 1)]
        place = attended(sides, attention)
        self.first = nn.Unflatten(1, (widths[0], *start))
        self.inputs = widths[0] * start[0] * start[1]
        self.blocks = nn.ModuleList(
            GBlock(before, after, norm, attends=side == place)
            for side, (before, after) in zip(sides, pairwise(widths), strict=True)
        )
        last = nn.Conv2d(widths[-1], image_shape[0], 3, 1, 1)
        self.last = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True), last, nn.Tanh())

    def forward(self, pixels: Tensor, conditions: Sequence[Tensor]) -> Tensor:
        maps = self.first(pixels)
        for block, condition in zip(self.blocks, conditions, strict=True):
            maps = block(maps, condition)
        return self.last(maps)


class GBlock(nn.Module):
    """The generator's residual block: (N, before, H, W) and a condition (N, ...) to (N, after, 2H, 2W).

    As SNGAN's, but that all convolutions have biases. The 1x1 convolution of the shortcut comes before its doubling:
    the two commute, and so it costs a quarter.
    """

    def __init__(self, before: int, after: int, norm: Norm, *, attends: bool) -> None:
        super().__init__()
        self.first_norm, self.second_norm = norm(before), norm(after)
        self.first, self.second = nn.Conv2d(before, after, 3, 1, 1), nn.Conv2d(after, after, 3, 1, 1)
        self.shortcut = nn.Conv2d(before, after, 1)
        self.upsample, self.relu = nn.Upsample(scale_factor=2), nn.ReLU(inplace=True)
        self.attention = SelfAttention(after) if attends else nn.Identity()

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        inner = self.first(self.upsample(self.relu(self.first_norm(maps, condition))))
        inner = self.second(self.relu(self.second_norm(inner, condition)))
        return self.attention(inner + self.upsample(self.shortcut(maps)))
