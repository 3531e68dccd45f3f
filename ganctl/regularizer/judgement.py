"""What follows from what the discriminator says of images, from its logits and from what else it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganctl.collective import mean, share, whole
from ganctl.contract import Batch, Critic, Sample, Verdict
from ganctl.course import ImagesSeen
from ganctl.ranges import check_ranges, in_range, ranged
from ganctl.shapes import Alike
from ganctl.transform import Transforms


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


class Consistency:
    """A discriminator shall not mind a transform T of an image, real or generated, which it judges once more.

    lambda_real (D(x) - D(T(x)))^2 + lambda_fake (D(G(z)) - D(T(G(z))))^2, the balanced consistency of Zhao et al. 2020
    (arXiv:2002.04724, section 2.1, "bCR"); without the second term, which a `fake_weight` of 0 leaves out, that of
    Zhang et al. 2020 (arXiv:1910.12027, "CR-GAN"). With the real images alone a generator learns to draw what T does.

    `weight` is lambda_real, `fake_weight` lambda_fake; T are the `Transforms` of those settings, in the paper flips and
    shifts of a few pixels. T comes before an augmentation or a noise, which the critic puts on what it is given, by
    draws of their own. The term is (N, ...).
    """

    needs_image_gradient: ClassVar[bool] = False

    def __init__(
        self,
        *,
        weight: float = 10.0,
        fake_weight: float = 10.0,
        every: int = 1,
        policy: Sequence[str] = ("flip", "translation"),
        **strengths: float,
    ) -> None:
        self.weight = in_range("weight", weight, "[0, inf)", cure=10)
        self.fake_weight = in_range("fake_weight", fake_weight, "[0, inf)", cure=10)
        self.every = in_range("every", every, "[1, inf)", cure=1)
        self.transforms = Transforms(policy=policy, **strengths)

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        sides = ((self.weight, real), (self.fake_weight, fake))
        terms = [weight * self._change(verdict, critic).square() for weight, verdict in sides if weight]
        return sum(terms, torch.zeros_like(real.logits))

    def _change(self, verdict: Verdict, critic: Critic) -> Tensor:
        transformed = self.transforms.transformed(verdict.images.detach(), 1.0)
        return verdict.logits - critic(transformed, **verdict.shown)


@dataclass(frozen=True)
class MutualInformation:
    """-lambda log q(c|x) of codes c and the images x made of them, in both losses (Chen et al. 2016, arXiv:1606.03657).

    But for the codes' entropy, a constant, it is -lambda times the lower bound L_I of the mutual information (eq. 5 and
    6): the discriminator learns to recover codes, and the generator to let them be seen. `critic(images, recover=True)`
    asks for it. `weight` is lambda; the term is (N,).
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_image_gradient: ClassVar[bool] = False
    needs_codes: ClassVar[bool] = True
    asks: ClassVar[str] = "recover"  # a keyword that the discriminator must know

    __post_init__ = check_ranges

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        return self.weight * critic(fake.images.detach(), recover=True, **fake.shown)

    def critic_penalty(self, fake: Sample, real: Batch, critic: Critic) -> Tensor:
        return self.weight * critic(fake.images, recover=True)


class TopK(ImagesSeen):
    """The generator learns only from the k best of its images, by their logits (Sinha et al. 2020, arXiv:2002.06224).

    The gradients of the others are 0: "bad" images, as the discriminator judges them, lead away from the real ones as
    often as not (algorithm 1 there). Of a batch of B images k = max(`share`, `decay`^e) B, rounded down and at least 1,
    after e whole epochs of `epoch_kimg` thousand real images: while the discriminator has yet to learn, all count
    (section 3.1). The number of images is a `Memory`; k / B is logged. An image of several logits is judged by their
    mean, and k are those of the whole batch.
    """

    every: ClassVar[int] = 1

    def __init__(self, *, share: float = 0.5, decay: float = 0.99, epoch_kimg: float = 50.0) -> None:
        super().__init__()
        self.share = in_range("share", share, "(0, 1]", cure=0.5)
        self.decay = in_range("decay", decay, "(0, 1]", cure=0.99)
        self.epoch_kimg = in_range("epoch_kimg", epoch_kimg, "(0, inf)", cure=50)

    @property
    def kept(self) -> float:
        """The share of a batch that counts."""
        return max(self.share, self.decay ** (self.images // (1000 * self.epoch_kimg)))

    def shares(self, logits: Alike) -> Alike:
        judged = whole(logits.float().reshape(len(logits), -1).mean(1))
        k = max(1, int(self.kept * len(judged)))
        counted = torch.zeros_like(judged).index_fill(0, judged.topk(k).indices, len(judged) / k)
        return share(counted).view(-1, *[1] * (logits.ndim - 1)).expand_as(logits)

    def readings(self) -> dict[str, Tensor]:
        return {"share": torch.tensor(self.kept)}


def _mean_logits(real: Verdict, fake: Verdict) -> tuple[Tensor, Tensor]:
    return mean(real.logits.detach().mean()), mean(fake.logits.detach().mean())
