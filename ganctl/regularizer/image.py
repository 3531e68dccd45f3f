"""What is done with images themselves: terms on how generated ones vary, and noise on what a discriminator sees."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganctl.collective import draw_like, whole
from ganctl.contract import Batch, Sample
from ganctl.pooling import pooled
from ganctl.ranges import check_ranges, ranged
from ganctl.shapes import Alike


@dataclass(frozen=True)
class ModeSeeking:
    """lambda / (d(G(z1), G(z2)) / d(z1, z2) + eps) for the generator (Mao et al. 2019, arXiv:1903.05628, section 3.2).

    Latents that differ shall give images that differ. The paper maximises the ratio; its authors' code minimises this
    inverse, with d the mean absolute difference, and so do we, pair by pair. The paper's pairs have one label; ours are
    neighbours in the batch sorted by label, those that share it. So the generator is not called again: N images of K
    labels make N - K pairs. The term is the scalar mean over them, 0 where no two labels are equal. `weight` is lambda.

    `eps` keeps both divisions finite: it is also the least distance of latents that is counted.
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    eps: float = ranged(1e-5, "(0, inf)", cure=1e-5)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_latents: ClassVar[bool] = True

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        labels, latents = whole(fake.given["labels"]), whole(fake.given["latents"].float())
        order = torch.argsort(labels, stable=True)
        latents, labels, images = latents[order], labels[order], whole(fake.images.float())[order]
        ratio = _neighbours_distance(images) / _neighbours_distance(latents).clamp(min=self.eps)
        paired = labels[1:] == labels[:-1]
        return self.weight * (paired / (ratio + self.eps)).sum() / paired.sum().clamp(min=1)


@dataclass(frozen=True)
class EnergyDistance:
    """A distance of generated to real images, 2 E|x - g| - E|x - x'| - E|g - g'| (Szekely and Rizzo 2013, eq. 2.3).

    It is 0 only where both are alike in distribution, so the generator is drawn to the real images' colours and layout
    also where the discriminator teaches it nothing. Images are averaged to `size` pixels a side, |.| is the root mean
    square over their numbers, x and g are those of the batch. The term is (); it may be a little below 0.
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    size: int = ranged(8, "[1, 1024]", cure=8)
    every: int = ranged(1, "[1, inf)", cure=1)

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        x, g = (whole(pooled(images.float(), self.size).flatten(1)) for images in (real.images, fake.images))
        others = len(g) * (len(g) - 1)
        apart = 2 * torch.cdist(x, g).mean() - (torch.cdist(x, x).sum() + torch.cdist(g, g).sum()) / others
        return self.weight * apart / x.shape[1] ** 0.5


@dataclass(frozen=True)
class InstanceNoise:
    """Adds N(0, s^2) to every pixel that the discriminator sees, real or fake (Sonderby et al. 2017, arXiv:1610.04490).

    Two distributions blurred alike overlap, so that the discriminator cannot become perfect (Arjovsky and Bottou 2017,
    arXiv:1701.04862, section 3). s = strength (1 - step / decay_steps), then 0; `decay_steps` None = s stays
    `strength`. Pixels are in [-1, 1]. The noise is new at each call. It is a state of the
    input and not a term of a loss, so it is there at every step.
    """

    strength: float = ranged(0.1, "[0, inf)", cure=0.1)
    decay_steps: int | None = ranged(5000, "[1, inf)", cure=5000)
    every: ClassVar[int] = 1

    __post_init__ = check_ranges

    @property
    def steady(self) -> bool:
        """Whether it is the same at every step."""
        return self.decay_steps is None

    def perturb(self, images: Alike, step: int) -> Alike:
        left = 1.0 if self.decay_steps is None else max(0.0, 1 - step / self.decay_steps)
        if not (deviation := self.strength * left):
            return images
        return images + deviation * draw_like(images, torch.Tensor.normal_)


def _neighbours_distance(rows: Tensor) -> Tensor:
    """The mean absolute difference of each row of (N, ...) and the next: (N - 1,)."""
    return (rows[1:] - rows[:-1]).abs().flatten(1).mean(1)
