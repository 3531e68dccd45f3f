"""The projected discriminator: Sauer et al. 2021 (arXiv:2111.01007), "Projected GANs Converge Faster".

A frozen network that knows pictures (EfficientNet-Lite0 with its ImageNet weights, as in the paper's section 4.1) sees
the image; its maps at four scales are mixed by random convolutions that are never trained, across channels (1x1) and
from each scale to the next finer one (3x3, the paper's section 3.2); small heads, one a scale, judge what comes out.
We differ: the image is seen at its own size or at `size`, not at 256 pixels, all scales are mixed to `channels`, and
the heads have spectral norm alone, without batch norm. Images of 32 pixels, whose coarsest map is a single place, seen
at 64 make a step 1.9 times as long, and CIFAR-10 came no nearer in 12,800 images (fd_pixels 5.9 against 5.0, one seed).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LEAK, MinibatchDeviation, normalise_spectra
from ganctl.pretrained import LITE0, efficientnet_lite
from ganctl.shapes import Images, Labels, Places

_SMALLEST = 4  # pixels a side that a head halves its map down to


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], grey or colour, and labels (N,) to logits (N, K): one of each place of each head.

    Only the heads learn. The frozen weights are no parameters and in no checkpoint, as they come with a package; the
    random ones are buffers of it. With `minibatch_deviation` each head sees how much the images of its batch differ
    (Karras et al. 2018, arXiv:1710.10196, section 3), so that its logits depend on the batch. Labels matter only with
    `num_classes`: each place is then compared with a vector learned for the label (Miyato and Koyama 2018,
    arXiv:1802.05637).
    """

    teacher: ClassVar = LITE0.name  # who judges by that network is no judge of a run with this

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        channels: int,
        width: int,
        size: int | None,
        num_classes: int | None = None,
        minibatch_deviation: bool = False,
    ) -> None:
        super().__init__()
        self.size = size
        self.seeing = efficientnet_lite(LITE0)
        freeze(self.seeing, saved=False)
        self.across = nn.ModuleDict({str(scale): mixing(count, channels, 1) for scale, count in LITE0.scales.items()})
        self.down = nn.ModuleDict({str(scale): mixing(channels, channels, 3) for scale in LITE0.scales})
        side = min(image_shape[1:]) if size is None else size
        sides = {scale: -(-side // scale) for scale in LITE0.scales}
        self.heads = nn.ModuleDict(
            {
                str(scale): Head(channels, width, sides[scale], num_classes, minibatch_deviation=minibatch_deviation)
                for scale in sides
            }
        )
        normalise_spectra(self.heads)

    def forward(self, images: Images, labels: Labels | None = None) -> Places:
        with torch.autocast(images.device.type, enabled=False):  # slower in bf16, where gradients are wanted
            maps = self.seeing.maps(self.resized(images.float().expand(-1, 3, -1, -1)))
        logits, coarser = [], None
        for scale in sorted(maps, reverse=True):
            mixed = self.across[str(scale)](maps[scale])
            if coarser is not None:
                mixed = mixed + functional.interpolate(coarser, size=mixed.shape[2:], mode="bilinear")
            coarser = self.down[str(scale)](mixed)
            logits.append(self.heads[str(scale)](coarser, labels))
        return torch.cat(logits, dim=1).to(images.dtype)

    def resized(self, images: Tensor) -> Tensor:
        """The images at the size that they are seen at."""
        shorter = min(images.shape[2:])
        if self.size is None or shorter == self.size:
            return images
        height, width = (round(side * self.size / shorter) for side in images.shape[2:])
        return functional.interpolate(images, size=(height, width), mode="bilinear", antialias=True)


class Head(nn.Module):
    """A map (N, channels, h, w), whose shorter `side` is halved down to 4, and labels (N,), to logits (N, places)."""

    def __init__(
        self, channels: int, width: int, side: int, num_classes: int | None, *, minibatch_deviation: bool
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while side > _SMALLEST:
            layers += [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(LEAK, inplace=True)]
            channels, side = width, side // 2
        if minibatch_deviation:
            layers.append(MinibatchDeviation())
            channels += 1
        layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.LeakyReLU(LEAK, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.logit = nn.Conv2d(width, 1, 1)
        self.classes = None if num_classes is None else nn.Embedding(num_classes, width)

    def forward(self, maps: Tensor, labels: Tensor | None) -> Tensor:
        features = self.layers(maps)
        logits = self.logit(features)
        if self.classes is not None:
            assert labels is not None, "a conditional task shows them"
            logits = logits + (self.classes(labels)[:, :, None, None] * features).sum(1, keepdim=True)
        return logits.flatten(start_dim=1)


def mixing(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A random convolution that is never trained and keeps the variance of what it mixes."""
    convolution = nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
    freeze(convolution, saved=True)
    return convolution


def freeze(network: nn.Module, *, saved: bool) -> None:
    """Puts buffers in place of the network's parameters, so that no optimizer and no `requires_grad_` finds them."""
    for module in list(network.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach(), persistent=saved)
