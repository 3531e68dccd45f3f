"""hydra/launcher=local: jobs side by side, which end with the sweep however it ends, and disturb each other never."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.compose import Composer
from ganctl.job.expansion import expand
from tests.conftest import TINY

pytestmark = pytest.mark.slow
LOCAL = ["hydra/launcher=local", "jobs=2"]
LONG = [
    *TINY, *LOCAL, "training.steps=100000", "training.batch_size=4", "output.log_every=2", "output.checkpoint_every=5",
    "output.sample_early=false", "hydra.sweep.dir=swept", "seed=1,2,3",
]  # fmt: skip


@pytest.fixture
def started(workplace: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "ganctl", "train", *words],
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def wait_until(ready: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.02)


def two_at_work(sweep: Path, process: subprocess.Popen[str]) -> list[int]:
    """The processes of the first two jobs, once both have a checkpoint."""
    wait_until(lambda: len({path.parent for path in sweep.glob("*/checkpoints/step-*.pt")}) == 2, process)
    owners = [json.loads((folder / ".owner.json").read_text())["process"] for folder in sorted(sweep.glob("[12]-*"))]
    assert len({process.pid, *owners}) == 3
    return owners


def is_gone(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_jobs_and_each_has_saved(number: signal.Signals, started, workplace: Path) -> None:
    process = started("-m", *LONG, CUDA_VISIBLE_DEVICES="4,5")
    owners, sweep = two_at_work(workplace / "swept", process), workplace / "swept"
    environments = [Path(f"/proc/{owner}/environ").read_text().split("\0") for owner in owners]
    devices = [next(text for text in texts if text.startswith("CUDA_VISIBLE_DEVICES=")) for texts in environments]
    assert devices == ["CUDA_VISIBLE_DEVICES=4", "CUDA_VISIBLE_DEVICES=5"]
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "")
    assert "3 jobs, 0 failed, 1 not run" in out and "go on: ganctl train -m --resume swept\n" in out
    assert "job 1: interrupted" in out or "job 1:   ended" in out
    assert all(map(is_gone, owners))
    for folder in sweep.glob("[12]-*"):
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["status"] == json.loads((folder / "result.json").read_text())["status"] == "interrupted"
        assert checkpoint.load(checkpoint.find(folder))["state"]["step"] == summary["step"]


def test_jobs_end_saving_when_the_sweep_is_killed_and_nobody_goes_on_before(started, workplace: Path) -> None:
    process = started("-m", *LONG)
    owners, sweep = two_at_work(workplace / "swept", process), workplace / "swept"
    refused = started("-m", "--resume", "swept")
    assert refused.wait(60) == 2
    assert refused.stderr.read().startswith(f"--resume=swept: process {process.pid} on ")
    os.kill(owners[1], signal.SIGSTOP)
    process.kill()
    process.wait()
    wait_until(lambda: is_gone(owners[0]))
    refused = started("-m", "--resume", "swept")
    assert refused.wait(60) == 2
    said = refused.stderr.read()
    assert said.startswith("--resume=swept/2-seed-2: process ") and said.count("\n") == 1
    os.kill(owners[1], signal.SIGCONT)
    wait_until(lambda: is_gone(owners[1]))
    for folder in sweep.glob("[12]-*"):
        assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"


def test_a_job_that_is_killed_fails_alone_and_goes_on_later(started, workplace: Path) -> None:
    words = [*TINY, *LOCAL, "training.batch_size=8", "output.checkpoint_every=2", "hydra.sweep.dir=swept"]
    process = started("-m", *words, "training.steps=100000,6", "seed=1")
    sweep = workplace / "swept"
    owners = two_at_work(sweep, process)
    os.kill(owners[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert err == "job 1 of 2 (training.steps=100000) was killed by SIGKILL\n"
    assert "2 jobs, 1 failed" in out and "job 2: " in out
    (long, short) = sorted(sweep.glob("[12]-*"))
    assert (
        json.loads((short / "result.json").read_text())["status"] == "finished" and not (long / "result.json").exists()
    )
    step = checkpoint.load(checkpoint.find(long))["state"]["step"]
    process = started("-m", "--resume", "swept")
    wait_until(lambda: checkpoint.find(long).name > f"step-{step:08d}.pt", process)
    assert list(long.glob("config-from-*.yaml")) and not list(long.glob("abandoned-*"))


def test_threads_are_divided_unless_they_are_set(workplace: Path) -> None:
    composer = Composer("train")
    words = ["device.threads=1,null", "seed=3"]
    jobs = expand(composer, composer.compose(words, multirun=True), threads=5)
    assert [job.settings["device.threads"] for job in jobs] == [1, 5]
