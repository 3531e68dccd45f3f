"""What torchrun starts: processes on two nodes, and a run again after one of its processes was killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.processes import world_of_environment
from tests.conftest import Command
from tests.several.test_exact import BOUND, LONG
from tests.several.test_runs import RUN, apart, last, wait_for_a_checkpoint, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def torchrun(*words: str) -> subprocess.Popen[str]:
    options, settings = words[: words.index("--")], words[words.index("--") + 1 :]
    command = [sys.executable, "-m", "torch.distributed.run", *options, "-m", "ganctl", "train", *settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@LONG
def test_two_nodes_train_one_run(ganctl: Command) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        meeting = f"--rdzv-endpoint=localhost:{free.getsockname()[1]}"
    node = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", "--rdzv-id=one", meeting]
    nodes = [torchrun(*node, "--local-addr=localhost", "--", *RUN) for _ in range(2)]
    texts = [node.communicate(timeout=280)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], texts
    assert sorted(text.count("Scores\n") for text in texts) == [0, 1]
    Path("run").rename("nodes")
    assert ganctl("train", *RUN).code == 0
    assert apart(last("run"), last("nodes")) < BOUND


@LONG
def test_torchrun_goes_on_with_a_run_whose_process_was_killed(workplace: Path) -> None:
    settings = [*RUN, "training.steps=40"]
    process = torchrun("--standalone", "--nproc-per-node=2", "--max-restarts=1", "--", *settings)
    wait_for_a_checkpoint(process)
    os.kill(workers(process)[1], signal.SIGKILL)
    text, _ = process.communicate(timeout=280)
    assert process.returncode == 0 and "going on after step" in text, text
    assert last("run")["state"]["step"] == 40 and checkpoint.find(Path("run")).name == "step-00000040.pt"
    steps = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if line["kind"] == "losses"] == list(range(1, 41))


def test_a_mistake_is_said_by_the_first_process_alone(workplace: Path) -> None:
    process = torchrun("--standalone", "--nproc-per-node=2", "--", *RUN, "optimizer.lr=high")
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and text.count("optimizer.lr=high: ") == 1 and not Path("run").exists(), text


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("RANK", "2", "RANK=2: the environment has no whole number in [0, 1] there"),
        ("RANK", "", "RANK=: the environment has no"),
        ("WORLD_SIZE", "two", "WORLD_SIZE=two: the environment has no whole number at least 1 there"),
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(
    name: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, good in {"WORLD_SIZE": "2", "RANK": "1", name: value}.items():
        monkeypatch.setenv(variable, good)
    with pytest.raises(ValueError) as refusal:
        world_of_environment()
    assert str(refusal.value).startswith(line)
