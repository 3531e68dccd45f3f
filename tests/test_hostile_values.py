"""Whatever is typed for whatever key: an answer in one short line, no exception, and nothing on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ganctl.compose import Composer
from ganctl.configuration.checks import leaves
from tests.conftest import Command

NOWHERE = "output.root=/proc/nowhere"
"""The last word of a training whose settings are all good: its folder cannot be made."""

COMMANDS = {"train": [], "sample": ["run"], "evaluate": ["run"], "export": ["run"], "fid": ["mnist5k", "mnist5k"]}
KEYS = {
    command: [*(key for key, _ in leaves(composer.plain(composer.compose([])), nodes=True)), *composer.options()]
    for command, composer in ((command, Composer(command)) for command in COMMANDS)
}
HYDRA = [
    *(f"hydra.{key}" for key in ("run.dir", "sweep.dir", "job.name", "job.chdir", "mode", "searchpath", "verbose")),
    *(f"hydra.{key}" for key in ("callbacks", "launcher", "job_logging", "output_subdir", "job", "runtime.choices")),
    *("hydra", "hydra/launcher", "hydra/job_logging", "x.y", "", "training.", ".seed", "a@b"),
]

NUMBERS = st.one_of(
    st.integers(),
    st.integers(-3, 70_000),
    st.floats(),
    st.booleans(),
    st.sampled_from(["9" * 5000, "0x" + "f" * 5000, "1e308", "-inf", "nan", "1.5", "2" * 26, "1_0", "007", "-0.0"]),
).map(str)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from("abc\0\n\x1b\u2028 ${}[]()'\"\\,:=~*%/.").map(lambda sign: f"a{sign}b"),
    st.sampled_from(["x" * 300, "x" * 5000, "null", "???", "", "~nobody", "/etc/passwd/x", "../..", "a" * 30_000]),
    st.sampled_from(
        ["${nothing:x}", "${oc.env:NOWHERE}", "${seed}", "${tag}", "${hydra:run.dir}", "${..}", "${", "${}"]
    ),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, TEXTS.map(lambda text: f"'{text}'")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(inner, max_size=2).map(lambda items: "{" + ",".join(f"a{n}:{i}" for n, i in enumerate(items)) + "}"),
    ),
    max_leaves=5,
)


def overrides(command: str) -> st.SearchStrategy[str]:
    keys = st.one_of(st.sampled_from([*KEYS[command], *HYDRA]), st.sampled_from(KEYS[command]))
    signs = st.sampled_from(["", "", "", "", "+", "++", "~"])
    typed = st.builds(lambda sign, key, value: f"{sign}{key}={value}", signs, keys, VALUES)
    return st.one_of(typed, typed, typed, TEXTS.filter(lambda text: not text.startswith("-")), keys)


def answered(ganctl: Command, *words: str) -> str:
    """What ganctl says; whether it worked or not, in one short line if it did not, and without a trace."""
    answer = ganctl(*words)
    assert answer.code in (0, 2), answer
    if answer.code == 2:
        assert answer.err.count("\n") == 1 and answer.err[:-1].isprintable(), answer.err
        assert len(answer.err) <= 1001
    assert [path for path in Path().rglob("*") if path.name != "run"] == []
    return answer.err


BOUNDED = settings(
    deadline=None,
    derandomize=True,
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],  # what fails is not made smaller, which takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "export", "fid"])
def test_any_value_of_any_key_is_answered_in_one_line(command: str, ganctl: Command, workplace: Path) -> None:
    if command in ("sample", "evaluate", "export"):
        (workplace / "run").touch()

    @BOUNDED
    @given(words=st.lists(overrides(command), min_size=1, max_size=2))
    def check(words: list[str]) -> None:
        answered(ganctl, command, *COMMANDS[command], *words, *([NOWHERE] if command == "train" else []))

    check()
