"""Regularizers, side by side: terms added to a network's loss, and one thing done to the discriminator's input.

`every` = n means that the term is added on each n-th step and n times as strong (lazy regularization, Karras et al.
2020, arXiv:1912.04958, section 3.1). Both halves of this are the step's doing: the formulas below are without n.

The gradient of the *sum* of the logits is that of each image's own logit only where the discriminator judges each image
by itself: batch norm and minibatch discrimination mix them, and are best left out beside r1, r2 and gradient_penalty.
Of several processes each looks at its own images, but for what looks at a whole batch: lecam's anchors, mode_seeking's
pairs and energy_distance are those of all. Values outside the ranges of their YAML files raise ArgumentError.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import relu

from ganctl.collective import draw, draw_like, mean, whole
from ganctl.contract import ArgumentError, Batch, Critic, Sample, Verdict
from ganctl.course import half_cosine
from ganctl.gradient import gradient_at, squared_slope
from ganctl.ranges import check_ranges, ranged
from ganctl.shapes import Alike

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_RAW = ("parametrizations.weight.original", "weight_orig")  # before spectral norm, in torch's new and old form


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
class GradientPenalty:
    """lambda (||dD(x)/dx|| - target)^2 between real and fake (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3).

    x = e real + (1 - e) fake with e uniform in [0, 1), one for each pair, judged under the label of the real image.
    `weight` is lambda. With `one_sided` only gradients longer than `target` are penalised (section 4 there; Petzka et
    al. 2018, arXiv:1709.08894). The term is (N,).
    """

    weight: float = ranged(10.0, "[0, inf)", cure=1)
    target: float = ranged(1.0, "[0, inf)", cure=1)
    one_sided: bool = False
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_image_gradient: ClassVar[bool] = False

    __post_init__ = check_ranges

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        x, g = real.images.detach().float(), fake.images.detach().float()
        e = draw(torch.rand, len(real.logits), *[1] * (x.ndim - 1), device=x.device)
        e = e.repeat_interleave(len(x) // len(e), dim=0)  # one for all images of a pack
        gradient = gradient_at(e * x + (1 - e) * g, real.shown, critic)
        excess = torch.linalg.vector_norm(gradient, dim=1) - self.target
        return self.weight * (relu(excess) if self.one_sided else excess).square()


@dataclass
class LeCam:
    """lambda (E[(D(x) - a_F)^2] + E[(D(G(z)) - a_R)^2]) (Tseng et al. 2021, arXiv:2104.03310, eq. 3 and 4).

    For few images: a logit is drawn to where those of the other kind were of late, which bounds how far the two drift
    apart. The anchors a_R and a_F are moving averages of the logits on real and on generated images; they start at the
    first means, each update of the discriminator moves them by 1 - `decay` towards its own (with a batch in parts, each
    part does), and they are a `Memory`. This is the paper's formula; its authors' code counts a real logit only where
    it is above a_F, and a generated one only where it is below a_R. `weight` is lambda; the term is (N, ...).
    """

    weight: float = ranged(0.3, "[0, inf)", cure=0.3)
    decay: float = ranged(0.99, "[0, 1)", cure=0.99)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_image_gradient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_ranges(self)
        self.anchors: tuple[Tensor, Tensor] | None = None  # of real and generated images; None = no update yet

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        of_real, of_fake = self.anchors or _mean_logits(real, fake)
        return self.weight * ((real.logits - of_fake).square() + (fake.logits - of_real).square())

    def observe(self, real: Verdict, fake: Verdict) -> None:
        now = _mean_logits(real, fake)
        if self.anchors is None:
            self.anchors = now
        else:
            of_real, of_fake = (
                self.decay * a + (1 - self.decay) * mean for a, mean in zip(self.anchors, now, strict=True)
            )
            self.anchors = of_real, of_fake

    def state_dict(self) -> dict[str, Any]:
        return {"anchors": None if self.anchors is None else [float(anchor) for anchor in self.anchors]}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        anchors = content["anchors"]
        self.anchors = None if anchors is None else (torch.tensor(anchors[0]), torch.tensor(anchors[1]))


@dataclass(frozen=True)
class Orthogonal:
    """beta ||W^T W * (1 - I)||_F^2, summed over layers (Brock et al. 2019, arXiv:1809.11096, section 3.1).

    Filters, the columns of W, are drawn to right angles; their lengths stay free. W^T is the weight of a linear or
    convolutional layer as (filters, numbers of a filter); embeddings are left out. Where spectral norm divides a
    weight, the undivided one is taken. `weight` is beta; the term is a scalar for each of `networks`.
    """

    weight: float = ranged(1e-4, "[0, inf)", cure=1)
    networks: Sequence[str] = ("generator",)
    every: int = ranged(1, "[1, inf)", cure=1)

    def __post_init__(self) -> None:
        check_ranges(self)
        if (
            isinstance(self.networks, str)
            or not self.networks
            or not {*self.networks} <= {"generator", "discriminator"}
        ):
            need = "must be a list of generator, discriminator or both"
            raise ArgumentError("networks", self.networks, need, "[generator]")
        object.__setattr__(self, "networks", tuple(self.networks))

    def weight_penalty(self, network: nn.Module) -> Tensor:
        terms = [_squared_overlaps(filters) for filters in _filters(network)]
        return self.weight * sum(terms, torch.zeros(()))


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
class Reconstruction:
    """How far a discriminator's drawings of real images are from them (Liu et al. 2021, arXiv:2101.04775, eq. 3).

    `critic(images, reconstruct=True)` asks for it; a discriminator that does not know it is refused. The term is (N,).
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_image_gradient: ClassVar[bool] = False
    asks: ClassVar[str] = "reconstruct"  # a keyword that the discriminator must know

    __post_init__ = check_ranges

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        return self.weight * critic(real.images, reconstruct=True, **real.shown)


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
        x, g = (
            whole(functional.adaptive_avg_pool2d(images.float(), self.size).flatten(1))
            for images in (real.images, fake.images)
        )
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

    def perturb(self, images: Alike, step: int) -> Alike:
        left = 1.0 if self.decay_steps is None else max(0.0, 1 - step / self.decay_steps)
        if not (deviation := self.strength * left):
            return images
        return images + deviation * draw_like(images, torch.Tensor.normal_)


