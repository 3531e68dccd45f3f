"""Terms of the generator's loss beside the adversarial one, side by side: what `term=[...]` adds up.

Each is (N,), to be averaged and minimised; `AuxiliaryClassifier` is a term of the discriminator's as well.
`needs_truth`: it compares an image with the true one, which the task has to have: a translation of pairs, or an
enlargement. Values outside the ranges of their YAML files raise ArgumentError.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.collective import whole
from ganctl.contract import Batch, Critic, Given, Sample, Verdict
from ganctl.pretrained import LITE0, EfficientNetLite, efficientnet_lite, perceptual_distance
from ganctl.ranges import check_ranges, ranged


@dataclass(frozen=True)
class L1:
    """weight |G(x) - y|, averaged over the pixels (Isola et al. 2017, arXiv:1611.07004, eq. 3)."""

    weight: float = ranged(100.0, "[0, inf)", cure=100)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = True

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        return self.weight * (fake.images.float() - real.images).abs().flatten(1).mean(1)


@dataclass(frozen=True)
class L2:
    """weight (G(x) - y)^2, averaged over the pixels (Ledig et al. 2017, arXiv:1609.04802, eq. 4)."""

    weight: float = ranged(100.0, "[0, inf)", cure=100)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = True

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        return self.weight * (fake.images.float() - real.images).square().flatten(1).mean(1)


@dataclass(frozen=True)
class Perceptual:
    """weight d(G(x), y), with the distance of `pretrained.perceptual_distance` (Johnson et al. 2016, arXiv:1603.08155).

    EfficientNet-Lite0 takes the place of the paper's VGG. What it teaches it cannot judge.
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = True
    teacher: ClassVar = LITE0.name

    __post_init__ = check_ranges

    @cached_property
    def network(self) -> EfficientNetLite:
        return efficientnet_lite(LITE0)

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        network = self.network.to(fake.images.device)
        images, truth = (each.float().expand(-1, 3, -1, -1) for each in (fake.images, real.images))
        with torch.autocast(images.device.type, enabled=False):
            return self.weight * perceptual_distance(network, images, truth)


@dataclass(frozen=True)
class TotalVariation:
    """weight times the mean absolute difference of neighbours, down and to the right (Rudin et al. 1992, Physica D 60).

    The anisotropic form of the authors' total variation, a pixel.
    """

    weight: float = ranged(0.1, "[0, inf)", cure=0.1)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = False

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        images = fake.images.float()
        down, right = (images.diff(dim=dim).abs().flatten(1).mean(1) for dim in (2, 3))
        return self.weight * (down + right)


@dataclass(frozen=True)
class FeatureMatching:
    """weight times how far inner features of the discriminator, of generated images, are from those of real ones.

    With `has_truth`, which the run says, those of each image and of its true one, what is shown beside them the same
    (Wang et al. 2018, arXiv:1711.11585, eq. 3): the mean absolute difference of each layer, summed over layers, (N,).
    Without, the means over the batch, that of all processes (Salimans et al. 2016, arXiv:1606.03498, section 3.1, there
    squared and of one layer): ().
    """

    weight: float = ranged(10.0, "[0, inf)", cure=10)
    every: int = ranged(1, "[1, inf)", cure=1)
    has_truth: bool = False
    needs_truth: ClassVar = False
    asks: ClassVar = "features"  # a keyword that the discriminator must know

    __post_init__ = check_ranges

    def critic_penalty(self, fake: Sample, real: Batch, critic: Critic) -> Tensor:
        with torch.no_grad():
            wanted = critic(real.images, features=True)
        seen = critic(fake.images, features=True)
        if not self.has_truth:
            seen, wanted = (whole(rows.mean(0, keepdim=True)).mean(0, keepdim=True) for rows in (seen, wanted))
        return self.weight * (seen - wanted).abs().sum(1)


