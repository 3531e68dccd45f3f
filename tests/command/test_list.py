"""`ganctl list` shows what can be typed, with the line that opens its YAML file."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("topic", "line"),
    [
        ("training", "training.batch_size=64 in [2, 65536] images"),
        ("optimizer.adam", "optimizer.lr=0.0002 in (0, inf) learning rate"),
        ("optimizer.sgd", "optimizer.discriminator.lr=0.01 optimizer.lr unless it is set"),
        ("regularizer.r1", "regularizer.r1.weight=10.0 in [0, inf) the paper's gamma"),
        ("device.cpu", "device.precision=fp32 one of fp32, bf16 of forward passes"),
        ("model.dcgan", "optimizer.lr=0.001 in (0, inf) learning rate"),
        ("model.dcgan", "generator=dcgan_mixture `ganctl list generator` says what it is"),
        ("seed", "seed=0 in [0, 4294967295] everything random follows from it"),
        ("feature.digits", "feature.digits has no settings"),
    ],
)
def test_every_key_has_its_value_range_and_meaning(topic: str, line: str, ganctl: Command) -> None:
    answer = ganctl("list", topic)
    assert answer.code == 0 and line in [" ".join(each.split()) for each in answer.out.splitlines()]


def test_every_option_has_its_keys(ganctl: Command) -> None:
    for group, options in groups().items():
        answer = ganctl("list", *(f"{group}.{name}" for name in options))
        assert answer.code == 0 and len(answer.out.splitlines()) >= len(options), group


def test_a_topic_that_is_not_there_is_answered_with_the_nearest(refused: Refusal) -> None:
    assert refused("list", "trainin") == "trainin: no such group; did you mean training?"
    assert refused("list", "optimizer.adm") == "optimizer.adm: no such group; did you mean optimizer.adam?"
    assert refused("list", "optimizer.lrr") == "optimizer.lrr: no such group; did you mean optimizer.lr?"


def test_the_good_recipe_says_what_it_is_and_where_the_papers_is(ganctl: Command) -> None:
    (line,) = [line for line in ganctl("list", "model").out.splitlines() if line.startswith("model=dcgan ")]
    assert "mixture of latents, R1, minibatch discrimination; the paper's is model=dcgan_2016" in line
