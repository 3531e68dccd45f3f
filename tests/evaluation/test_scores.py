from __future__ import annotations

import json
from typing import Any

import pytest

from ganctl.contract import Score
from ganctl.evaluation.protocol import Protocol
from ganctl.evaluation.scores import Measurement, ScoreSet

SCORES = ScoreSet(
    {
        "kd": Measurement(Score("kd", "lower", quantity="kernel"), 2.0, "kid"),
        "kd_low": Measurement(Score("kd_low", kind="low", of="kd"), 1.0, "kid"),
        "kd_high": Measurement(Score("kd_high", kind="high", of="kd"), 3.0, "kid"),
        "share_7": Measurement(Score("share_7", kind="share", of="7"), 0.25, "class_shares"),
        "mine": Measurement(Score("mine"), 9.0, "mine"),
    },
    Protocol(
        extractor="digits", num_real=50, facts={"made_in": "a test"}, remarks={"step": 3}, tunables={"kid.subsets": 7}
    ),
    {"modes": "the extractor digits knows no classes"},
)


def test_scores_are_the_same_after_a_round_trip_through_json():
    plain = SCORES.to_plain()
    assert plain["scores"] == {"kd": 2.0, "kd_low": 1.0, "kd_high": 3.0, "share_7": 0.25, "mine": 9.0}
    assert plain["protocol"]["extractor.made_in"] == "a test" and plain["protocol"]["kid.subsets"] == 7
    assert plain["about"]["kd"] == {"direction": "lower", "quantity": "kernel"} and "mine" not in plain["about"]
    assert ScoreSet.from_plain(json.loads(json.dumps(plain))) == SCORES


def test_tables_show_neither_shares_nor_the_ends_of_intervals():
    assert SCORES.headlines == {"kd": 2.0, "mine": 9.0}
    assert SCORES.interval("kd") == (1.0, 3.0) and SCORES.interval("mine") is None
    assert SCORES.shares == {"7": 0.25} and SCORES.quantity("kernel") == {"kd": 2.0}


def test_a_record_of_earlier_versions_says_nothing_of_its_scores():
    plain = SCORES.to_plain()
    del plain["about"]
    assert {measured.score for measured in ScoreSet.from_plain(plain).scores.values()} == {
        Score(name) for name in SCORES.scores
    }


@pytest.mark.parametrize("bad", [None, 3, "text", [], {"kd": 5}, {"kd": {"direction": "up", "kind": [1], "of": None}}])
def test_a_damaged_record_is_no_trouble(bad: Any):
    for key in ("about", "protocol", "made_by", "left_out"):
        assert ScoreSet.from_plain({"scores": {"kd": 2.0}} | {key: bad}).values == {"kd": 2.0}
