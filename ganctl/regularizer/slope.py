"""Terms on the slope of the discriminator at images: how much its logits change where an image does.

The gradient of the *sum* of the logits is that of each image's own logit only where the discriminator judges each image
by itself: batch norm and minibatch discrimination mix them, and are best left out beside these.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu

from ganctl.collective import draw, draw_like, var_mean
from ganctl.contract import Critic, Verdict
from ganctl.course import half_cosine
from ganctl.gradient import gradient_at, squared_slope
from ganctl.ranges import check_ranges, ranged


@dataclass(frozen=True)
class _SquaredSlope:
    """What R1 and R2 have alike: gamma / 2 times a squared slope. `weight` is gamma."""

    weight: float = ranged(10.0, "[0, inf)", cure=1)
    final: float = ranged(1.0, "[0, inf)", cure=1)
    finite_step: float = ranged(0.0, "[0, inf)", cure=0.01)
    every: int = ranged(1, "[1, inf)", cure=1)

    __post_init__ = check_ranges

    @property
    def needs_image_gradient(self) -> bool:
        return not self.finite_step

    def at(self, share: float) -> "_SquaredSlope":
        return replace(self, weight=self.weight * half_cosine(1.0, self.final, share), final=1.0)

    def _of(self, verdict: Verdict, critic: Critic) -> Tensor:
        return self.weight / 2 * squared_slope(verdict, critic, self.finite_step)


class R1(_SquaredSlope):
    """R1 = gamma / 2 ||dD(x)/dx||^2 on real images x (Mescheder et al. 2018, arXiv:1801.04406, section 4.1).

    `weight` is gamma; over the burn-in it goes to the share `final` of itself (Huang et al. 2024, arXiv:2501.05441).
    With a `finite_step` above 0 a difference takes the gradient's place: `gradient.squared_difference`.
    The term is (N,).
    """

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        return self._of(real, critic)


class R2(_SquaredSlope):
    """R2: the same on generated images x (Mescheder et al. 2018, arXiv:1801.04406, section 4.1). The term is (N,)."""

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        return self._of(fake, critic)


@dataclass(frozen=True)
class _Length:
    """What the penalties on the gradient's length have alike: weight (||dD(x)/dx|| - target)^2 at points x.

    With `one_sided` only gradients longer than `target` are penalised (Petzka et al. 2018, arXiv:1709.08894).
    """

    weight: float = ranged(10.0, "[0, inf)", cure=1)
    target: float = ranged(1.0, "[0, inf)", cure=1)
    one_sided: bool = False
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_image_gradient: ClassVar[bool] = False

    __post_init__ = check_ranges

    def _at(self, points: Tensor, real: Verdict, critic: Critic) -> Tensor:
        gradient = gradient_at(points, real.shown, critic)
        excess = torch.linalg.vector_norm(gradient, dim=1) - self.target
        return self.weight * (relu(excess) if self.one_sided else excess).square()


class GradientPenalty(_Length):
    """lambda (||dD(x)/dx|| - target)^2 between real and fake (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3).

    x = e real + (1 - e) fake with e uniform in [0, 1), one for each pair, judged under the label of the real image.
    `weight` is lambda; `one_sided` is section 4 there. The term is (N,).
    """

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        x, g = real.images.detach().float(), fake.images.detach().float()
        e = _shares(real)
        return self._at(e * x + (1 - e) * g, real, critic)


@dataclass(frozen=True)
class Dragan(_Length):
    """lambda (||dD(x + d)/dx|| - target)^2 around real images x (Kodali et al. 2017, arXiv:1705.07215, section 2.3).

    The paper has d ~ N(0, c I) and leaves c to the range of the data. This is its authors' code, which ties it to them:
    d = e `spread` s u, with s the standard deviation of all numbers of the batch, u uniform in [0, 1), one for each
    number, and e uniform in [0, 1), one for each image. `weight` is lambda, `target` the paper's k. The term is (N,).
    """

    spread: float = ranged(0.5, "[0, inf)", cure=0.5)

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        x = real.images.detach().float()
        variance, _ = var_mean(x, list(range(x.ndim)))
        e, u = _shares(real), draw_like(x, torch.Tensor.uniform_)
        return self._at(x + e * self.spread * variance.sqrt() * u, real, critic)


def _shares(verdict: Verdict) -> Tensor:
    """Uniform in [0, 1): (N, 1, ..., 1), one for all images of a pack."""
    images, logits = verdict.images, verdict.logits
    drawn = draw(torch.rand, len(logits), *[1] * (images.ndim - 1), device=images.device)
    return drawn.repeat_interleave(len(images) // len(logits), dim=0)
