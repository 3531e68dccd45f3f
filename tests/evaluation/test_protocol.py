from __future__ import annotations

import pytest

from ganctl.evaluation.protocol import MUST_AGREE, differences, identity, sentence, too_few

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


@pytest.mark.parametrize("change", [{}, {"seed": 3}, {"split": "y"}, {"kid.subsets": 9}, {"inception_score.splits": 2}])
@pytest.mark.parametrize("name", ["fid", "kid", "mine"])
def test_identities_are_equal_exactly_where_nothing_differs(name: str, change: dict[str, object]):
    other = PROTOCOL | change
    alike = identity(name, PROTOCOL, MADE_BY) == identity(name, other, MADE_BY)
    assert alike == (not differences(name, PROTOCOL, other, MADE_BY))


@pytest.mark.parametrize(
    ("generated", "real", "said"),
    [(5000, 60000, None), (2048, 2048, None), (2047, 60000, "2,047 generated"), (5000, 300, "300 real")],
)
def test_fewer_images_than_dimensions_are_warned_of(generated: int, real: int, said: str | None):
    found = too_few({"num_generated": generated, "num_real": real, "dimensions": 2048})
    assert (
        found is None
        if said is None
        else found is not None and found.startswith(f"{said} images for features of 2,048")
    )


def test_a_protocol_that_does_not_say_gets_no_warning():
    assert too_few({"num_generated": 5}) is None
