"""Ranges stand in the comments of the YAML files and nowhere else, so reading them is tested to the letter."""

from __future__ import annotations

import math

import pytest

from ganctl.configuration.rules import Interval, Rule, read_rules

TEXT = """\
# A thing (somebody 2020)
defaults:
  - _base
_target_: ganctl.loss.Hinge
lr: 1e-3               # learning rate; in (0, inf)
betas: [0.5, 0.999]    # decay; in [0, 1)
name: "a # b"          # text; one of a # b, c
free:                  # nothing yet
steps: 5 # null = all; in [1, 1e6]
inner:                 # settings of a kind
  share: .5            # in [0, 1]
"""


def rules(package: str = "") -> dict[str, Rule]:
    return {rule.key: rule for rule in read_rules(TEXT, package, "thing.yaml")}


def test_keys_stand_under_their_package_and_the_defaults_list_is_no_setting() -> None:
    assert list(rules()) == ["_target_", "lr", "betas", "name", "free", "steps", "inner", "inner.share"]
    assert list(rules("loss"))[-1] == "loss.inner.share"


def test_defaults_are_read_as_hydra_reads_them() -> None:
    by_key = rules()
    assert by_key["lr"].default == 1e-3 and by_key["free"].default is None and by_key["betas"].default == [0.5, 0.999]


def test_comments_are_told_from_signs_inside_text() -> None:
    by_key = rules()
    assert by_key["name"].comment == "text; one of a # b, c" and by_key["name"].choices == ("a # b", "c")
    assert by_key["free"].comment == "nothing yet" and by_key["inner"].comment == "settings of a kind"


@pytest.mark.parametrize(
    ("comment", "inside", "outside"),
    [
        ("in [0, 1]", [0, 0.5, 1], [-1e-9, 1.0001, math.nan, math.inf]),
        ("share of it; in [0, 1)", [0, 0.999], [1]),
        ("in (0, inf)", [1e-300, 1e300], [0, -1, math.inf]),
        ("in (-inf, inf)", [-1e9, 0], [math.inf, math.nan]),
        ("in [-1, 1e3]", [-1, 1000], [1001]),
    ],
)
def test_an_interval_holds_what_its_brackets_say(comment: str, inside: list[float], outside: list[float]) -> None:
    interval = Rule("key", 0, comment, "file").interval
    assert interval is not None
    assert all(value in interval for value in inside)
    assert not any(value in interval for value in outside)


def test_an_interval_is_written_as_it_was_read() -> None:
    assert str(Interval(0, math.inf, low_open=True, high_open=True)) == "(0, inf)"
    assert str(Interval(2, 4294967295, low_open=False, high_open=False)) == "[2, 4294967295]"


@pytest.mark.parametrize("comment", ["seconds in all", "one", "of a phone; 1 in [a, b]", ""])
def test_prose_is_no_range(comment: str) -> None:
    rule = Rule("key", None, comment, "file")
    assert rule.interval is None and rule.choices == ()


@pytest.mark.parametrize(
    ("default", "good", "bad"),
    [
        (1, [0, 2, -5], [1.5, 2.0, "1", True, None, [1]]),
        (0.5, [0, 2, 1e9], ["fast", False, None]),
        (True, [False], [0, 1, "true", None]),
        ("text", ["", "5"], [5, True, None, ["a"]]),
        ([1], [[], [2, 3]], [1, ["a"], [1.5], None]),
        ([], [[], ["a", 1]], ["a", None]),
        ({"a": 1}, [{}, {"b": 2}], [1, None, []]),
        (None, [None, 1, "text", [1]], []),
    ],
)
def test_a_value_must_be_of_its_defaults_type(default: object, good: list[object], bad: list[object]) -> None:
    rule = Rule("key", default, "", "file")
    assert [value for value in good if rule.complaint(value)] == []
    assert [value for value in bad if not rule.complaint(value)] == []


def test_null_is_allowed_where_the_comment_says_what_it_means() -> None:
    assert Rule("key", 5, "null = all; in [1, inf)", "file").complaint(None) is None
    assert Rule("key", 5, "in [1, inf)", "file").complaint(None) == "must not be null; the default is key=5"


def test_a_list_may_stand_for_one_number_where_the_comment_names_its_places() -> None:
    for text, null in (("n: 64", "the"), ("n: null", "null = all")):
        (rule,) = read_rules(f"{text} # {null}; whole number in [4, 1024] or [height, width]", "", "x.yaml")
        for good in (8, [8, 16]):
            assert rule.complaint(good) is None
        for bad in ([8], [8, 8, 8], [8, 2000], [8, "x"], [8, 1.5], "8", [], [[8, 8], [8, 8]]):
            complaint = rule.complaint(bad)
            assert complaint and "\n" not in complaint


def test_a_null_default_takes_what_the_range_takes() -> None:
    rule = Rule("key", None, "null = none; in [1, 9]", "file")
    assert rule.complaint(2.5) is None
    assert "must be a number in [1, 9]" in (rule.complaint("two") or "")
    assert "must be in [1, 9]" in (rule.complaint(10) or "")


@pytest.mark.parametrize(
    ("key", "default", "target"),
    [
        ("optimizer.generator.lr", "${..lr}", "optimizer.lr"),
        ("optimizer.lr", "${.rate}", "optimizer.rate"),
        ("optimizer.lr", "${training.lr}", "training.lr"),
        ("optimizer.lr", "${oc.env:LR}", None),
        ("optimizer.lr", "1e-3", None),
    ],
)
def test_a_default_that_refers_to_another_key_is_followed(key: str, default: str, target: str | None) -> None:
    assert Rule(key, default, "", "file").target == target


def test_what_is_not_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"^mine\.yaml:3: not valid YAML: "):
        read_rules("a: 1\nb: [1\n", "", "mine.yaml")


def test_an_empty_file_has_no_rules() -> None:
    assert read_rules("# nothing\n", "", "file") == []
