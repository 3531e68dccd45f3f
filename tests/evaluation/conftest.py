"""A tiny extractor and a tiny data set of one's own: classes that only satisfy the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor

from ganctl.contract import DataSpec, FeatureExtractor, ImageStore, Metric
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics import Generate


class Corners:
    """Four pixel sums as features, three of them as logits; counts the images it has seen."""

    name = "corners"
    weights_hash = "0" * 64
    num_classes = 3

    def __init__(self) -> None:
        self.seen = 0

    def check(self, spec: DataSpec) -> None:
        if spec.image_shape[0] != 1:
            raise ValueError("feature=corners: grey images only")

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen += len(images)
        features = torch.stack([images[:, 0, i::2, j::2].mean(dim=(1, 2)) for i in (0, 1) for j in (0, 1)], 1)
        return features, 10 * features[:, :3]


def make_store(count: int = 40, channels: int = 1, seed: int = 0, split: str = "train") -> ImageStore:
    images = numpy.random.default_rng(seed).integers(0, 256, (count, channels, 8, 8), dtype=numpy.uint8)
    content_hash = hashlib.sha256(images.tobytes()).hexdigest()
    return ImageStore(DataSpec("tiny", (channels, 8, 8), None), images, numpy.zeros(count, int), content_hash, split)


@pytest.fixture
def extractor() -> Corners:
    return Corners()


@pytest.fixture
def store() -> ImageStore:
    return make_store()


def evaluate(
    generate: Generate, extractor: FeatureExtractor, metrics: Mapping[str, Metric], real: RealFeatures, **settings: Any
) -> ScoreSet:
    own = {name: settings.pop(name) for name in ("batch_size", "progress") if name in settings}
    return Judge(extractor, metrics, **own).compare(generate, real, **settings)
