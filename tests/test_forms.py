"""What forms let through: values as they were written, in bounds that texts and arithmetic survive."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganctl.forms import (
    HUGE,
    TINY,
    either,
    flag,
    legible,
    listed,
    mapping,
    measured,
    number,
    printable,
    record,
    shorten,
    text,
    whole,
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain, Grüße 🐈 \u3000", "plain, Grüße 🐈 \u3000"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u2028\u202e\ud800", "\\u2028\\u202e\\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_by_its_code(raw: str, shown: str):
    assert printable(raw) == shown


@given(st.text(st.characters()))
@settings(derandomize=True)
def test_any_text_is_one_line_that_can_be_encoded(raw: str):
    shown = printable(raw)
    assert len(shown.splitlines()) <= 1 and shown.encode("utf-8")[:0] == b""
    assert printable(shown) == shown


def test_long_texts_lose_their_middle():
    assert shorten("a" * 50 + "b" * 50, 25) == "a" * 10 + " ... " + "b" * 10
    assert shorten("ab", 2) == "ab"


@pytest.mark.parametrize(
    ("form", "taken", "refused"),
    [
        (text, ["", "a"], [1, None, ["a"], True]),
        (flag, [True, False], [0, 1, "true", None]),
        (whole, [0, 7, 2**63 - 1], [-1, 1.0, True, "1", math.inf, None]),
        (number, [0, -1, 2.5, 1e99], [math.nan, math.inf, 1e101, True, "1", None, [1]]),
        (listed(text), [[], ["a"]], ["a", {"a": 1}, None]),
        (mapping(text), [{}, {"a": "b"}], ["a", [["a", "b"]], None]),
        (either(number, text), [1, "a"], [None, [], True]),
        (record({"a": text}, ["a"]), [{"a": "x"}], [{}, {"a": 1}, None, []]),
    ],
)
def test_a_form_gives_what_it_takes_and_none_for_the_rest(form, taken, refused):
    assert [form(value) for value in taken] == taken
    assert [form(value) for value in refused] == [None] * len(refused)


def test_what_is_of_another_form_is_left_out_of_lists_and_mappings_and_none_in_records():
    assert listed(whole)([1, "a", 2, None]) == [1, 2]
    assert mapping(whole)({"a": 1, "b": "c"}) == {"a": 1}
    assert record({"a": text, "b": whole, "c": flag})({"b": 1, "a": 2, "x": 3}) == {"b": 1, "a": None, "c": None}


@given(st.floats() | st.integers(-(2**63), 2**63))
@settings(derandomize=True)
def test_numbers_do_not_overflow_when_they_are_multiplied(value: float):
    taken = measured(value)
    assert taken is not None
    assert math.isnan(taken) or taken == 0 or math.isinf(taken) or TINY <= abs(taken) <= HUGE
    assert not math.isfinite(taken) or math.isfinite(taken * taken * taken)
    assert legible([value, {"a": value}]) == [value, {"a": value}] or isinstance(value, float)
