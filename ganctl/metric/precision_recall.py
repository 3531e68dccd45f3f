"""Fidelity and diversity apart: precision, recall, density and coverage, from balls around the nearest neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureSet, Score
from ganctl.metric.features import both_features, by_name, check_count, part

BLOCK = 1000  # rows of a distance matrix that are in memory at once


@dataclass(frozen=True)
class PrecisionRecall:
    """Four scores from balls around the images of one side, as wide as the distance to the k-th nearest on that side.

    With k = `neighbours` (Kynkaanniemi et al. 2019, arXiv:1904.06991, section 2), each in [0, 1], higher is better:
    `precision_<extractor>` is the share of generated images in any real image's ball, `recall_<extractor>` the share of
    real images in any generated image's ball.

    With k = `density_neighbours` (Naeem et al. 2020, arXiv:2002.09797, section 3), higher is better:
    `density_<extractor>` counts the real balls that a generated image lies in, over k, in [0, inf), about 1 where both
    distributions agree; `coverage_<extractor>` is the share of real balls with a generated image in them, in [0, 1].

    Balls are closed: copies of real images that have copies of their own are still inside. All four move with the
    number of images; at most `max_images` a side are looked at, a random choice that depends on the numbers alone.
    """

    neighbours: int = 3
    density_neighbours: int = 5
    max_images: int = 10000

    needs = ("generated.features", "real.features")

    def __post_init__(self) -> None:
        if self.max_images < self.fewest:
            need = f"{self._widest} needs {self.fewest} or more"
            raise ArgumentError("max_images", self.max_images, need, self.fewest)

    @property
    def fewest(self) -> int:  # images a side, as each needs all its neighbours
        return max(self.neighbours, self.density_neighbours) + 1

    @property
    def _widest(self) -> str:
        name = "neighbours" if self.neighbours >= self.density_neighbours else "density_neighbours"
        return f"{name}={self.fewest - 1}"

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        quantities = ("precision", "recall", "density", "coverage")
        return tuple(Score(f"{quantity}_{extractor}", "higher", quantity=quantity) for quantity in quantities)

    def check_count(self, num_images: int, num_real: int | None) -> None:
        check_count(num_images, num_real, least=self.fewest, what=f"precision and recall ({self._widest})")

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        what = f"precision and recall ({self._widest})"
        sides = both_features(generated, real, least=self.fewest, what=what)
        values = self.values(*(side[part(len(side), self.max_images)] for side in sides))
        return by_name(self.declare(generated.extractor, 0), values)

    def values(self, generated: Tensor, real: Tensor) -> tuple[float, float, float, float]:
        """Precision, recall, density, coverage of features (N, F) and (M, F), more rows a side than neighbours.

        Computed in float64 on features less the mean of the real ones, by blocks.
        """
        centre = real.double().mean(dim=0)
        generated, real = generated.double() - centre, real.double() - centre
        narrow, wide = radii(real, self.neighbours, self.density_neighbours)
        (around_generated,) = radii(generated, self.neighbours)
        precise, inside = 0, 0
        recalled, covered = (torch.zeros(len(real), dtype=torch.bool) for _ in range(2))
        for start in range(0, len(generated), BLOCK):
            distances = squared_distances(generated[start : start + BLOCK], real)
            precise += int((distances <= narrow).any(dim=1).sum())
            recalled |= (distances <= around_generated[start : start + BLOCK, None]).any(dim=0)
            in_ball = distances <= wide
            inside += int(in_ball.sum())
            covered |= in_ball.any(dim=0)
        density = inside / (self.density_neighbours * len(generated))
        return precise / len(generated), recalled.double().mean().item(), density, covered.double().mean().item()


def radii(side: Tensor, *neighbours: int) -> list[Tensor]:
    """The squared distance of each row (N, F) to its k-th nearest other row, (N,), for each k of `neighbours`."""
    squares = []
    for start in range(0, len(side), BLOCK):
        distances = squared_distances(side[start : start + BLOCK], side)
        distances[:, start : start + BLOCK].fill_diagonal_(torch.inf)
        nearest = distances.topk(max(neighbours), dim=1, largest=False).values
        squares.append(nearest[:, [k - 1 for k in neighbours]])
    return list(torch.cat(squares).T)


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """|x - y|^2 of all pairs of rows, (N, M), from float64 rows (N, F), (M, F) that are centred."""
    # |x|^2 + |y|^2 - 2 x.y is quick but leaves rounding where rows agree: what is less than 1e-12 of the norms is 0.
    norms = first.square().sum(dim=1)[:, None] + second.square().sum(dim=1)
    distances = torch.addmm(norms, first, second.T, alpha=-2)
    return distances.masked_fill_(distances < norms.mul_(1e-12), 0)
