"""How messages write values and find what was meant."""

from __future__ import annotations

import pytest

from ganctl.configuration.names import SYNONYMS, nearest, nearest_keys, suggestion, value_text
from ganctl.invocation.help import groups

KEYS = ["seed", "stop", "training", "training.steps", "training.batch_size", "evaluation", "evaluation.batch_size"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sed", ["seed"]),
        ("steps", ["training.steps"]),
        ("stepz", ["training.steps"]),
        ("training.stepz", ["training.steps"]),
        ("trainings.steps", ["training.steps"]),
        ("batch_size", ["evaluation.batch_size", "training.batch_size"]),
        ("evaluation.batchsize", ["evaluation.batch_size"]),
        ("zzz", []),
        ("training.zzz", []),
    ],
)
def test_the_nearest_key_is_found_anywhere(typed: str, meant: list[str]) -> None:
    assert nearest_keys(typed, KEYS) == meant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ("a b", "a b"),
        ([1, [None]], "[1, [null]]"),
        ({"a": "b"}, "{a: b}"),
    ],
)
def test_values_are_shown_as_they_are_typed(value: object, text: str) -> None:
    assert value_text(value) == text


def test_a_value_of_two_lines_is_shown_in_one() -> None:
    assert "\n" not in value_text("a\nb")


def test_a_suggestion_is_the_nearest_or_all_or_some() -> None:
    assert suggestion("hing", ["hinge", "minimax"], "option") == "did you mean hinge?"
    assert suggestion("zzz", ["hinge", "minimax"], "option") == "there is hinge, minimax"
    assert suggestion("zzz", [], "option") == "there is no option to choose from"
    assert suggestion("zzz", [f"option{number}" for number in range(99)], "option").startswith("some of the 99: ")


def test_every_synonym_is_of_an_option_and_stands_for_no_option_itself() -> None:
    known = {name for options in groups().values() for name in options}
    assert set(SYNONYMS.values()) <= known
    assert nearest("GP", ["gradient_penalty", "r1"]) == ["gradient_penalty"] and nearest("gp", ["r1x"]) == []
