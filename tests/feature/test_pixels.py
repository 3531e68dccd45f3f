"""The crude judge: exact averages, no classes, and what it cannot take."""

from __future__ import annotations

import pytest
import torch

from ganctl.contract import DataSpec, FeatureExtractor
from ganctl.evaluation.evaluate import lacking
from ganctl.evaluation.statistics import FeatureStatistics
from ganctl.feature.pixels import Pixels
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.inception_score import InceptionScore


def test_features_are_the_means_of_the_images_parts():
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).view(2, 3, 4, 4)
    features, logits = Pixels(size=2)(images)
    assert features.shape == (2, 12) and logits.shape == (2, Pixels.num_classes) == (2, 0)
    assert features[0, 0] == images[0, 0, :2, :2].mean() and features[1, 11] == images[1, 2, 2:, 2:].mean()
    assert isinstance(Pixels(), FeatureExtractor) and Pixels().resizing == "area average to 8x8"


def test_it_has_a_distance_and_no_inception_score():
    statistics = FeatureStatistics("pixels")
    statistics.add(*Pixels(size=4)(torch.rand(40, 1, 16, 16)))
    found = statistics.result()
    assert FrechetDistance()(found, found)["fd_pixels"] == pytest.approx(0, abs=1e-9)
    assert lacking(InceptionScore(), {"generated.features"}, "pixels") == "the extractor pixels knows no classes"


def test_another_size_is_another_extractor_and_small_images_are_refused():
    assert Pixels(size=4).weights_hash != Pixels(size=8).weights_hash
    with pytest.raises(ValueError, match=r"^size=32: .* try size=28$"):
        Pixels(size=32).check(DataSpec("digits", (1, 28, 28), None))
