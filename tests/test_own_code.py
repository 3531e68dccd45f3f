"""Whatever a module of one's own does is told in one line, with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.own_code import own_code
from tests.conftest import TINY, Command, Refusal

CLASS = "\n\nclass Data:\n    pass\n"


@pytest.mark.parametrize(
    ("number", "text", "said"),
    [
        (0, "import sys\nsys.exit(3)", "SystemExit: 3 (in {file}:2)"),
        (1, "raise KeyboardInterrupt", "KeyboardInterrupt (in {file}:1)"),
        (2, "class Odd(BaseException): ...\nraise Odd('a\\nb')", "Odd: a b (in {file}:2)"),
        (3, "def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded (in {file}:1)"),
        (4, "raise ValueError", "ValueError (in {file}:1)"),
        (5, "1 / 0", "ZeroDivisionError: division by zero (in {file}:1)"),
    ],
)
def test_a_module_that_raises_is_named(number: int, text: str, said: str, refused: Refusal, workplace: Path) -> None:
    file = workplace / f"odd_{number}.py"
    file.write_text(text + CLASS)
    (workplace / "mine" / "dataset").mkdir(parents=True)
    (workplace / "mine" / "dataset" / "odd.yaml").write_text(f"# Odd\n_target_: odd_{number}.Data\n")
    line = refused("train", "--config-dir", "mine", "dataset=odd")
    assert line == f"dataset._target_=odd_{number}.Data: cannot be imported: {said.format(file=file)}"


@pytest.mark.parametrize(
    ("number", "spec", "said"),
    [
        (0, "5", "its spec is of the type int, not a ganctl.contract.DataSpec"),
        (1, "DataSpec('a', (1, 28), None)", "its spec has image_shape=[1, 28]; must be (channels, height, width)"),
        (2, "DataSpec('a', (1, 28, 28), 0)", "its spec has num_classes=0; must be a whole number, "),
        (3, "DataSpec(5, (1, 28, 28), None)", "its spec has name=5; must be text"),
    ],
)
def test_a_spec_that_is_none_is_refused(number: int, spec: str, said: str, refused: Refusal, workplace: Path) -> None:
    text = f"from ganctl.contract import DataSpec\n\n\nclass Data:\n    spec = {spec}\n"
    (workplace / f"specs_{number}.py").write_text(text)
    (workplace / "mine" / "dataset").mkdir(parents=True)
    (workplace / "mine" / "dataset" / "odd.yaml").write_text(f"# Odd\n_target_: specs_{number}.Data\n")
    line = refused("train", "--config-dir", "mine", "dataset=odd")
    assert line.startswith(f"dataset._target_=specs_{number}.Data: {said}")


LOSS = """\
class Loss:
    def discriminator(self, *logits):
        raise SystemExit("enough")
"""


def test_what_a_loss_raises_while_training_is_one_line_and_a_traceback_in_the_log(
    ganctl: Command, workplace: Path
) -> None:
    (workplace / "loss_that_stops.py").write_text(LOSS)
    (workplace / "mine" / "loss").mkdir(parents=True)
    (workplace / "mine" / "loss" / "odd.yaml").write_text("# Odd\n_target_: loss_that_stops.Loss\n")
    answer = ganctl("train", "--config-dir", "mine", *TINY, "loss=odd", "hydra.run.dir=run")
    log = workplace / "run" / "train.log"
    place = f"(in {workplace / 'loss_that_stops.py'}:3)"
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == f"training: SystemExit: enough {place}; the traceback is in {log}"
    assert "Traceback" in log.read_text() and "raise SystemExit" in log.read_text()
    assert "Traceback" not in answer.err


def test_what_ganctl_raises_and_ctrl_c_pass() -> None:
    with pytest.raises(KeyError), own_code("mine", []):
        raise KeyError("ours")
    with pytest.raises(KeyboardInterrupt), own_code("mine", ["mine"]):
        raise KeyboardInterrupt
