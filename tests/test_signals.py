"""Signals and closed terminals, with real processes: what was begun is saved; where nothing was, nothing is left."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY, Command
from tests.record.terminal import environment

pytestmark = pytest.mark.slow
ENDLESS = [*TINY, "training.steps=1000000", "output.checkpoint_every=20", "hydra.run.dir=run"]


def start(folder: Path, *words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganctl", "train", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(command, cwd=folder, **pipes)  # type: ignore[call-overload]


def wait_until(ready: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 100
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def has_checkpoint(folder: Path) -> Callable[[], object]:
    return lambda: list(folder.glob("run/checkpoints/step-*.pt"))


def test_more_of_the_same_signal_disturb_neither_the_saving_nor_the_exit(workplace: Path, ganctl: Command) -> None:
    process = start(workplace, *ENDLESS)
    wait_until(has_checkpoint(workplace), process)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "") and "interrupted, saved" in out
    step = checkpoint.load(checkpoint.find(workplace / "run"))["state"]["step"]
    answer = ganctl("train", "--resume", "run", f"training.steps={step + 1}")
    assert answer.code == 0, answer
    assert checkpoint.find(workplace / "run").name == f"step-{step + 1:08d}.pt"


@pytest.mark.parametrize(("words", "code"), [([], 130), (["-m", "seed=1,2"], 143)], ids=["run", "sweep"])
def test_a_signal_before_training_has_begun_leaves_nothing(words: list[str], code: int, workplace: Path) -> None:
    """At any instant from the reading of the command line to the training of the judge, which takes long enough."""
    processes = []
    for number in range(6):
        (workplace / f"{number}").mkdir()
        judge = [
            "feature=classifier",
            "feature.min_steps=1000000",
            f"dataset.cache={workplace / 'cache' / str(number)}",
        ]
        processes.append(start(workplace / f"{number}", *TINY, *judge, *words))
    for process in processes:
        time.sleep(0.8)
        process.send_signal(code - 128)
    for number, process in enumerate(processes):
        _, err = process.communicate(timeout=100)
        assert process.returncode in (code, *([128 - code] if number == 0 else [])), err
        assert err == "" and list((workplace / f"{number}").iterdir()) == []
    assert not list(workplace.rglob("*.unfinished"))


@pytest.mark.parametrize("ignored", [False, True], ids=["heeded", "nohup"])
def test_a_closed_terminal_saves_the_run_unless_it_is_told_to_go_on(
    ignored: bool, workplace: Path, ganctl: Command
) -> None:
    """After it, whatever the run prints fails with an error of the terminal's."""
    master, slave = pty.openpty()

    def be_its_session() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)

    words = [*ENDLESS, "output.log_every=1", *(["stop.max_minutes=0.1"] if ignored else [])]
    streams = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True, "env": environment()}
    process = start(workplace, *words, **streams, preexec_fn=be_its_session)
    os.close(slave)
    wait_until(has_checkpoint(workplace), process)
    os.close(master)
    assert process.wait(timeout=100) == (0 if ignored else 129)
    assert f'"status": "{"time" if ignored else "interrupted"}"' in (workplace / "run" / "summary.json").read_text()
    assert "Error" not in (workplace / "run" / "train.log").read_text()
    step = checkpoint.load(checkpoint.find(workplace / "run"))["state"]["step"]
    answer = ganctl("train", "--resume", "run", f"training.steps={step + 2}", "stop.max_minutes=null")
    assert answer.code == 0, answer
    lines = read_metrics(workplace / "run" / "metrics.jsonl")
    assert [line["step"] for line in lines if line["kind"] == "losses"] == list(range(1, step + 3))


def test_a_run_goes_on_when_nobody_reads_what_it_prints(workplace: Path) -> None:
    script = f"{sys.executable} -m ganctl train {' '.join(TINY)} hydra.run.dir=run | head -n 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ganctl\n", "")
    assert "the budget is used up" in (workplace / "run" / "train.log").read_text()
