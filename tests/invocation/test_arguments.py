"""Options and overrides in any order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.utils import get_args_parser

from ganctl.invocation.arguments import parse


def test_options_between_overrides_are_put_where_hydra_accepts_them() -> None:
    found = parse(["a=1", "--cfg", "job", "b=2", "-cd", "conf", "c=3"])
    assert found.overrides == ["a=1", "b=2", "c=3"]
    assert found.for_hydra("d=4") == ["--cfg=job", "--config-dir=conf", "a=1", "b=2", "c=3", "d=4"]
    assert get_args_parser().parse_args(found.for_hydra()).overrides == found.overrides


@pytest.mark.parametrize("words", [["a=1", "-m"], ["-m", "a=1"], ["--multirun", "a=1"]])
def test_flags_may_stand_anywhere(words: list[str]) -> None:
    assert parse(words).multirun and parse(words).overrides == ["a=1"]


@pytest.mark.parametrize(
    ("words", "info"), [(["--info", "a=1"], "all"), (["a=1", "-i"], "all"), (["-i", "defaults", "a=1"], "defaults")]
)
def test_info_does_not_swallow_an_override(words: list[str], info: str) -> None:
    found = parse(words)
    assert found.info == info and found.overrides == ["a=1"] and found.only_shows


@pytest.mark.parametrize("words", [["--resume", "x"], ["--resume=x"], ["a=1", "--resume", "x"]])
def test_resume_is_ours_and_not_passed_on(words: list[str]) -> None:
    found = parse(words, takes_resume=True)
    assert found.resume == "x" and not any("resume" in word for word in found.for_hydra())


def test_a_run_is_told_from_overrides(workplace: Path) -> None:
    (workplace / "seed=1").mkdir()
    for words in (["outputs/a/b", "seed=2"], ["seed=2", "outputs/a/b"], ["~seed", "outputs/x=1/b"]):
        assert parse(words, takes_targets=1).target == next(word for word in words if "/" in word)
    assert parse(["seed=1", "seed=2"], takes_targets=1).target == "seed=1"
    assert parse(["seed=2"], takes_targets=1).target is None
    assert parse([], takes_targets=1).target is None


def test_two_targets_are_told_from_overrides() -> None:
    found = parse(["seed=1", "a", "--cfg", "job", "photos.zip/train", "mnist:test"], takes_targets=2)
    assert found.targets == ("a", "photos.zip/train") and found.overrides == ["seed=1", "mnist:test"]
    assert parse(["same", "same"], takes_targets=2).targets == ("same", "same")
    assert parse(["a"], takes_targets=2).targets == ("a",) and parse(["a"]).targets == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--multirum"], "--multirum: no such option; did you mean --multirun?"),
        (["--resume"], "--resume/-R: expected one argument"),
        (["--cfg"], "--cfg/-c: expected one argument"),
        (["--zzz=1", "a=1"], "--zzz=1: no such option; "),
        (["--experimental-rerun", "x"], "--experimental-rerun: runs code from a pickle; "),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(words, takes_resume=True)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "typed, added",
    [
        (["training.epochs=3"], ["training.steps=null", "training.images=null"]),
        (["training.images=9", "seed=1"], ["training.steps=null", "training.epochs=null"]),
        (["training.epochs=3", "training.steps=null"], ["training.images=null"]),
        (["training.epochs=3", "training.steps=5"], []),
        (["training.steps=null"], []),
        (["seed=1"], []),
    ],
)
def test_a_budget_typed_in_one_unit_puts_the_others_aside(typed: list[str], added: list[str]) -> None:
    assert parse(typed, takes_resume=True).overrides == [*typed, *added]
