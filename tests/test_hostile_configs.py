"""Whatever stands in a user's folder of YAML files: an answer in one short line, no exception, and nothing on disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import Command
from tests.test_hostile_values import BOUNDED, NOWHERE, TEXTS, answered

PRESET = """\
# @package _global_
# Mine
defaults:
  - override /loss: hinge
  - override /regularizer: [lazy_r1]
  - _self_

tag: ${loss._target_}
generator:
  width: 32            # channels; in [1, 64]
optimizer: {lr: 1e-3, betas: &betas [0.5, 0.9]}
training:
  steps: 100
"""
PIECES = ["\t", "\n", "- ", ": ", "*betas", "&betas ", "{", "}", "[", "]", "${", "}", "???", "null", "!!binary ", "\0"]
PIECES += ["<<: ", "---\n", "'", '"', "|\n", "# ", "%", "@", "override ", "/", "_self_", "5", "\xff", "0x", "1e999"]

WORDS = st.sampled_from(["tag", "seed", "training", "steps", "generator", "hydra", "run", "dir", "defaults", "trust"])
KEYS = st.one_of(WORDS, st.sampled_from(["_target_", "shape_rule", "metric", "dataset", "x.y", "", "a b"]), TEXTS)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.binary(max_size=3), st.dates())
STRANGE_KEYS = st.one_of(KEYS, KEYS, KEYS, st.integers(-2, 2), st.none(), st.booleans(), st.floats())
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(STRANGE_KEYS, inner, max_size=3)),
    max_leaves=10,
)
ENTRIES = st.one_of(
    st.sampled_from(["_self_", "x", "mine", "../train", "/loss/hinge", "override /loss: hinge", "", 5, None, [], {}]),
    st.dictionaries(
        st.one_of(st.sampled_from(["override /loss", "/loss", "optional x", "override hydra/launcher", "a@b"]), KEYS),
        st.one_of(st.sampled_from(["hinge", None, [], ["r1", "r2"], "???", "mine"]), DATA),
        max_size=2,
    ),
)

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DOUBLING = "a0: [x]\n" + "".join(f"a{n}: ${{a{n - 1}}}${{a{n - 1}}}\n" for n in range(1, 60)) + "tag: ${a59}\n"


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The preset, with pieces put in, taken out, or written twice."""
    text = PRESET
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        put = draw(st.one_of(st.sampled_from(PIECES), TEXTS, st.just(text[start:end] * 2)))
        text = text[:start] + put + text[end:]
    return text


@st.composite
def structures(draw: st.DrawFn) -> str:
    """The preset as data, with a node somewhere replaced, added or removed."""
    values: Any = yaml.safe_load(PRESET)
    for _ in range(draw(st.integers(1, 3))):
        node = values
        for _ in range(draw(st.integers(0, 2))):
            inner = [value for value in (node.values() if isinstance(node, dict) else ()) if isinstance(value, dict)]
            node = draw(st.sampled_from(inner)) if inner else node
        key = draw(st.one_of(st.sampled_from([*node] or ["tag"]), STRANGE_KEYS))
        node[key] = draw(DATA)
    if draw(st.booleans()):
        values["defaults"] = draw(st.one_of(st.lists(ENTRIES, max_size=3), DATA))
    return "# @package _global_\n" + yaml.safe_dump(values)


def written(text: str | bytes, name: str = "experiment/mine.yaml") -> None:
    """A file of a user's own folder."""
    file = Path("..", "mine", name)
    shutil.rmtree(Path("..", "mine"), ignore_errors=True)
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


OWN = ["--config-dir", "../mine"]


def test_any_preset_is_answered_in_one_line(ganctl: Command, workplace: Path) -> None:
    @BOUNDED
    @given(text=st.one_of(mutations(), structures(), DATA.map(yaml.dump), st.binary(max_size=40)))
    @example(text=LAUGHS)
    @example(text=DOUBLING)
    @example(text="a: " + "[" * 5000)
    @example(text="x" * 1_000_000)
    @example(text="seed: 0x" + "f" * 5000)
    def check(text: str | bytes) -> None:
        written(text)
        answered(ganctl, "train", *OWN, "experiment=mine", NOWHERE)

    check()


def test_any_configuration_of_ones_own_is_answered_in_one_line(ganctl: Command, workplace: Path) -> None:
    @BOUNDED
    @given(values=st.dictionaries(STRANGE_KEYS, DATA, max_size=3), entries=st.lists(ENTRIES, max_size=2))
    def check(values: dict[Any, Any], entries: list[Any]) -> None:
        written(yaml.dump(values | {"defaults": ["train", *entries]}), "mine.yaml")
        answered(ganctl, "train", *OWN, "--config-name=mine", NOWHERE)

    check()


def test_any_part_of_ones_own_is_answered_in_one_line(ganctl: Command, workplace: Path) -> None:
    @BOUNDED
    @given(values=st.dictionaries(STRANGE_KEYS, DATA, max_size=3), group=st.sampled_from(["generator", "metric"]))
    def check(values: dict[Any, Any], group: str) -> None:
        written(yaml.dump(values), f"{group}/mine.yaml")
        answered(ganctl, "train", *OWN, f"{group}=mine", NOWHERE)

    check()


@pytest.mark.parametrize("kind", ["folder", "dangling link", "link to itself", "device", "pipe"])
def test_what_is_no_file_is_no_option(kind: str, ganctl: Command, workplace: Path) -> None:
    import os

    written("")
    file = Path("..", "mine", "experiment", "mine.yaml")
    file.unlink()
    links = {"dangling link": "/nowhere/at/all", "link to itself": "mine.yaml", "device": "/dev/zero"}
    if kind in links:
        file.symlink_to(links[kind])
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    assert answered(ganctl, "train", *OWN, "experiment=mine", NOWHERE).startswith("experiment=mine: no such option")
    assert ganctl("list", *OWN, "experiment").code == 0


def test_defaults_lists_that_fan_out_or_lead_back_end_at_once(ganctl: Command, workplace: Path) -> None:
    written("# @package _global_\n", "experiment/x30.yaml")
    for number in range(30):
        text = f"# @package _global_\ndefaults: [x{number + 1}@a, x{number + 1}@b]\n"
        Path("..", "mine", "experiment", f"x{number}.yaml").write_text(text)
    assert "more than" in answered(ganctl, "train", *OWN, "experiment=x0", NOWHERE)
    written("# @package _global_\ndefaults: [mine]\n")
    assert "leads back to itself" in answered(ganctl, "train", *OWN, "experiment=mine", NOWHERE)
