from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet
from ganctl.metric.class_shares import ClassShares, class_shares


def side(logits: Tensor | None) -> FeatureSet:
    return FeatureSet("digits", 4, torch.zeros(2).double(), torch.eye(2).double(), None, logits)


LOGITS = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.5, 0.4, 0.1]]).log()


def test_shares_count_the_largest_logit_and_confidence_averages_its_probability():
    shares, confidence = class_shares(LOGITS)
    assert shares == [0.75, 0, 0.25]
    assert confidence == pytest.approx((0.7 + 0.6 + 0.8 + 0.5) / 4)


def test_scores_are_named_after_class_and_extractor():
    scores = ClassShares()(side(LOGITS), side(None))
    assert scores == {
        "confidence_digits": pytest.approx(0.65),
        "share_0_digits": 0.75,
        "share_1_digits": 0,
        "share_2_digits": 0.25,
    }


def test_a_classifier_of_too_many_classes_gives_only_the_confidence():
    assert list(ClassShares(max_classes=2)(side(LOGITS), side(None))) == ["confidence_digits"]


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        class_shares(torch.tensor([[0.0, torch.nan]]))
