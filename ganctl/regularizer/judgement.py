"""Terms on what the discriminator says of images: its logits, and what else it is asked."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganctl.collective import mean
from ganctl.contract import Critic, Verdict
from ganctl.ranges import check_ranges, ranged


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


def _mean_logits(real: Verdict, fake: Verdict) -> tuple[Tensor, Tensor]:
    return mean(real.logits.detach().mean()), mean(fake.logits.detach().mean())
