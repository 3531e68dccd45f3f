"""R3GAN: Huang et al. 2024 (arXiv:2501.05441), "The GAN is dead; long live the GAN! A Modern Baseline GAN", config E.

Section 4 and the authors' code (github.com/brownvc/R3GAN, R3GAN/Networks.py): stages of residual blocks with grouped
convolutions (ResNeXt), resampling by the filter [1, 2, 1] between them, a learned basis in place of the first and the
last pixels, and no normalisation. We differ in these points: the network starts from 4 to 7 pixels a side, not always
4, so that 28, 96 or 96x64 pixels work as well as 32; and images are kept within [-1, 1] when the network is not
training, which the authors do when they write them. Their bfloat16 of the larger stages is device.precision=bf16 here.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.model.geometry import ImageShape, doubling, widths_of
from ganctl.model.layers import LEAK, LabelledLatents
from ganctl.shapes import Images, Labels, Latents, Logits


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W), at any size of `geometry.doubling`.

    A basis of `width` maps, each weighed by a linear function of the latents, makes the first pixels; after each
    stage of `blocks` residual blocks they are doubled, and a 1x1 convolution makes the image of the last ones. Nothing
    bounds the pixels while training; otherwise they are clamped to [-1, 1].
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        blocks: int,
        expansion: int,
        group_size: int,
        label_size: int,
    ) -> None:
        super().__init__()
        start, doublings = doubling(image_shape)
        widths = checked_widths(doublings + 1, width, max_width, expansion, group_size)[::-1]
        stages = Stages(blocks * len(widths), blocks, expansion, group_size)
        self.latents = LabelledLatents(latent_size, num_classes=num_classes, label_size=label_size)
        if self.latents.classes is not None and num_classes is not None:
            nn.init.normal_(self.latents.classes.weight, 0.0, num_classes**-0.5)
        self.project = drawn(nn.Linear(self.latents.size, widths[0], bias=False))
        self.basis = nn.Parameter(torch.randn(widths[0], *start))
        layers = [*stages.of(widths[0])]
        for before, after in pairwise(widths):
            layers += [*reshaped(before, after), Resampling(after, up=True), *stages.of(after)]
        self.layers = nn.Sequential(*layers, drawn(nn.Conv2d(widths[-1], image_shape[0], 1, bias=False)))

    def forward(self, latents: Latents, labels: Labels) -> Images:
        weights = self.project(self.latents(latents, labels))
        images = self.layers(weights[:, :, None, None] * self.basis).to(latents.dtype)
        return images if self.training else images.clamp(-1, 1)


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] and labels (N,) to logits (N,), at any size of `geometry.doubling`.

    The generator's stages from the image inwards, each followed by a halving. A basis of a map for each channel weighs
    the last 4 to 7 pixels, and a linear layer makes the logit of it. With `num_classes`, that layer makes a vector
    instead, whose inner product with one learned for the label is the logit.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        blocks: int,
        expansion: int,
        group_size: int,
    ) -> None:
        super().__init__()
        start, halvings = doubling(image_shape)
        widths = checked_widths(halvings + 1, width, max_width, expansion, group_size)
        stages = Stages(blocks * len(widths), blocks, expansion, group_size)
        layers = [drawn(nn.Conv2d(image_shape[0], widths[0], 1, bias=False)), *stages.of(widths[0])]
        for before, after in pairwise(widths):
            layers += [Resampling(before, up=False), *reshaped(before, after), *stages.of(after)]
        last = widths[-1]
        basis = drawn(nn.Conv2d(last, last, start, groups=last, bias=False))
        self.layers = nn.Sequential(*layers, basis, nn.Flatten())
        self.linear = drawn(nn.Linear(last, 1 if num_classes is None else last, bias=False))
        self.classes = None if num_classes is None else nn.Embedding(num_classes, last)
        if self.classes is not None and num_classes is not None:
            nn.init.normal_(self.classes.weight, 0.0, (last * num_classes) ** -0.5)

    def forward(self, images: Images, labels: Labels) -> Logits:
        seen = self.linear(self.layers(images))
        logits = seen.squeeze(1) if self.classes is None else (seen * self.classes(labels)).sum(1)
        return logits.to(images.dtype)


class Stages:
    """The residual blocks of a network that has `total` of them, `blocks` a stage."""

    def __init__(self, total: int, blocks: int, expansion: int, group_size: int) -> None:
        self.blocks, self.expansion, self.group_size = blocks, expansion, group_size
        self.gain = math.sqrt(2 / (1 + LEAK**2)) * total ** (-1 / 4)

    def of(self, channels: int) -> Iterable[nn.Module]:
        """The blocks of a stage of so many channels."""
        return [Block(channels, self.expansion, self.group_size, self.gain) for _ in range(self.blocks)]


class Block(nn.Module):
    """A residual block: (N, channels, H, W) to the same, with a grouped 3x3 convolution of `expansion` times as many.

    Its last convolution starts at 0, so that the block starts as the identity; the others at N(0, gain^2 / n), with n
    the inputs of an output and gain = sqrt(2 / (1 + 0.2^2)) L^(-1/4) for L blocks (Zhang et al. 2019, arXiv:1901.09321,
    with three layers in a block).
    """

    def __init__(self, channels: int, expansion: int, group_size: int, gain: float) -> None:
        super().__init__()
        inner = channels * expansion
        self.layers = nn.Sequential(
            drawn(nn.Conv2d(channels, inner, 1), gain),
            nn.LeakyReLU(LEAK, inplace=True),
            drawn(nn.Conv2d(inner, inner, 3, 1, 1, groups=inner // group_size), gain),
            nn.LeakyReLU(LEAK, inplace=True),
            drawn(nn.Conv2d(inner, channels, 1, bias=False), 0.0),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps)


class Resampling(nn.Module):
    """Doubles or halves maps (N, channels, H, W) by the filter [1, 2, 1], which is [1, 3, 3, 1] between the pixels.

    What lies outside of a map counts as 0, as in the authors' code.
    """

    kernel: Tensor

    def __init__(self, channels: int, *, up: bool) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
        self.up = up
        self.register_buffer("kernel", torch.outer(taps, taps).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        resample = functional.conv_transpose2d if self.up else functional.conv2d
        return resample(maps, self.kernel, stride=2, padding=1, groups=len(self.kernel))


def reshaped(before: int, after: int) -> list[nn.Module]:
    """A 1x1 convolution from one number of channels to another, for nn.Sequential; nothing where they are the same."""
    return [] if before == after else [drawn(nn.Conv2d(before, after, 1, bias=False))]


def drawn(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Conv2d | nn.Linear:
    """`layer` with weights from N(0, gain^2 / n), n being the inputs of an output, and biases of 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def checked_widths(levels: int, width: int, max_width: int, expansion: int, group_size: int) -> list[int]:
    """Channels of the stages from the image inwards. Raises ArgumentError where groups do not divide them."""
    widths = widths_of(levels, width=width, max_width=max_width)
    for argument, channels in (("width", widths[0]), ("max_width", widths[-1])):
        if channels * expansion % group_size:
            unit = group_size // math.gcd(group_size, expansion)
            need = f"{expansion} times {channels} channels make no whole groups of {group_size}"
            raise ArgumentError(argument, channels, need, max(unit, channels // unit * unit))
    return widths
