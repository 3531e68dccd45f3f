from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet
from ganctl.metric.inception_score import InceptionScore, inception_score


def side(logits: Tensor | None, count: int) -> FeatureSet:
    return FeatureSet("digits", count, torch.zeros(2).double(), torch.eye(2).double(), None, logits)


def test_of_sure_and_evenly_drawn_classes_is_their_number():
    logits = 1000 * torch.eye(10).repeat(5, 1)
    assert inception_score(logits) == pytest.approx(10)


def test_of_one_class_only_is_one():
    logits = torch.zeros(20, 10)
    logits[:, 3] = 1000
    assert inception_score(logits) == pytest.approx(1)


def test_of_an_undecided_classifier_is_one():
    assert inception_score(torch.zeros(20, 10)) == pytest.approx(1)


def test_of_two_images_is_the_formula_by_hand():
    first, second = (0.9, 0.1), (0.3, 0.7)
    marginal = (0.6, 0.4)
    divergences = [sum(p * math.log(p / q) for p, q in zip(row, marginal, strict=True)) for row in (first, second)]
    assert inception_score(torch.tensor([first, second]).log()) == pytest.approx(
        math.exp(sum(divergences) / 2), rel=1e-6
    )


def test_splits_are_averaged_parts_of_consecutive_images():
    logits = torch.randn(30, 10, generator=torch.Generator().manual_seed(0)) * 5
    parts = [inception_score(logits[start : start + 10]) for start in (0, 10, 20)]
    assert inception_score(logits, splits=3) == pytest.approx(sum(parts) / 3)
    assert InceptionScore(splits=3)(side(logits, 30), side(None, 30)) == {"is_digits": pytest.approx(sum(parts) / 3)}


def test_does_not_depend_on_the_order_of_the_images():
    logits = torch.randn(30, 10, generator=torch.Generator().manual_seed(0)) * 5
    assert inception_score(logits.flip(0)) == pytest.approx(inception_score(logits), rel=1e-12)


def test_nan_and_too_many_splits_are_refused():
    logits = torch.zeros(4, 10)
    with pytest.raises(ValueError, match=r"splits=5: more than the 4 images; try splits=1"):
        InceptionScore(splits=5)(side(logits, 4), side(None, 4))
    logits[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        inception_score(logits)


@pytest.mark.parametrize("splits", [1, 10])
def test_equals_torch_fidelitys_on_the_same_logits(splits: int):
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = torch.randn(1000, 1008, generator=torch.Generator().manual_seed(0)) * 3
    expected = isc_features_to_metric(logits, splits=splits, shuffle=False)["inception_score_mean"]
    assert expected > 10
    assert inception_score(logits, splits=splits) == pytest.approx(expected, rel=1e-10)
