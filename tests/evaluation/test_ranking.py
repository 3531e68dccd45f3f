from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from ganctl.contract import FeatureSet
from ganctl.evaluation.ranking import better, frechet_name, lower_is_better
from ganctl.metric.frechet import FrechetDistance


@pytest.mark.parametrize(
    "name", ["fid", "fd_digits", "fd_inception_0123abcd", "kid", "kd_digits", "reverse_kl_digits", "copies_pixels"]
)
def test_distances_are_better_lower(name: str):
    assert lower_is_better(name)
    assert better(name, 1.0, 2.0) and not better(name, 2.0, 1.0) and not better(name, 1.0, 1.0)


@pytest.mark.parametrize(
    "name", ["is_digits", "is_inception", "confidence_digits", "recall_digits", "coverage_inception", "modes_digits"]
)
def test_scores_are_better_higher(name: str):
    assert not lower_is_better(name)
    assert better(name, 2.0, 1.0) and not better(name, 1.0, 2.0) and not better(name, 1.0, 1.0)


def test_nan_is_worse_than_any_number():
    assert better("fid", 1e9, math.nan) and not better("fid", math.nan, 1e9) and not better("fid", math.nan, math.nan)


@pytest.mark.parametrize("name", ["share_3_digits", "fidelity", "loss", "", "kid_low", "kd_digits_high", "ssim_pairs"])
def test_names_without_a_direction_are_refused(name: str):
    with pytest.raises(ValueError, match=f"^stop.score={name}: has no better and worse"):
        lower_is_better(name)


@pytest.mark.parametrize("extractor", ["inception", "digits"])
def test_the_distance_is_called_as_its_metric_calls_it(extractor: str):
    side = FeatureSet(extractor, 9, torch.zeros(2).double(), torch.eye(2).double())
    assert list(FrechetDistance()(side, side)) == [frechet_name(extractor)]


def test_ranking_is_imported_without_torch():
    code = "import sys, ganctl.evaluation.ranking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
