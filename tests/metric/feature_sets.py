"""Two sides of a comparison made of tensors, for the tests of metrics."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor

from ganctl.contract import FeatureSet


def side(
    features: Tensor | None = None,
    *,
    logits: Tensor | None = None,
    labels: Tensor | None = None,
    images: numpy.ndarray | None = None,
    extractor: str = "digits",
) -> FeatureSet:
    """A FeatureSet of what is given, whose statistics nobody looks at."""
    count = next(len(each) for each in (features, logits, labels, images) if each is not None)
    statistics = torch.zeros(2).double(), torch.eye(2).double()
    return FeatureSet(extractor, count, *statistics, features, logits, labels, images)


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal numbers that depend on the seed and the shape alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def uniform_images(*shape: int, seed: int) -> numpy.ndarray:
    """Images of independent uniform pixels, uint8."""
    return numpy.random.RandomState(seed).randint(256, size=shape).astype(numpy.uint8)
