"""FastGAN's discriminator: Liu et al. 2021 (arXiv:2101.04775), section 3.2: it judges, and draws again what it saw.

To draw an image again from its small feature maps it has to keep what the image is made of, and so learns from few
pictures. `regularizer=[reconstruction]` asks it to, for real images. We differ from the authors' code: one path instead
of two, no excitation between maps, the distance of drawn and seen is the mean absolute one (theirs is a network's), and
the least map is 8 to 15 pixels a side at every size of the images.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.collective import common
from ganctl.model.fastgan import EnlargingConv2d, Gate
from ganctl.model.geometry import ImageShape, widths_of
from ganctl.model.layers import LEAK, finish
from ganctl.pooling import pooled
from ganctl.shapes import Images, Labels, Places

_LEAST = 8  # pixels a side of the map that is judged, at least


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], sides of 16 at least, and labels (N,) to logits (N, K): one of each place.

    `reconstruct=True` gives (N,) instead: how far the images that two decoders draw are from the given ones, in
    brightness (0 to 2). One decoder draws the whole image from the last map, the other a quarter of it, chosen at
    random for all of them, from the map before. Labels matter only with `num_classes`: each place is then compared with
    a vector learned for the label (Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        decoder_width: int,
        spectral_norm: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        halvings = halvings_of(image_shape)
        widths = widths_of(halvings, width=width, max_width=max_width)
        self.stem = nn.Sequential(
            nn.Conv2d(image_shape[0], width, 4, 2, 1, bias=False), nn.LeakyReLU(LEAK, inplace=True)
        )
        self.blocks = nn.ModuleList(Block(before, after) for before, after in pairwise(widths))
        self.features = nn.Sequential(*_convolution(widths[-1], widths[-1], 1))
        self.logit = nn.Conv2d(widths[-1], 1, 4, bias=False)
        self.classes = None if num_classes is None else nn.Embedding(num_classes, widths[-1])
        self.whole = Decoder(widths[-1], image_shape[0], decoder_width, halvings - 1)
        self.quarter = Decoder(widths[max(halvings - 2, 0)], image_shape[0], decoder_width, halvings - 1)
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels, *, reconstruct: bool = False) -> Tensor:
        maps = [self.stem(images)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        if reconstruct:
            return self.error(images, maps).to(images.dtype)
        return self.logits(maps[-1], labels).to(images.dtype)

    def logits(self, hidden: Tensor, labels: Tensor) -> Places:
        features = self.features(hidden)
        logits = self.logit(features)
        if self.classes is not None:
            places = functional.avg_pool2d(features, 4, 1)
            logits = logits + (self.classes(labels)[:, :, None, None] * places).sum(1, keepdim=True)
        return logits.flatten(start_dim=1)

    def error(self, images: Tensor, maps: list[Tensor]) -> Tensor:
        """Mean absolute difference of each image, and of a quarter of it, to what is drawn of them: (N,)."""
        lower, right = torch.randint(2, (2,), generator=common()).tolist()
        before = maps[-2] if len(maps) > 1 else maps[-1]
        drawn = [self.whole(maps[-1]), self.quarter(_quarter(before, lower, right))]
        errors = [
            (functional.interpolate(seen, size=image.shape[2:], mode="area") - image).abs().mean(dim=(1, 2, 3))
            for seen, image in zip((images, _quarter(images, lower, right)), drawn, strict=True)
        ]
        return errors[0] + errors[1]


class Block(nn.Module):
    """Half the size in two ways, averaged: two convolutions, and a mean of 2x2 places with one."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.long = nn.Sequential(*_convolution(before, after, 4), *_convolution(after, after, 3))
        self.short = nn.Sequential(nn.AvgPool2d(2), *_convolution(before, after, 1))

    def forward(self, maps: Tensor) -> Tensor:
        return (self.long(maps) + self.short(maps)) / 2


class Decoder(nn.Module):
    """A map (N, channels, h, w), first averaged to 8x8 places, to images (N, C, 8 * 2^doublings, the same)."""

    def __init__(self, channels: int, image_channels: int, width: int, doublings: int) -> None:
        super().__init__()
        widths = widths_of(doublings, width=width, max_width=8 * width)[::-1]
        layers: list[nn.Module] = []
        for after in widths:
            convolution = EnlargingConv2d(channels, 2 * after, 3, 1, 1, bias=False)
            layers += [convolution, nn.BatchNorm2d(2 * after), Gate()]
            channels = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, image_channels, 3, 1, 1, bias=False), nn.Tanh())

    def forward(self, maps: Tensor) -> Tensor:
        return self.layers(pooled(maps, _LEAST)).float()


def halvings_of(image_shape: ImageShape) -> int:
    """How often the shorter side of an image (C, H, W) can be halved to 8 pixels or more; 1 at least."""
    halvings, side = 0, min(image_shape[1:])
    while side >= 2 * _LEAST:
        halvings, side = halvings + 1, side // 2
    return max(halvings, 1)


def _convolution(before: int, after: int, kernel: int) -> list[nn.Module]:
    """With batch norm; a kernel of 4 halves the size."""
    stride, padding = (2, 1) if kernel == 4 else (1, kernel // 2)
    return [
        nn.Conv2d(before, after, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(after),
        nn.LeakyReLU(LEAK, inplace=True),
    ]


def _quarter(maps: Tensor, lower: int, right: int) -> Tensor:
    """The upper or lower, left or right quarter of maps (N, C, H, W): (N, C, H // 2, W // 2)."""
    height, width = (side // 2 for side in maps.shape[2:])
    top, left = lower * (maps.shape[2] - height), right * (maps.shape[3] - width)
    return maps[:, :, top : top + height, left : left + width]
