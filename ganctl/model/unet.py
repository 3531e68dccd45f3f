"""The U-Net of pix2pix: Isola et al. 2017 (arXiv:1611.07004), section 3.2 and appendix 6.1.1.

A source image is halved, down to its smallest even size, and doubled again; each doubling sees the map of its size from
the way down. We differ: a doubling repeats each pixel and convolves (`upsampling=resize`), which draws no checkerboard
(Odena et al. 2016); the paper's transposed convolutions are `upsampling=transposed`.
"""

import torch
from torch import nn

from ganctl.contract import ArgumentError
from ganctl.model.fastgan import EnlargingConv2d
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LEAK, initialise, normalisation
from ganctl.shapes import Images, Sources

_FEW = 16  # pixels of a map whose kernels have more numbers than it has
_DROPPED = 16  # pixels of the largest map that dropout changes, as in the authors' code; the innermost has none


class Generator(nn.Module):
    """Source images (N, C', H, W) in [-1, 1] to images (N, C, H, W) in [-1, 1], sides multiples of 2^`halvings`.

    `dropout` is the paper's only noise; here it is off when the network is evaluated, so that an output is a function
    of its source. `halvings` None takes as many as the sides allow. With 8 halvings of 256 pixels, width 64, batch norm
    and transposed convolutions it has the 54,413,955 numbers of the authors' code.

    Raises:
        ArgumentError: the sides cannot be halved so often, or source and image differ in size.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        source_shape: ImageShape,
        width: int,
        max_width: int,
        halvings: int | None,
        norm: str,
        dropout: float,
        upsampling: str,
        initialisation: str,
    ) -> None:
        super().__init__()
        if upsampling not in ("resize", "transposed"):
            raise ArgumentError("upsampling", upsampling, "is neither resize nor transposed", "resize")
        halvings = checked_halvings(image_shape, source_shape, halvings)
        self.multiple = 2**halvings  # of a side of other pictures
        widths = [min(width * 2**level, max_width) for level in range(halvings)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        inputs = source_shape[0]
        for level, outputs in enumerate(widths):
            innermost = level == halvings - 1
            plain = level == 0 or innermost
            layers: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(LEAK)]
            layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=norm != "batch"))
            self.down.append(nn.Sequential(*layers, *([] if plain else normalisation(norm, outputs))))
            inputs = outputs
        for level in reversed(range(1, halvings)):
            before = widths[level] * (1 if level == halvings - 1 else 2)
            pixels = image_shape[1] * image_shape[2] // 4 ** (level + 1)
            convolution = doubling_convolution(before, widths[level - 1], upsampling, pixels, bias=norm != "batch")
            dropped = dropout > 0 and level < halvings - 1 and min(image_shape[1:]) >> level <= _DROPPED
            noise = [nn.Dropout(dropout)] if dropped else []
            self.up.append(nn.Sequential(nn.ReLU(), convolution, *normalisation(norm, widths[level - 1]), *noise))
        before, pixels = widths[0] * (1 if halvings == 1 else 2), image_shape[1] * image_shape[2] // 4
        last = doubling_convolution(before, image_shape[0], upsampling, pixels, bias=True)
        self.to_image = nn.Sequential(nn.ReLU(), last, nn.Tanh())
        initialise(self, initialisation)

    def forward(self, source: Sources) -> Images:
        maps = [source]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        hidden = maps.pop()
        for layer in self.up:
            hidden = torch.cat([maps.pop(), layer(hidden)], dim=1)
        return self.to_image(hidden).to(source.dtype)


def checked_halvings(image_shape: ImageShape, source_shape: ImageShape, halvings: int | None) -> int:
    """How often both sides are halved. Raises ArgumentError where they cannot be."""
    if tuple(image_shape[1:]) != tuple(source_shape[1:]):
        raise ArgumentError("image_shape", image_shape, "a U-Net keeps its source's height and width")
    _, height, width = image_shape
    most = 0
    while height % 2 ** (most + 1) == 0 and width % 2 ** (most + 1) == 0:
        most += 1
    if halvings is None:
        if most < 2:
            raise ArgumentError("image_shape", image_shape, "a U-Net needs sides that are multiples of 4")
        return most
    if halvings > most:
        raise ArgumentError("halvings", halvings, f"images of {height}x{width} can be halved {most} times", most)
    return halvings


def doubling_convolution(inputs: int, outputs: int, upsampling: str, pixels: int, *, bias: bool) -> nn.Module:
    """From a map of so many pixels to twice its height and width.

    By nearest neighbours and a 3x3 convolution, or by a 4x4 transposed convolution.
    """
    if upsampling == "resize":
        return EnlargingConv2d(inputs, outputs, 3, 1, 1, bias=bias, repeat=pixels <= _FEW)
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
