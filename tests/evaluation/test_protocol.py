from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ganctl.evaluation.protocol import MUST_AGREE, Protocol, difference, differences, identity, line, too_few

PROTOCOL = Protocol(
    **{key: 1 if key.startswith("num_") else "x" for key in MUST_AGREE},  # type: ignore[arg-type]
    seed=0,
    torch="2.9",
    tunables={"kid.subsets": 100, "inception_score.splits": 1},
)


def changed(**changes: Any) -> Protocol:
    return replace(PROTOCOL, **changes)


@pytest.mark.parametrize("key", MUST_AGREE)
def test_each_of_these_makes_scores_incomparable(key: str):
    other = 2 if key.startswith("num_") else "y"
    assert differences(PROTOCOL, changed(**{key: other}), "frechet") == [key]
    assert differences(PROTOCOL, changed(**{key: None}), "frechet") == [key]


@pytest.mark.parametrize("change", [{"seed": 3}, {"torch": "2.10"}, {"facts": {"held_out_accuracy": 1}}])
def test_seeds_versions_and_what_an_extractor_says_of_itself_may_differ(change: dict[str, Any]):
    assert differences(PROTOCOL, changed(**change), "frechet") == []


def test_a_tunable_counts_for_its_own_metrics_scores():
    other = changed(tunables={"kid.subsets": 50, "inception_score.splits": 1})
    assert differences(PROTOCOL, other, "frechet") == []
    assert differences(PROTOCOL, other, "kid") == ["kid.subsets"]
    assert differences(PROTOCOL, other) == ["kid.subsets"]


def test_the_sentence_names_score_key_and_both_values():
    first, second = changed(weights_hash="0" * 64), changed(weights_hash="1" * 64)
    said = difference("fid", ("a", "b"), first, second)
    assert said == "fid of a and b: unequal extractor's weights (weights_hash 000000000000 and 111111111111)"


@pytest.mark.parametrize(
    "change", [{}, {"seed": 3}, {"split": "y"}, {"tunables": {"kid.subsets": 9, "inception_score.splits": 1}}]
)
@pytest.mark.parametrize("metric", ["frechet", "kid", None])
def test_identities_are_equal_exactly_where_nothing_differs(metric: str | None, change: dict[str, Any]):
    alike = identity(PROTOCOL, metric) == identity(changed(**change), metric)
    assert alike == (not differences(PROTOCOL, changed(**change), metric))


def test_a_line_leaves_out_what_is_not_known():
    assert (
        line(Protocol(extractor="digits", data_hash="a" * 64, seed=0))
        == "extractor=digits  data_hash=aaaaaaaaaaaa  seed=0"
    )


@pytest.mark.parametrize(
    ("generated", "real", "said"),
    [(5000, 60000, None), (2048, 2048, None), (2047, 60000, "2,047 generated"), (5000, 300, "300 real")],
)
def test_fewer_images_than_dimensions_are_warned_of(generated: int, real: int, said: str | None):
    found = too_few(Protocol(num_generated=generated, num_real=real, dimensions=2048))
    assert (
        found is None
        if said is None
        else found is not None and found.startswith(f"{said} images for features of 2,048")
    )


def test_a_protocol_that_does_not_say_gets_no_warning():
    assert too_few(Protocol(num_generated=5)) is None
