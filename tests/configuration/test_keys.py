"""What parts say of their arguments reaches the user as said of keys."""

from __future__ import annotations

import pytest

from ganctl.configuration.keys import choice_of, keys_of
from ganctl.contract import ArgumentError


def said(*contexts) -> str:
    with pytest.raises(ArgumentError) as caught:
        if len(contexts) == 1:
            with contexts[0]:
                raise ArgumentError("weight", -1, "must be at least 0", 1)
        with contexts[0], contexts[1]:
            raise ArgumentError("weight", -1, "must be at least 0", 1)
    return str(caught.value)


def test_an_argument_is_called_by_the_key_that_set_it():
    assert said(keys_of("regularizer.lazy_r1")) == (
        "regularizer.lazy_r1.weight=-1: must be at least 0; try regularizer.lazy_r1.weight=1"
    )
    assert said(keys_of()) == "weight=-1: must be at least 0; try weight=1"
    assert said(keys_of("regularizer", weight="other.key")).startswith("other.key=-1")


def test_the_innermost_key_stands():
    assert said(keys_of("outer"), keys_of("inner")).startswith("inner.weight=-1")


def test_other_errors_pass_as_they_are():
    with pytest.raises(ValueError, match=r"^no labels$"), keys_of("dataset"):
        raise ValueError("no labels")


def test_what_concerns_no_argument_is_said_of_the_choice():
    with pytest.raises(ValueError, match=r"^feature=digits: judges grey images$"), choice_of("feature", "digits"):
        raise ValueError("judges grey images")
    assert said(choice_of("feature", "digits")) == "feature.weight=-1: must be at least 0; try feature.weight=1"
