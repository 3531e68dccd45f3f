"""A generator of two dense layers, after Goodfellow et al. 2014 (arXiv:1406.2661), section 5: ReLU, then a sigmoid."""

import math

from torch import nn

from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LabelledLatents, drop, initialise
from ganctl.shapes import Images, Labels, Latents


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) of any shape.

    Dense `hidden` ReLU, dense C * H * W sigmoid; the sigmoid's s in [0, 1] becomes the pixel 2s - 1 in [-1, 1]. From
    100 latents through 128 to 28x28 grey pixels these are 12,928 + 101,136 parameters.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        hidden: int,
        dropout: float,
        label_size: int,
        initialisation: str,
    ) -> None:
        super().__init__()
        self.latents = LabelledLatents(latent_size, num_classes=num_classes, label_size=label_size)
        self.layers = nn.Sequential(
            nn.Linear(self.latents.size, hidden),
            nn.ReLU(inplace=True),
            *drop(dropout),
            nn.Linear(hidden, math.prod(image_shape)),
            nn.Sigmoid(),
            nn.Unflatten(1, image_shape),
        )
        initialise(self, initialisation)

    def forward(self, latents: Latents, labels: Labels) -> Images:
        return (2 * self.layers(self.latents(latents, labels)) - 1).to(latents.dtype)