@dataclass(frozen=True)
class AuxiliaryClassifier:
    """weight -log P(C = c | X), of the class c that was asked for (Odena et al. 2017, arXiv:1610.09585, eq. 3).

    A term of both networks' losses: of the discriminator's on real and generated images, added up, and of the
    generator's on its own. The discriminator is asked for the classes by `critic(images, classes=True)`, which is a
    pass of its own. The term is (N,).
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = False
    needs_classes: ClassVar = True
    needs_image_gradient: ClassVar = False
    asks: ClassVar = "classes"  # a keyword that the discriminator must know

    __post_init__ = check_ranges

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor:
        losses = [self._of(each.images.detach(), each.shown["labels"], critic, each.shown) for each in (real, fake)]
        return losses[0] + losses[1]

    def critic_penalty(self, fake: Sample, real: Batch, critic: Critic) -> Tensor:
        return self._of(fake.images, fake.given["labels"], critic, {})

    def _of(self, images: Tensor, labels: Tensor, critic: Critic, shown: Given) -> Tensor:
        logits = critic(images, classes=True, **shown)
        return self.weight * functional.cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True)
class Identity:
    """weight |G(y) - y|: what is of its own kind already a generator leaves alone (Zhu et al. 2017, section 5.2).

    y are the real images; colours are kept then (arXiv:1703.10593, figure 9). The term is ().
    """

    weight: float = ranged(2.5, "[0, inf)", cure=2.5)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = False
    needs_like_sources: ClassVar = True  # of the images' shape

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        return self.weight * difference(generator(source=real.images), real.images)


@dataclass(frozen=True)
class Cycle:
    """weight |F(G(x)) - x|: what went there and `back`, by F, is what it was (Zhu et al. 2017, eq. 2).

    The paper's 10, and 5 for the identity, stand beside squared distances where `loss=least_squares` has half of them,
    so they are 5 and 2.5 here (arXiv:1703.10593). The term is ().
    """

    weight: float = ranged(5.0, "[0, inf)", cure=5)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = False

    __post_init__ = check_ranges

    def cycle_penalty(self, fake: Sample, back: nn.Module) -> Tensor:
        return self.weight * difference(back(source=fake.images), fake.given["source"])


@dataclass(frozen=True)
class Contrastive:
    """weight times the cross-entropy of finding an output's patch in its source (Park et al. 2020, arXiv:2007.15651).

    Features of the output and of its source, by the generator's own first half (`generator.patches`), at the same
    `patches` random places of each of its maps: each of the output's has to be told from the others of the same image
    (eq. 3). With `identity` the same is asked of real images and what the generator makes of them (eq. 4, last term),
    and the mean of both is taken. The term is (N,).
    """

    weight: float = ranged(1.0, "[0, inf)", cure=1)
    identity: bool = True
    patches: int = ranged(256, "[2, 65536]", cure=256)
    temperature: float = ranged(0.07, "(0, inf)", cure=0.07)
    every: int = ranged(1, "[1, inf)", cure=1)
    needs_truth: ClassVar = False
    needs_setting: ClassVar = "projection"  # of the generator, above 0

    __post_init__ = check_ranges

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        loss = self.told_apart(generator, fake.images, fake.given["source"])
        if self.identity:
            loss = (loss + self.told_apart(generator, generator(source=real.images), real.images)) / 2
        return self.weight * loss

    def told_apart(self, generator: nn.Module, outputs: Tensor, sources: Tensor) -> Tensor:
        """The mean cross-entropy over places and maps, (N,)."""
        wanted, places = generator.patches(sources, self.patches)  # type: ignore[operator]
        found, _ = generator.patches(outputs, self.patches, places)  # type: ignore[operator]
        losses = []
        for query, key in zip(found, wanted, strict=True):
            logits = query.float() @ key.detach().float().transpose(1, 2) / self.temperature
            own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
            losses.append(functional.cross_entropy(logits.transpose(1, 2), own, reduction="none").mean(1))
        return torch.stack(losses).mean(0)


def difference(images: Tensor, wanted: Tensor) -> Tensor:
    """The mean absolute difference, ()."""
    return (images.float() - wanted.detach()).abs().mean()
