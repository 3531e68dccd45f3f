"""The features of both sides as metrics take them: checked, and in parts that are always the same."""

from collections.abc import Iterable

import numpy
import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureSet, Score


def both_features(generated: FeatureSet, real: FeatureSet, *, least: int, what: str) -> tuple[Tensor, Tensor]:
    """The features (N, F) and (M, F) of both sides, as they are kept.

    Raises ValueError for two extractors, NaN, unequal dimensions, or fewer images a side than `what` needs at `least`.
    """
    check_count(generated.count, real.count, least=least, what=what)
    assert generated.features is not None and real.features is not None
    check_extractor(generated, real, what=what)
    if generated.features.shape[1] != real.features.shape[1]:
        raise ValueError(f"{generated.features.shape[1]} dimensions cannot be compared with {real.features.shape[1]}")
    if not (generated.features.isfinite().all() and real.features.isfinite().all()):
        raise ValueError(f"NaN or infinite features have no place in {what}; the images are not finite")
    return generated.features, real.features


def check_extractor(generated: FeatureSet, real: FeatureSet, *, what: str) -> None:
    """Raises ValueError for features of two extractors, which `what` cannot compare."""
    if generated.extractor != real.extractor:
        raise ValueError(
            f"one side's features come from {generated.extractor}, the other's from {real.extractor}; "
            f"{what} needs the same extractor on both sides"
        )


def by_name(declared: Iterable[Score], values: Iterable[float]) -> dict[str, float]:
    """The values of the declared scores, in their order, by the scores' names."""
    return {score.name: value for score, value in zip(declared, values, strict=True)}


def check_count(num_images: int, num_real: int | None, *, least: int, what: str) -> None:
    """Raises ArgumentError for fewer than `least` images a side; `num_real` None = not known yet."""
    for argument, count in (("num_images", num_images), ("num_real", num_real)):
        if count is not None and count < least:
            raise ArgumentError(argument, count, f"{what} needs at least {least} images a side")


def part(count: int, limit: int | None) -> Tensor:
    """The numbers, ascending, of at most `limit` of `count` images, (n,) int64; None: all.

    A random choice, as data sets may be sorted by class, but of the two numbers alone: numpy's frozen RandomState 0.
    """
    if limit is None or count <= limit:
        return torch.arange(count)
    return torch.from_numpy(numpy.sort(numpy.random.RandomState(0).permutation(count)[:limit]))
