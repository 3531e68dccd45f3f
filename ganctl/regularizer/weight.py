"""Terms on the weights of a network, whatever images it sees, and a bound that they keep to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganctl.contract import ArgumentError
from ganctl.ranges import check_ranges, ranged

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_RAW = ("parametrizations.weight.original", "weight_orig")  # before spectral norm, in torch's new and old form


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
class WeightClipping:
    """w <- clip(w, -c, c) for each number w of the discriminator (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1).

    After each of its updates, as there, and before the first, as in its authors' code; biases and the weights of batch
    norm are such numbers, too. `limit` is c. So the discriminator is Lipschitz, with a constant that c and its layers
    decide.
    """

    limit: float = ranged(0.01, "(0, inf)", cure=0.01)
    every: ClassVar[int] = 1
    networks: ClassVar[tuple[str, ...]] = ("discriminator",)

    __post_init__ = check_ranges

    @torch.no_grad()
    def constrain(self, network: nn.Module) -> None:
        for parameter in network.parameters():
            parameter.clamp_(-self.limit, self.limit)


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
