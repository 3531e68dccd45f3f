"""Frechet distance between two sets of features, exact in float64 also with fewer images than dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganctl.contract import FeatureSet


@dataclass(frozen=True)
class FrechetDistance:
    """Frechet distance of the Gaussians fitted to features (Heusel et al. 2017, arXiv:1706.08500, section 3, eq. 6).

    d^2 = |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)); lower is better, 0 at best. It is called `fid` with Inception's
    features and `fd_<extractor>` with any other.
    """

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        if generated.extractor != real.extractor:
            raise ValueError(
                f"feature: one side's features come from {generated.extractor}, the other's from {real.extractor}; "
                "a distance needs the same extractor on both sides"
            )
        name = "fid" if generated.extractor == "inception" else f"fd_{generated.extractor}"
        return {name: frechet_distance(generated, real)}


def frechet_distance(first: FeatureSet, second: FeatureSet) -> float:
    """The squared distance between two fitted Gaussians. Raises ValueError for one image, NaN or unequal dimensions.

    Tr (C1 C2)^(1/2) is the nuclear norm of A^T B for any factors C1 = A A^T, C2 = B B^T. With no more images than
    dimensions the centred features are such a factor, and singular values lose nothing to squaring. At full rank they
    are the roots of the eigenvalues of the symmetric A^T C2 A, which are found several times sooner than the
    singular values or the root of the unsymmetric C1 C2.
    """
    for side in (first, second):
        if side.count < 2:
            raise ValueError(f"evaluation.num_images={side.count}: a Frechet distance needs at least 2 images a side")
        if not (torch.isfinite(side.mean).all() and torch.isfinite(side.covariance).all()):
            raise ValueError("feature: NaN or infinite features have no Frechet distance; the images are not finite")
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"feature: {len(first.mean)} dimensions cannot be compared with {len(second.mean)}")
    difference = first.mean - second.mean
    traces = first.covariance.trace() + second.covariance.trace()
    distance = difference.dot(difference) + traces - 2 * trace_of_root(first, second)
    return max(float(distance), 0.0)


def trace_of_root(first: FeatureSet, second: FeatureSet) -> Tensor:
    """Tr (C1 C2)^(1/2) of the two covariances, a float64 scalar."""
    if few(first) or few(second):
        return torch.linalg.svdvals(factor(first).T @ factor(second)).sum()
    narrow, other = factor(first), second.covariance
    second_factor = factor(second)
    if second_factor.shape[1] < narrow.shape[1]:
        narrow, other = second_factor, first.covariance
    return torch.linalg.eigvalsh(narrow.T @ other @ narrow).clamp(min=0).sqrt().sum()


def few(side: FeatureSet) -> bool:
    """Whether the covariance is known to be singular and the features that it came from are there."""
    return side.features is not None and side.count <= len(side.mean)


def factor(side: FeatureSet) -> Tensor:
    """A (F, R) float64 with A A^T the covariance; R is at most the rank where that is known."""
    if side.factor is not None:
        return side.factor
    if few(side):
        assert side.features is not None
        return (side.features.double() - side.mean).T / (side.count - 1) ** 0.5
    lower, failed = torch.linalg.cholesky_ex(side.covariance)
    if not failed:
        return lower
    values, vectors = torch.linalg.eigh(side.covariance)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    return vectors[:, kept] * values[kept].sqrt()
