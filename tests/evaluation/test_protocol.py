from __future__ import annotations

import pytest

from ganctl.evaluation.protocol import MUST_AGREE, differences, sentence

PROTOCOL = dict.fromkeys(MUST_AGREE, "x") | {
    "seed": 0,
    "torch": "2.9",
    "kid.subsets": 100,
    "inception_score.splits": 1,
}
MADE_BY = {"fid": "frechet", "kid": "kid"}


@pytest.mark.parametrize("key", MUST_AGREE)
def test_each_of_these_makes_scores_incomparable(key: str):
    assert differences("fid", PROTOCOL, PROTOCOL | {key: "y"}, MADE_BY) == [key]
    assert differences("fid", PROTOCOL, {k: v for k, v in PROTOCOL.items() if k != key}, MADE_BY) == [key]


@pytest.mark.parametrize("key", ["seed", "torch", "extractor.held_out_accuracy"])
def test_seeds_versions_and_what_an_extractor_says_of_itself_may_differ(key: str):
    assert differences("fid", PROTOCOL, PROTOCOL | {key: "y"}, MADE_BY) == []


def test_a_tunable_counts_for_its_own_metrics_scores():
    other = PROTOCOL | {"kid.subsets": 50}
    assert differences("fid", PROTOCOL, other, MADE_BY) == []
    assert differences("kid", PROTOCOL, other, MADE_BY) == ["kid.subsets"]
    assert differences("kid", PROTOCOL, other) == ["kid.subsets"]


def test_the_sentence_names_score_key_and_both_values():
    said = sentence("fid", ["a", "b"], "weights_hash", ["0" * 64, "1" * 64])
    assert said == "fid of a and b: unequal extractor's weights (weights_hash 000000000000 and 111111111111)"
