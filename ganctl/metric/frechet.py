"""Frechet distance between two sets of features, exact in float64 also with fewer images than dimensions."""

from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from ganctl.contract import FeatureSet, Score
from ganctl.metric.features import check_count, check_extractor

TOLERANCE = 5e-7  # most relative error of a distance that the quick way may have
FLOOR = 1e-10  # the same, as a share of the traces, for distances that are nearly 0
PIVOT = 1e-12  # least share of a Cholesky factor's largest pivot: below it rounding decides
ROUNDING = 4 * torch.finfo(torch.float64).eps  # of an eigenvalue, as a share of the largest; measured 1


@dataclass(frozen=True)
class FrechetDistance:
    """Frechet distance of the Gaussians fitted to features (Heusel et al. 2017, arXiv:1706.08500, section 3, eq. 6).

    d^2 = |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)); lower is better, 0 at best. It is called `fid` with Inception's
    features and `fd_<extractor>` with any other.
    """

    needs = ()

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        name = "fid" if extractor == "inception" else f"fd_{extractor}"
        return (Score(name, "lower", quantity="frechet_distance"),)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        check_extractor(generated, real, what="a distance")
        (score,) = self.declare(generated.extractor, 0)
        return {score.name: frechet_distance(generated, real)}


def frechet_distance(first: FeatureSet, second: FeatureSet) -> float:
    """The squared distance between two fitted Gaussians. Raises ValueError for one image, NaN or unequal dimensions.

    Tr (C1 C2)^(1/2) is the nuclear norm of A^T B for any factors C1 = A A^T, C2 = B B^T, and the sum of the roots of
    the eigenvalues of the symmetric A^T C2 A. Eigenvalues are several times as quick as singular values, but the
    squaring loses half the digits of those near 0: they are taken where their rounding cannot reach `TOLERANCE`, and
    singular values elsewhere.
    """
    check_count(first.count, second.count, least=2, what="a Frechet distance")
    for side in (first, second):
        if not (torch.isfinite(side.mean).all() and torch.isfinite(side.covariance).all()):
            raise ValueError("NaN or infinite features have no Frechet distance; the images are not finite")
    if first.mean.shape != second.mean.shape:
        raise ValueError(f"{len(first.mean)} dimensions cannot be compared with {len(second.mean)}")
    difference = first.mean - second.mean
    traces = float(first.covariance.trace() + second.covariance.trace())
    rest = float(difference.dot(difference)) + traces
    root, doubt = root_by_eigenvalues(first, second)
    distance = rest - 2 * root
    if 2 * doubt > max(TOLERANCE * distance, FLOOR * traces):
        distance = rest - 2 * float(torch.linalg.svdvals(factor(first).T @ factor(second)).sum())
    return max(distance, 0.0)


def root_by_eigenvalues(first: FeatureSet, second: FeatureSet) -> tuple[float, float]:
    """Tr (C1 C2)^(1/2) and the most that rounding may have changed it by, infinite where no factor can be had."""
    alive = (first.covariance.diagonal() > 0) & (second.covariance.diagonal() > 0)
    if not alive.any():
        return 0.0, 0.0
    scale = float(first.covariance.diagonal().max() * second.covariance.diagonal().max())
    if few(first) or few(second):
        narrow, other = sorted((first, second), key=lambda side: side.count if few(side) else len(side.mean) + 1)
        a = centred(narrow)
        product = centred(other).T @ a if few(other) else None
        return sum_of_roots(a.T @ other.covariance @ a if product is None else product.T @ product, scale)
    for side, other in sorted(((second, first), (first, second)), key=lambda pair: pair[0].factor is None):
        if (lower := cholesky(side, alive)) is not None:
            covariance = other.covariance if alive.all() else other.covariance[alive][:, alive]
            return sum_of_roots(between(lower, covariance), scale)
    return 0.0, float("inf")


def few(side: FeatureSet) -> bool:
    """Whether the covariance is known to be singular and the features that it came from are there."""
    return side.features is not None and side.count <= len(side.mean)


def centred(side: FeatureSet) -> Tensor:
    """A (F, count - 1) with A A^T the covariance: the centred features, reflected so that one image's are all 0."""
    assert side.features is not None
    a = side.features.double().sub_(side.mean).div_((side.count - 1) ** 0.5)
    # The rows sum to 0, so that the Householder reflection which takes (1, ..., 1) to the first image does it.
    return (a[1:] + a[:1] / (side.count**0.5 - 1)).T


def cholesky(side: FeatureSet, alive: Tensor | None = None) -> Tensor | None:
    """The lower factor of the covariance between the features `alive` (F,) bool; None where it is nearly singular."""
    if alive is None or alive.all():
        lower, failed = (side.factor, False) if side.factor is not None else torch.linalg.cholesky_ex(side.covariance)
    else:
        lower, failed = torch.linalg.cholesky_ex(side.covariance[alive][:, alive])
    pivots = lower.diagonal().square()
    return None if failed or not pivots.min() > PIVOT * pivots.max() else lower


def between(lower: Tensor, covariance: Tensor) -> numpy.ndarray:
    """L^T C L of a lower triangle L and a symmetric C, as a lower triangle: a quarter of the work of two products."""
    from scipy.linalg.lapack import get_lapack_funcs

    (sygst,) = get_lapack_funcs(("sygst",), dtype=numpy.float64)
    product, failed = sygst(covariance.numpy().T, lower.numpy(), itype=2, lower=1)
    assert not failed
    return product


def sum_of_roots(matrix: Tensor | numpy.ndarray, scale: float) -> tuple[float, float]:
    """The sum of the roots of a positive semidefinite matrix's eigenvalues, and what their rounding may do to it.

    Only the lower triangle is read. `scale` is the least that the norms of the matrix's factors multiply to.
    """
    from scipy.linalg import eigh

    values = eigh(numpy.asarray(matrix), eigvals_only=True, driver="evr", check_finite=False).clip(min=0)
    roots = numpy.sqrt(values)
    error = ROUNDING * max(values[-1], scale)
    return float(roots.sum()), float((numpy.sqrt(values + error) - roots).sum())


def factor(side: FeatureSet) -> Tensor:
    """A (F, R) float64 with A A^T the covariance, from the features themselves where there are any."""
    if few(side):
        return centred(side)
    if side.features is not None:  # by QR, some rows at a time
        upper = torch.empty(0, len(side.mean), dtype=torch.float64)
        for rows in side.features.split(4 * len(side.mean)):
            upper = torch.linalg.qr(torch.cat([upper, rows.double() - side.mean]), mode="r").R
        return upper.T / (side.count - 1) ** 0.5
    if (lower := cholesky(side)) is not None:
        return lower
    values, vectors = torch.linalg.eigh(side.covariance)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    return vectors[:, kept] * values[kept].sqrt()
