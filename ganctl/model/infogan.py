"""InfoGAN: DCGAN's networks with codes in the latents and a head that recovers them.

Chen et al. 2016 (arXiv:1606.03657). What the codes are says `task.Codes`: the first latents, each through the normal's
distribution function. The head Q shares all convolutions with the discriminator (section 5); as in its authors' code
for MNIST it is a hidden layer with batch norm and a linear one, and the numbers' variance is 1.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.model import dcgan
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LEAK, finish
from ganctl.shapes import Features, Images, Labels, Latents, Logits


def codes(latents: Tensor, categories: int, continuous: int) -> tuple[Tensor, Tensor]:
    """The category (N,) int64 and the numbers (N, continuous) in [-1, 1] that latents (N, latent_size) mean."""
    shares = torch.special.ndtr(latents.float())
    first = bool(categories)
    category = (shares[:, 0] * categories).long().clamp(max=categories - 1)
    return category, 2 * shares[:, first : first + continuous] - 1


class Generator(nn.Module):
    """DCGAN's generator of the codes, the category as a one-hot vector, behind the other latents: (N, C, H, W).

    `settings` are those of `dcgan.Generator`. Without codes, as where no task has any, it is that generator.
    """

    def __init__(self, *, latent_size: int, categories: int = 0, continuous: int = 0, **settings: Any) -> None:
        super().__init__()
        self.categories, self.continuous = categories, continuous
        self.choosing_latents = bool(categories)
        self.number = bool(categories) + continuous
        self.dcgan = dcgan.Generator(latent_size=latent_size - bool(categories) + categories, **settings)

    def forward(self, latents: Latents, labels: Labels) -> Images:
        return self.from_placed(self.place(latents, labels))

    def place(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Where latents and labels lie in the space that images are made from, (N, size): a walk there has no jumps."""
        category, numbers = codes(latents, self.categories, self.continuous)
        chosen = category[:, None] == torch.arange(self.categories, device=latents.device)
        seen = torch.cat([latents[:, self.number :], numbers.to(latents.dtype), chosen.to(latents.dtype)], dim=1)
        return self.dcgan.place(seen, labels)

    def from_placed(self, placed: Tensor) -> Tensor:
        return self.dcgan.from_placed(placed)


class Discriminator(nn.Module):
    """DCGAN's discriminator: images and labels to logits (N,), or to its inner `features`; `settings` are its own.

    With `recover` it gives -log q(c|x) of the codes c that `latents` mean, (N,), but for what is constant: the
    cross-entropy of the category, and half the squared distance of each number (section 4, eq. 5).

    Raises:
        ArgumentError: `pack` is more than 1, where an image's codes cannot be told from its neighbours'.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        hidden: int,
        initialisation: str,
        spectral_norm: bool,
        categories: int = 0,
        continuous: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__()
        if settings.get("pack", 1) > 1:
            raise ArgumentError("pack", settings["pack"], "a pack has the codes of several images", 1)
        self.categories, self.continuous = categories, continuous
        drawn = {"initialisation": initialisation, "spectral_norm": spectral_norm}
        self.dcgan = dcgan.Discriminator(image_shape=image_shape, num_classes=num_classes, **drawn, **settings)
        self.recovery = nn.Sequential()
        if outputs := categories + continuous:
            self.recovery.append(nn.Linear(self.dcgan.num_features, hidden, bias=False))
            self.recovery.extend([nn.BatchNorm1d(hidden), nn.LeakyReLU(LEAK, inplace=True), nn.Linear(hidden, outputs)])
        finish(self.recovery, initialisation, spectral_norm=spectral_norm)

    def forward(
        self,
        images: Images,
        labels: Labels,
        latents: Latents | None = None,
        features: bool = False,
        recover: bool = False,
    ) -> Logits | Features:
        if not recover:
            return self.dcgan(images, labels, features)
        assert latents is not None and self.recovery, "the task has codes"
        category, numbers = codes(latents, self.categories, self.continuous)
        found = self.recovery(self.dcgan.layers(images)).float()
        distance = (found[:, self.categories :] - numbers).square().sum(1) / 2
        if not self.categories:
            return distance
        return distance + functional.cross_entropy(found[:, : self.categories], category, reduction="none")
