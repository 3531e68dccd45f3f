"""The discriminator of patches: Isola et al. 2017 (arXiv:1611.07004), section 3.3 and appendix 6.1.2."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LEAK, finish, inner_features, normalisation


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], with their source where it is shown, to logits (N, 1, h, w): one of each patch.

    A source of another size is brought to the images' own by repeating pixels. With `features` what its layers give
    comes in place of logits, (N, F): `layers.inner_features`.

    `halvings` convolutions of stride 2, two of stride 1: patches of 16, 34, 70, 142 pixels a side for 1, 2, 3, 4. With
    3, width 64, batch norm, and a source of 3 channels beside an image of 3 it has the 2,768,705 numbers of the
    authors' code.

    Raises:
        ArgumentError: the images are smaller than the convolutions take.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        source_shape: ImageShape | None = None,
        width: int,
        max_width: int,
        halvings: int,
        norm: str,
        spectral_norm: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        least = 4 * 2**halvings
        if min(image_shape[1:]) < least:
            need = f"patches of {halvings} halvings need sides of {least} pixels at least"
            raise ArgumentError("halvings", halvings, need, max(halvings - 1, 1))
        inputs = image_shape[0] + (source_shape[0] if source_shape else 0)
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(LEAK)]
        for level in range(1, halvings + 1):
            before, after = (min(width * 2**each, max_width) for each in (level - 1, level))
            stride = 2 if level < halvings else 1
            layers += [nn.Conv2d(before, after, 4, stride, 1, bias=norm != "batch"), *normalisation(norm, after)]
            layers.append(nn.LeakyReLU(LEAK))
        self.layers = nn.Sequential(*layers, nn.Conv2d(min(width * 2**halvings, max_width), 1, 4, 1, 1))
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Tensor, source: Tensor | None = None, features: bool = False) -> Tensor:
        seen = images
        if source is not None:
            if source.shape[2:] != images.shape[2:]:
                source = functional.interpolate(source, size=images.shape[2:], mode="nearest")
            seen = torch.cat([images, source], dim=1)
        if features:
            return inner_features(self.layers, seen).to(images.dtype)
        return self.layers(seen).to(images.dtype)
