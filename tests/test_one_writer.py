"""One run, one writer; one sweep, one writer: real processes, the second of which finds the first at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY, Command, Refusal

pytestmark = pytest.mark.slow
LONG = [*TINY, "training.steps=100000", "training.batch_size=4", "output.log_every=2", "output.checkpoint_every=5"]


@pytest.fixture
def started(workplace: Path) -> Iterator[list[subprocess.Popen]]:
    processes: list[subprocess.Popen] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(processes: list[subprocess.Popen], wait_for: str, *words: str) -> subprocess.Popen:
    """Begins `ganctl train WORDS`, and waits until a file is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ganctl", "train", *words],
        env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    processes.append(process)
    deadline = time.monotonic() + 60
    while not list(Path().glob(wait_for)):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    return process


def refusal(*words: str) -> str:
    """What a second process says: one line, exit code 2."""
    command = [sys.executable, "-m", "ganctl", "train", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "") and ended.stderr.count("\n") == 1, ended
    return ended.stderr


def test_a_run_that_is_trained_has_no_second_writer(started, workplace: Path) -> None:
    first = start(started, "run/checkpoints/last.pt", *LONG, "hydra.run.dir=run")
    owner = f"process {first.pid} on "
    for words in (["--resume", "run"], ["--resume", "run/checkpoints/last.pt", "training.steps=9"]):
        assert refusal(*words).startswith(f"--resume={words[1]}: {owner}")
    assert refusal(*TINY, "hydra.run.dir=run").startswith(f"hydra.run.dir=run: {owner}")
    assert refusal("-m", *TINY, "seed=1,2", "hydra.sweep.dir=run").startswith(f"hydra.sweep.dir=run: {owner}")
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 143
    steps = [
        record["step"] for record in read_metrics(workplace / "run" / "metrics.jsonl") if record["kind"] == "losses"
    ]
    assert steps == sorted(set(steps)) and not list((workplace / "run").glob(".hydra-resume-*"))


def test_a_killed_run_is_nobodys(started, ganctl: Command, workplace: Path) -> None:
    first = start(started, "run/checkpoints/step-*.pt", *LONG, "hydra.run.dir=run")
    first.kill()
    first.wait()
    assert (workplace / "run" / ".owner.json").exists()
    answer = ganctl("train", "--resume", "run", "training.steps=1")
    assert answer.code == 0, answer.err
    assert not (workplace / "run" / ".owner.json").exists()


def test_of_many_that_begin_in_one_folder_at_once_one_trains(workplace: Path) -> None:
    words = [sys.executable, "-m", "ganctl", "train", *TINY, "hydra.run.dir=run", "output.log_every=1"]
    processes = [
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 2, 2, 2], said
    assert all(text.startswith("hydra.run.dir=run: ") and text.count("\n") == 1 for text in said if text)
    steps = [
        record["step"] for record in read_metrics(workplace / "run" / "metrics.jsonl") if record["kind"] == "losses"
    ]
    assert steps == [1, 2, 3, 4]


def test_trainings_of_one_second_with_one_empty_cache_lose_nothing(workplace: Path) -> None:
    words = [sys.executable, "-m", "ganctl", "train", *TINY, "dataset.cache=packed", "output.log_every=1"]
    processes = [
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0] and said == [""] * 2
    runs = [path.parent for path in workplace.glob("outputs/*/*/summary.json")]
    assert len(runs) == 2
    lines = [read_metrics(run / "metrics.jsonl") for run in runs]
    losses = [[(line["step"], line["d_loss"]) for line in each if line["kind"] == "losses"] for each in lines]
    assert losses[0] == losses[1] and [step for step, _ in losses[0]] == [1, 2, 3, 4]
    packed = sorted(path.name for path in (workplace / "packed" / "datasets").iterdir())
    assert len(packed) == 1 and packed[0].startswith("mnist5k-")
    assert not list(workplace.rglob("*.unfinished"))


def test_a_sweep_at_work_shares_neither_its_folder_nor_its_runs(started, workplace: Path) -> None:
    first = start(started, "swept/1-*/checkpoints/last.pt", "-m", *LONG, "seed=1,2", "hydra.sweep.dir=swept")
    (run,) = workplace.glob("swept/1-*")
    owner = f"process {first.pid} on "
    assert refusal("-m", *TINY, "seed=3,4", "hydra.sweep.dir=swept").startswith(f"hydra.sweep.dir=swept: {owner}")
    assert refusal(*TINY, "hydra.run.dir=swept").startswith(f"hydra.run.dir=swept: {owner}")
    assert refusal("--resume", str(run)).startswith(f"--resume={run}: {owner}")
    assert sorted(path.name for path in workplace.iterdir()) == ["swept"]


@pytest.mark.parametrize(
    "taken", ["1-seed-1", "2-seed-2/notes.txt", "sweep.json", "sweep.csv", "multirun.yaml", "9-old/result.json"]
)
def test_a_sweep_overwrites_nothing(taken: str, refused: Refusal, workplace: Path) -> None:
    path = workplace / "mine" / taken
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps("mine"))
    said = refused("train", "-m", *TINY, "seed=1,2", "hydra.sweep.dir=mine")
    assert said.startswith("hydra.sweep.dir=mine: there is ") and "which is not overwritten" in said
    assert path.read_text() == '"mine"'
