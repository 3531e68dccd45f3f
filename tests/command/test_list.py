"""`ganctl list` shows what can be typed, with the line that opens its YAML file."""

from __future__ import annotations

from pathlib import Path

from ganctl.command.list import groups
from ganctl.compose import Composer
from tests.conftest import Command, Refusal


def test_everything_that_can_be_chosen_is_listed_and_nothing_else() -> None:
    assert {group: list(options) for group, options in groups().items()} == Composer("train").options()


def test_every_option_has_its_line(ganctl: Command) -> None:
    lines = ganctl("list").out.splitlines()
    assert len(lines) == sum(len(options) for options in groups().values())
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)
    assert any(line.startswith("loss=hinge ") and "Hinge" in line for line in lines)


def test_one_group_alone(ganctl: Command) -> None:
    lines = ganctl("list", "device").out.splitlines()
    assert [line.split()[0] for line in lines] == ["device=auto", "device=cpu", "device=cuda", "device=mps"]


def test_ones_own_options_are_listed_and_hide_those_of_the_same_name(ganctl: Command, workplace: Path) -> None:
    for group, name in (("loss", "mine"), ("loss", "hinge"), ("loss", "_hidden"), ("texture", "wood")):
        (workplace / "own" / group).mkdir(parents=True, exist_ok=True)
        (workplace / "own" / group / f"{name}.yaml").write_text(f"# @package _global_\n\n# {name} of mine\na: 1\n")
    out = ganctl("list", "--config-dir", "own").out
    assert "loss=mine" in out and "wood of mine" in out and "hinge of mine" in out and "_hidden" not in out
    assert "loss=minimax" in out


def test_a_group_that_is_not_there_is_answered_with_the_nearest(refused: Refusal) -> None:
    assert refused("list", "datasets") == "datasets: no such group; did you mean dataset?"
    assert refused("list", "--config-dir", "nowhere") == "--config-dir=nowhere: there is no such folder"
    assert refused("list", "--config-dir") == "--config-dir: needs a folder"
    assert refused("list", "-x") == "-x: no such option; there is --config-dir, --help"
