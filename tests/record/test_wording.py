from __future__ import annotations

import math

import pytest

from ganctl.contract import Score
from ganctl.evaluation.scores import Measurement, ScoreSet
from ganctl.record.wording import (
    Standing,
    aligned,
    brief,
    counted,
    duration,
    losses,
    score_texts,
    scores_line,
    training_line,
    with_intervals,
)

LOG = {"d_loss": 0.912, "d_penalty": 0.0, "d_real": 0.71, "d_fake": 0.309, "g_loss": 1.716, "g_penalty": 0.0}


def test_a_training_line_says_step_losses_probabilities_speed_time_left_and_score():
    standing = Standing(500, 10000, LOG, 2310.4, 192.4, ("fd_digits", 21.34))
    expected = "step 500/10000  d 0.91 g 1.72  D(real) 0.71 D(fake) 0.31  2310 images/s  0:03:12 left  fd_digits 21.3"
    assert training_line(standing) == expected


def test_what_is_not_known_is_left_out():
    assert training_line(Standing(1, 2, {"d_loss": 1})) == "step 1/2  d 1.00"
    assert training_line(Standing(1, 2, {}, 3.14)) == "step 1/2  3.1 images/s"


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ({"g_penalty": 0.5, "lr": 0.0002, "g_loss": -12.345}, "g -12.35  g_penalty 0.50  lr 0.0002"),
        ({"d_loss": math.nan, "g_loss": math.inf}, "d nan g inf"),
        ({"d_loss": 123456.0, "g_loss": 0}, "d 1.2e+05 g 0.00"),
    ],
)
def test_penalties_other_values_and_extremes_are_named(log, text):
    assert losses(log) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00"),
        (59.6, "0:01:00"),
        (3599, "0:59:59"),
        (86399, "23:59:59"),
        (90061, "1 d 01:01:01"),
        (-3, "0:00:00"),
        (math.inf, "?"),
    ],
)
def test_durations_read_like_a_clock(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (9.123, "9.12"), (21.34, "21.3"), (1234.5, "1234"), (math.nan, "nan")]
)
def test_scores_have_about_three_digits(value, text):
    assert brief(value) == text


def test_scores_have_four_digits_and_words_stay():
    scores = {"fd_digits": 12.3456, "confidence_digits": 0.98764, "fid": "not computed: no weights"}
    assert score_texts(scores) == {
        "fd_digits": "12.35",
        "confidence_digits": "0.9876",
        "fid": "not computed: no weights",
    }
    line = scores_line(20, 100, scores, best=True)
    assert line == "step 20/100  fd_digits 12.35  confidence_digits 0.9876  fid not computed: no weights  best so far"


def test_an_interval_stands_beside_its_score_and_shares_are_left_out():
    scores = [
        (Score("fd"), 2.0),
        (Score("kd"), 1.5),
        (Score("kd_low", kind="low", of="kd"), 1.0),
        (Score("kd_high", kind="high", of="kd"), 2.0),
        (Score("share_0", kind="share", of="0"), 0.5),
    ]
    found = with_intervals(ScoreSet({score.name: Measurement(score, value, "m") for score, value in scores}))
    assert found == {"fd": 2.0, "kd": "1.5, 95 % within 1 to 2"}


def test_values_stand_below_each_other():
    assert aligned({"data": "mnist", "generator": "dcgan", "note": ""}) == [
        "data       mnist",
        "generator  dcgan",
        "note",
    ]
    assert aligned({}) == []


def test_one_of_a_thing_has_no_plural():
    assert [counted(number, "step") for number in (0, 1, 2000, 0.5)] == [
        "0 steps",
        "1 step",
        "2,000 steps",
        "0.5 steps",
    ]
