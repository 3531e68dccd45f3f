from __future__ import annotations

import numpy
import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet
from ganctl.evaluation.statistics import FeatureStatistics, in_8_bits
from ganctl.metric.frechet import frechet_distance

FEATURES = torch.randn(90, 12, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -2, 12) + 100


def gather(features: Tensor, sizes: list[int]) -> FeatureSet:
    statistics = FeatureStatistics("digits", keep_logits=True)
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


def test_features_are_kept_while_they_are_no_more_than_their_dimensions():
    few, many = gather(FEATURES[:12], [5, 7]), gather(FEATURES[:13], [5, 8])
    assert few.features is not None and torch.equal(few.features, FEATURES[:12])
    assert many.features is None
    assert many.logits is not None and torch.equal(many.logits, FEATURES[:13, :3])


def test_logits_are_dropped_where_nobody_wants_them():
    statistics = FeatureStatistics("digits", keep_logits=False)
    statistics.add(FEATURES, FEATURES)
    assert statistics.result().logits is None


def test_nan_is_refused_at_once_and_says_where():
    statistics = FeatureStatistics("digits", keep_logits=True)
    statistics.add(FEATURES[:10], FEATURES[:10])
    broken = FEATURES[10:20].clone()
    broken[4, 4] = torch.inf
    with pytest.raises(ValueError, match="among images 10 to 19; the extractor cannot judge them"):
        statistics.add(broken, FEATURES[10:20])
    with pytest.raises(ValueError, match="among images 10 to 19"):
        statistics.add(FEATURES[10:20], broken)


@pytest.mark.parametrize("count", [0, 1])
def test_statistics_of_fewer_than_two_images_are_refused(count: int):
    statistics = FeatureStatistics("digits", keep_logits=False)
    if count:
        statistics.add(FEATURES[:1], FEATURES[:1])
    with pytest.raises(ValueError, match=f"num_images={count}: statistics need at least 2 images"):
        statistics.result()


def test_8_bits_keep_real_pixels_and_round_and_clip_the_others():
    levels = torch.arange(256).float() / 127.5 - 1
    assert torch.equal(in_8_bits(levels), levels)
    generator = torch.Generator().manual_seed(0)
    moved = levels + (torch.rand(256, generator=generator) - 0.5) * 0.98 / 127.5
    assert torch.equal(in_8_bits(moved), levels)
    assert in_8_bits(torch.tensor([-1.5, 1.5, 1.0])).tolist() == [-1, 1, 1]
