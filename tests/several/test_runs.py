"""A run of several processes from the command line: started, refused, stopped, broken off and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganctl import checkpoint, train
from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY, Command, Refusal
from tests.several.test_exact import BOUND, LONG, difference, leaves

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TWO = "device.processes=2"
RUN = [
    *TINY, "training.batch_size=8", "training.steps=6", "output.checkpoint_every=2", "output.log_every=1",
    "output.keep_last=null", "discriminator.batch_norm=false", "regularizer=[]", "hydra.run.dir=run",
    "optimizer=sgd", "optimizer.lr=0.01",  # Adam divides by what may be rounding alone
]  # fmt: skip
ENDLESS = [*RUN, "training.steps=1000000"]


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganctl", "train", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_a_checkpoint(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not list(Path("run").glob("checkpoints/step-*.pt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def workers(process: subprocess.Popen[str]) -> dict[int, int]:
    """The processes that `process` has started, by rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for child in children:
        variables = Path(f"/proc/{child}/environ").read_text().split("\0")
        found |= {int(text.removeprefix("RANK=")): int(child) for text in variables if text.startswith("RANK=")}
    return found


def lines(text: str) -> list[str]:
    """What was said after the head of the run, but for losses."""
    return [line for line in text.splitlines() if line and not line.startswith((" ", "ganctl", "step "))]


def last(run: str) -> dict:
    return checkpoint.load(checkpoint.find(Path(run)))


def apart(one: dict, other: dict) -> float:
    states = (dict(leaves(each["state"])) for each in (one, other))
    first, second = states
    return max(difference(value, second[name]) for name, value in first.items())


def test_a_run_of_two_processes_goes_on_with_one_and_gives_what_one_gives(ganctl: Command) -> None:
    answer = ganctl("train", *RUN, "device.processes=1")
    assert answer.code == 0, answer
    Path("run").rename("alone")
    process = start(*RUN, TWO)
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 0 and text.count("2 processes") == text.count("Scores\n") == 1, text
    assert apart(last("alone"), last("run")) < BOUND
    ours, theirs = (list(read_metrics(Path(run, "metrics.jsonl"))) for run in ("alone", "run"))
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for name in {"d_loss", "d_real", "g_loss", "fd_digits"} & one.keys():
            assert other[name] == pytest.approx(one[name], rel=1e-5), (one["step"], name)
    answer = ganctl("train", "--resume", "run/checkpoints/step-00000004.pt", "device.processes=1")
    assert answer.code == 0, answer
    assert apart(last("alone"), last("run")) < BOUND
    assert json.loads(Path("run/environment-from-4.json").read_text())["processes"] == 1


@LONG
def test_a_run_of_two_processes_goes_on_with_four(ganctl: Command) -> None:
    assert ganctl("train", *RUN).code == 0
    Path("run").rename("alone")
    for words in ([*RUN, TWO], ["--resume", "run/checkpoints/step-00000002.pt", "device.processes=4"]):
        process = start(*words)
        text, _ = process.communicate(timeout=280)
        assert process.returncode == 0, text
    assert apart(last("alone"), last("run")) < BOUND


def test_what_several_processes_cannot_do_is_refused(refused: Refusal) -> None:
    assert "try training.batch_size=6 or training.batch_size=9" in refused("train", *RUN, "device.processes=3")
    assert "training.accumulate=4; try" in refused("train", *RUN, "training.accumulate=4", "device.processes=3")
    assert "device.processes=0: must be in" in refused("train", *RUN, "device.processes=0")
    assert "device.processes=all" in refused("train", *RUN, "device.processes=all")
    with pytest.raises(ValueError, match=r"device\.processes=2: only `ganctl train` starts other processes"):
        train(*RUN, TWO)
    assert "device.processes=2: a job of a sweep" in refused("train", *TINY, "-m", "seed=1,2", TWO)


def test_what_reading_finds_is_said_once(workplace: Path) -> None:
    Path("pictures").mkdir()
    Path("pictures/one.png").write_text("no picture")
    words = ["dataset=image_folder", "dataset.path=pictures", "dataset.resolution=32", "feature=pixels"]
    process = start(*(word for word in RUN if "feature" not in word), *words, TWO)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and len(text.strip().splitlines()) == 1, text
    assert "pictures" in text and not Path("run").exists()


def test_a_signal_saves_and_a_lost_process_is_said_in_one_line(workplace: Path) -> None:
    process = start(*ENDLESS, TWO)
    wait_for_a_checkpoint(process)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and text.count("interrupted, saved") == 1 and "Traceback" not in text, text
    step = last("run")["state"]["step"]
    process = start("--resume", "run")
    deadline = time.monotonic() + 120
    while checkpoint.find(Path("run")).name <= f"step-{step + 1:08d}.pt":
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(workers(process)[1], signal.SIGKILL)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in text, text
    (line,) = [line for line in lines(text) if "ended" in line]
    assert str(checkpoint.find(Path("run").absolute())) in line and "go on: ganctl train --resume" in line
    assert torch.load(checkpoint.find(Path("run")), weights_only=True)["state"]["step"] > step


@LONG
def test_how_to_go_on_is_said_if_the_first_process_is_killed(workplace: Path) -> None:
    process = start(*ENDLESS, TWO)
    wait_for_a_checkpoint(process)
    os.kill(workers(process)[0], signal.SIGKILL)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in text, text
    (line,) = [line for line in lines(text) if "ended" in line]
    assert line == "the first process was ended by SIGKILL; go on: ganctl train --resume run"


def test_two_processes_go_back_together(ganctl: Command) -> None:
    explosion = ["optimizer.lr=1e30", "health.action=rollback", "health.lr_factor=1e-32", "health.check_every=1"]
    process = start(*RUN, *explosion, TWO)
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 0 and text.count("went back from step") == 1, text
    state, two = last("run")["state"], Path("two")
    Path("run").rename(two)
    answer = ganctl("train", *RUN, *explosion, "device.processes=1")
    assert answer.code == 0 and answer.out.count("went back from step") == 1, answer
    assert state["attempt"] == 1 and state["step"] == 6 and apart(last("run"), last("two")) < BOUND
