"""What metrics declare of their scores, held against what they return."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ganctl.contract import Direction, FeatureSet, Metric
from ganctl.metric.class_shares import ClassShares
from ganctl.metric.classes import ClassAccuracy, Modes
from ganctl.metric.diversity import Diversity
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.inception_score import InceptionScore
from ganctl.metric.kid import KernelDistance
from ganctl.metric.likeness import Likeness
from ganctl.metric.memorisation import Memorisation
from ganctl.metric.perceptual import Perceptual
from ganctl.metric.precision_recall import PrecisionRecall
from ganctl.metric.style import Style
from tests.metric.feature_sets import normal, uniform_images

METRICS: list[Metric] = [
    *(FrechetDistance(), KernelDistance(subsets=3), InceptionScore(), ClassShares(), ClassShares(max_classes=2)),
    *(ClassAccuracy(), Modes(), PrecisionRecall(), Memorisation(), Diversity(pairs=10)),
    *(Style(size=32, max_images=4, pairs=2), Likeness(), Likeness(channel="rgb"), Perceptual(size=32)),
]
BETTER: dict[str, Direction] = {
    **dict.fromkeys(("fid", "fd_digits", "kid", "kd_digits", "reverse_kl_digits"), "lower"),
    **dict.fromkeys(("copies_digits", "copies_pixels", "duplicates_digits", "duplicates_pixels"), "lower"),
    **dict.fromkeys(("is_digits", "is_inception", "confidence_digits", "class_accuracy_digits"), "higher"),
    **dict.fromkeys(("modes_digits", "precision_digits", "recall_digits", "density_digits"), "higher"),
    "coverage_inception": "higher",
    "psnr_y": "higher",
    "ssim_rgb": "higher",
    **dict.fromkeys(("l1", "perceptual_efficientnet_lite2"), "lower"),
}
NEITHER = (
    *("share_2_digits", "kd_digits_low", "kd_digits_high", "ssim_pairs", "ms_ssim_pairs_real"),
    *("nearest_pixels", "real_class_accuracy_digits"),
)


def made_up(seed: int, extractor: str) -> FeatureSet:
    logits, features = 9 * normal(20, 3, seed=seed), normal(20, 2, seed=seed + 2)
    return FeatureSet(
        extractor,
        20,
        features.double().mean(dim=0),
        features.double().T.cov(),
        features,
        logits,
        logits.argmax(dim=1),
        uniform_images(20, 1, 16, 16, seed=seed),
    )


@pytest.mark.parametrize("extractor", ["digits", "inception"])
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_a_metric_returns_what_it_declares_in_this_order(metric: Metric, extractor: str):
    values = metric(made_up(0, extractor), made_up(1, extractor))
    assert list(values) == [score.name for score in metric.declare(extractor, 3)]


def test_every_direction_is_the_usual_one():
    declared = {s.name: s for m in METRICS for extractor in ("inception", "digits") for s in m.declare(extractor, 3)}
    assert {name: declared[name].direction for name in BETTER} == BETTER
    assert {declared[name].direction for name in NEITHER if name in declared} == {None}
    low = declared["kd_digits_low"]
    assert (low.kind, low.of) == ("low", "kd_digits")
    (share,) = (score for score in ClassShares().declare("digits", 3) if score.of == "2")
    assert (share.name, share.kind) == ("share_2_digits", "share")


def test_what_could_not_be_measured_is_left_out_though_declared():
    strange = replace(made_up(1, "digits"), labels=torch.full((20,), 7))
    assert list(ClassAccuracy()(made_up(0, "digits"), strange)) == ["real_class_accuracy_digits"]
    same = replace(made_up(1, "digits"), features=torch.zeros(20, 2))
    values = Memorisation()(made_up(0, "digits"), same)
    assert "nearest_digits" not in values and not any(map(math.isnan, values.values()))
