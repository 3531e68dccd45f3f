"""Terms of the generator's loss beside the adversarial one, side by side: what `term=[...]` adds up.

Each is (N,), to be averaged and minimised. `needs_truth`: it compares an image with the true one, which the task has to
have: a translation of pairs, or an enlargement. Values outside the ranges of their YAML files raise ArgumentError.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganctl.contract import Batch, Sample
from ganctl.pretrained import EfficientNetLite0, efficientnet_lite0, perceptual_distance
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
    teacher: ClassVar = "efficientnet"

    __post_init__ = check_ranges

    @cached_property
    def network(self) -> EfficientNetLite0:
        return efficientnet_lite0()

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
        differences = images.diff(dim=2), images.diff(dim=3)
        return self.weight * sum(each.abs().flatten(1).mean(1) for each in differences)
