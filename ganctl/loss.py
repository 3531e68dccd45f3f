"""Every adversarial loss, side by side, because comparing the formulas is the point.

Each is pure mathematics on logits D (N,), float32, unreduced: both methods return (N,), to be averaged and minimised.
Where a paper maximises, the sign is turned. With s the logistic function, `softplus(-D)` is -log s(D) and `softplus(D)`
is -log(1 - s(D)), without the overflow and the logarithm of 0 that the written formulas have.

`label_smoothing` is the one-sided kind of Salimans et al. 2016 (arXiv:1606.03498, section 3.4): the discriminator's
target for real images is 1 - label_smoothing instead of 1, for fake images it stays 0. Outside its range it raises
ArgumentError.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganctl.ranges import check_ranges, ranged
from ganctl.shapes import Alike


@dataclass(frozen=True)
class NonSaturating:
    """The non-saturating game (Goodfellow et al. 2014, arXiv:1406.2661, section 3, last paragraph).

    Discriminator: -log s(D(x)) - log(1 - s(D(G(z)))); generator: -log s(D(G(z))), whose gradient is strong where the
    discriminator is sure of a fake.
    """

    label_smoothing: float = ranged(0.0, "[0, 0.5)", cure=0.1)
    relativistic: ClassVar[bool] = False

    __post_init__ = check_ranges

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return _cross_entropy(real, fake, self.label_smoothing)

    def generator(self, fake: Alike, real: Alike | None = None) -> Alike:
        return softplus(-fake)


@dataclass(frozen=True)
class Minimax:
    """The game as first written (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1): both players have the same value.

    Discriminator: -log s(D(x)) - log(1 - s(D(G(z)))); generator: log(1 - s(D(G(z)))), which is flat where the
    discriminator is sure of a fake.
    """

    label_smoothing: float = ranged(0.0, "[0, 0.5)", cure=0.1)
    relativistic: ClassVar[bool] = False

    __post_init__ = check_ranges

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return _cross_entropy(real, fake, self.label_smoothing)

    def generator(self, fake: Alike, real: Alike | None = None) -> Alike:
        return -softplus(fake)


@dataclass(frozen=True)
class LeastSquares:
    """LSGAN (Mao et al. 2017, arXiv:1611.04076, eq. 9, the 0-1 coding): logits are drawn to a target, without s.

    Discriminator: (D(x) - b)^2 / 2 + D(G(z))^2 / 2; generator: (D(G(z)) - b)^2 / 2. b is 1 - label_smoothing for both,
    since the paper's generator aims at what its discriminator calls real (c = b).
    """

    label_smoothing: float = ranged(0.0, "[0, 0.5)", cure=0.1)
    relativistic: ClassVar[bool] = False

    __post_init__ = check_ranges

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return 0.5 * (real - (1 - self.label_smoothing)).square() + 0.5 * fake.square()

    def generator(self, fake: Alike, real: Alike | None = None) -> Alike:
        return 0.5 * (fake - (1 - self.label_smoothing)).square()


@dataclass(frozen=True)
class Hinge:
    """The hinge game (Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eqs. 16 and 17).

    Discriminator: max(0, 1 - D(x)) + max(0, 1 + D(G(z))); generator: -D(G(z)).
    """

    relativistic: ClassVar[bool] = False

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return relu(1 - real) + relu(1 + fake)

    def generator(self, fake: Alike, real: Alike | None = None) -> Alike:
        return -fake


@dataclass(frozen=True)
class Wasserstein:
    """WGAN (Arjovsky et al. 2017, arXiv:1701.07875, section 3, eqs. 2 and 3): a difference of means.

    Discriminator: D(G(z)) - D(x); generator: -D(G(z)). Its theory asks for a 1-Lipschitz discriminator, which something
    else has to see to: regularizer=gradient_penalty or weight_clipping, or spectral norm.
    """

    relativistic: ClassVar[bool] = False

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return fake - real

    def generator(self, fake: Alike, real: Alike | None = None) -> Alike:
        return -fake


@dataclass(frozen=True)
class Relativistic:
    """RpGAN (Jolicoeur-Martineau 2018, arXiv:1807.00734), the loss of R3GAN (Huang et al. 2024, arXiv:2501.05441).

    Each fake is judged against the real image of the same place in the batch. Discriminator: -log s(D(x) - D(G(z)));
    generator: -log s(D(G(z)) - D(x)).
    """

    relativistic: ClassVar[bool] = True

    def discriminator(self, real: Alike, fake: Alike) -> Alike:
        return softplus(fake - real)

    def generator(self, fake: Alike, real: Alike | None) -> Alike:
        assert real is not None, "a relativistic loss needs the logits of real images"
        return softplus(real - fake)


def _cross_entropy(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """-(1 - a) log s(r) - a log(1 - s(r)) - log(1 - s(f)); its first two terms are softplus(-r) + a r."""
    return softplus(-real) + smoothing * real + softplus(fake)
