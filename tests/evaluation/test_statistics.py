from __future__ import annotations

import numpy
import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet
from ganctl.evaluation.statistics import FeatureStatistics, as_pixels, from_pixels
from ganctl.metric.frechet import frechet_distance

FEATURES = torch.randn(90, 12, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -2, 12) + 100


def gather(features: Tensor, sizes: list[int]) -> FeatureSet:
    statistics = FeatureStatistics("digits")
    for part in features.split(sizes):
        statistics.add(part, part[:, :3])
    return statistics.result()


def test_moments_are_those_of_numpy():
    found = gather(FEATURES, [20, 1, 30, 39])
    values = FEATURES.double().numpy()
    assert found.count == 90 and found.extractor == "digits"
    assert found.mean.numpy() == pytest.approx(values.mean(axis=0), rel=1e-12)
    assert found.covariance.numpy() == pytest.approx(numpy.cov(values, rowvar=False), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("sizes", [[90], [1] * 90, [7] * 12 + [6]])
def test_scores_do_not_depend_on_the_batch_size(sizes: list[int]):
    other = gather(FEATURES[:50] * 1.1, [50])
    expected = frechet_distance(gather(FEATURES, [45, 45]), other)
    assert frechet_distance(gather(FEATURES, sizes), other) == pytest.approx(expected, rel=1e-9)


def test_scores_do_not_depend_on_the_order():
    other = gather(FEATURES[:50] * 1.1, [50])
    shuffled = FEATURES[torch.randperm(90, generator=torch.Generator().manual_seed(1))]
    expected = frechet_distance(gather(FEATURES, [45, 45]), other)
    assert frechet_distance(gather(shuffled, [45, 45]), other) == pytest.approx(expected, rel=1e-9)


def test_what_came_in_is_kept_in_order():
    found = gather(FEATURES, [40, 50])
    assert found.features is not None and torch.equal(found.features, FEATURES)
    assert found.logits is not None and torch.equal(found.logits, FEATURES[:, :3])


def test_what_would_not_fit_in_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ganctl.evaluation.statistics.KEPT_BYTES", 4 * 90 * 12 - 1)
    found = gather(FEATURES, [40, 50])
    assert found.features is None
    assert found.logits is not None and found.count == 90


def test_an_extractor_without_classes_has_no_logits():
    statistics = FeatureStatistics("pixels")
    statistics.add(FEATURES, FEATURES[:, :0])
    assert statistics.result().logits is None


def test_nan_is_refused_at_once_and_says_where():
    statistics = FeatureStatistics("digits")
    statistics.add(FEATURES[:10], FEATURES[:10])
    broken = FEATURES[10:20].clone()
    broken[4, 4] = torch.inf
    with pytest.raises(ValueError, match="among images 10 to 19; the extractor cannot judge them"):
        statistics.add(broken, FEATURES[10:20])
    with pytest.raises(ValueError, match="among images 10 to 19"):
        statistics.add(FEATURES[10:20], broken)


@pytest.mark.parametrize("count", [0, 1])
def test_statistics_of_fewer_than_two_images_are_refused(count: int):
    statistics = FeatureStatistics("digits")
    if count:
        statistics.add(FEATURES[:1], FEATURES[:1])
    with pytest.raises(ValueError, match=f"num_images={count}: statistics need at least 2 images"):
        statistics.result()


def test_pixels_are_rounded_to_the_nearest_level_and_clipped():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(as_pixels(from_pixels(levels)), levels)
    generator = torch.Generator().manual_seed(0)
    moved = from_pixels(levels) + (torch.rand(256, generator=generator) - 0.5) * 0.98 / 127.5
    assert torch.equal(as_pixels(moved), levels)
    assert as_pixels(torch.tensor([-1.5, 1.5, 1.0])).tolist() == [0, 255, 255]