def _mean_logits(real: Verdict, fake: Verdict) -> tuple[Tensor, Tensor]:
    return mean(real.logits.detach().mean()), mean(fake.logits.detach().mean())


def _filters(network: nn.Module) -> Iterator[Tensor]:
    """The weight of each linear and convolutional layer of `network`, as (filters, numbers of a filter)."""
    for layer in network.modules():
        if not isinstance(layer, _WEIGHTED):
            continue
        own = dict(layer.named_parameters())
        raw = next((own[name] for name in _RAW if name in own), None)
        weight = layer.weight if raw is None else raw
        if isinstance(layer, _TRANSPOSED):  # stored as (inputs, outputs / groups, ...)
            weight = weight.unflatten(0, (layer.groups, -1)).transpose(1, 2).flatten(0, 1)
        yield weight.flatten(1)


def _squared_overlaps(filters: Tensor) -> Tensor:
    """The sum of the squared inner products of different rows of `filters` (n, d), through the smaller of two products.

    ||F F^T||_F = ||F^T F||_F, which spares an n x n matrix where n is large. Nothing cancels then: more rows than
    columns cannot all be at right angles.
    """
    with torch.autocast(filters.device.type, enabled=False):
        if len(filters) <= filters.shape[1]:
            products = filters @ filters.T
            return (products - torch.diag(products.diag())).square().sum()
        return (filters.T @ filters).square().sum() - filters.square().sum(1).square().sum()


def _neighbours_distance(rows: Tensor) -> Tensor:
    """The mean absolute difference of each row of (N, ...) and the next: (N - 1,)."""
    return (rows[1:] - rows[:-1]).abs().flatten(1).mean(1)
