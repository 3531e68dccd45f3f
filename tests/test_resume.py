"""Resuming, with real processes and real signals: what was stopped ends bit for bit like what was not."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganctl import checkpoint
from ganctl.files import unfinished
from ganctl.record.jsonl import read_metrics

pytestmark = pytest.mark.slow
STEPS = 60
SETTINGS = [
    "generator=mlp",
    "discriminator=cnn",
    "discriminator.dropout=0.2",
    "training.batch_size=8",
    "training.ema_half_life_kimg=0.1",
    f"training.steps={STEPS}",
    "scheduler=cosine",
    "regularizer=[instance_noise]",
    "augment=ada",
    "augment.ada.target=-0.9",
    "augment.ada.speed_kimg=0.5",
    "augment.ada.interval=3",  # no divisor of the steps between checkpoints: some are written between adjustments
    "output.log_every=5",
    "output.sample_every=20",
    "output.evaluate_every=20",
    "output.checkpoint_every=10",
    "output.keep_last=3",
    "tracker=[]",
    "evaluation.num_images=200",
    "evaluation.final_images=200",
    "evaluation.num_real=200",
    "final_fid.enabled=false",
    "device=cpu",
    "device.threads=1",
]
TIMES = {"seconds", "images_per_second"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return os.environ | {"GANCTL_CACHE": str(tmp_path_factory.mktemp("cache"))}


def start(folder: Path, environment, *arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "ganctl", "train", *arguments]
    options |= {"cwd": folder, "env": environment}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def end(process: subprocess.Popen) -> str:
    text, _ = process.communicate(timeout=120)
    return text.decode()


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, end(process)
        time.sleep(0.005)


def records(run: Path) -> list[dict]:
    return [
        {key: value for key, value in line.items() if key not in TIMES} for line in read_metrics(run / "metrics.jsonl")
    ]


def content(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "train.log"}


def assert_same(first, second, where="") -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            if key != "seconds":
                assert_same(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    else:
        assert first == second, where


def assert_same_run(run: Path, whole: Path) -> None:
    for name in ("step-00000060.pt", "best.pt", "step-00000040.pt"):
        one, other = (checkpoint.load(folder / "checkpoints" / name) for folder in (whole, run))
        assert_same(one["state"], other["state"], name)
        assert_same(one["record"], other["record"], name)
    assert records(run) == records(whole)
    for grid in ("step-00000020.png", "step-00000060.png", "best.png"):
        assert (run / "samples" / grid).read_bytes() == (whole / "samples" / grid).read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, environment) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, environment, *SETTINGS, "hydra.run.dir=run")
    text = end(process)
    assert process.returncode == 0, text
    return folder / "run"


def test_the_probability_of_an_adaptive_augmentation_is_recorded(whole):
    p = [line["ada_p"] for line in records(whole) if line["kind"] == "losses"]
    assert len(p) == STEPS / 5 and len(set(p)) > 5 and all(0 <= value <= 1 for value in p)


@pytest.mark.parametrize(
    "number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["kill", "term", "ctrl-c"]
)
def test_a_stopped_run_goes_on_bit_for_bit(number, code, whole, tmp_path, environment):
    process = start(tmp_path, environment, *SETTINGS, "hydra.run.dir=run")
    run = tmp_path / "run"
    wait_for(run / "checkpoints" / "step-00000010.pt", process)
    process.send_signal(number)
    text = end(process)
    assert process.returncode == code, text
    stopped = checkpoint.load(checkpoint.find(run))["state"]["step"]
    assert 10 <= stopped < STEPS
    if number != signal.SIGKILL:
        assert "--resume" in text
    process = start(tmp_path, environment, "--resume", "run")
    text = end(process)
    assert process.returncode == 0, text
    assert_same_run(run, whole)


def test_a_run_whose_checkpoint_could_not_be_written_goes_on_bit_for_bit(whole, tmp_path, environment):
    """A limit on the size of files is a full disk for whoever writes: only the message differs."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    size = (run / "checkpoints" / "step-00000040.pt").stat().st_size
    for place in (run, run / "checkpoints", run / "samples"):
        left_by_a_killed_process(place / "file")
    with unfinished(run / "scores.json") as alive:
        alive.write_text("{")
        process = start(
            *(tmp_path, environment, "--resume", "run/checkpoints/step-00000040.pt"),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2,) * 2),
        )
        text = end(process)
        assert list(run.rglob("*.unfinished")) == [alive]
    assert process.returncode == 1 and "Traceback" not in text, text
    path = run / "checkpoints" / "step-00000050.pt"
    assert text.splitlines()[-1].startswith(f"{path}: cannot be written, file too large; raise the limit"), text
    log = (run / "train.log").read_text()
    assert "Traceback" not in log and log.splitlines()[-1].endswith(text.splitlines()[-1])
    assert not path.exists() and checkpoint.find(run).name == "step-00000040.pt"
    process = start(tmp_path, environment, "--resume", "run")
    text = end(process)
    assert process.returncode == 0, text
    assert_same_run(run, whole)


def left_by_a_killed_process(path: Path) -> None:
    script = "import os, sys; from pathlib import Path; from ganctl.files import unfinished\n"
    script += "with unfinished(Path(sys.argv[1])) as file:\n    file.touch(); os._exit(0)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert len(list(path.parent.glob(".*.unfinished"))) == 1


def test_a_longer_budget_goes_on_and_changed_networks_are_refused(whole, tmp_path, environment):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = content(run)
    process = start(tmp_path, environment, "--resume", "run", "generator.hidden=64")
    text = end(process)
    assert process.returncode == 2 and "generator.hidden" in text and len(text.strip().splitlines()) == 1, text
    assert content(run) == before
    process = start(
        tmp_path, environment, "--resume", "run/checkpoints/step-00000050.pt", "training.steps=70", "scheduler=constant"
    )
    text = end(process)
    assert process.returncode == 0, text
    assert checkpoint.load(checkpoint.find(run))["state"]["step"] == 70
    assert (run / "abandoned-1" / "step-00000060.pt").is_file()
    steps = [line["step"] for line in records(run) if line["kind"] == "losses"]
    assert steps == list(range(5, 75, 5))
    assert (run / ".hydra" / "overrides.yaml").read_bytes() == before[run / ".hydra" / "overrides.yaml"]


def test_a_run_that_diverges_keeps_its_last_good_checkpoint_and_says_so(whole, tmp_path, environment):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    process = start(
        tmp_path, environment, "--resume", "run", "training.steps=90", "optimizer.lr=1e30", "scheduler=constant"
    )
    text = end(process)
    assert process.returncode == 1 and "not-a-number" in text, text
    assert json.loads((run / "summary.json").read_text())["status"] == "diverged"
    assert checkpoint.find(run).name == "step-00000060.pt"
    weights = checkpoint.load(checkpoint.find(run))["state"]["networks"]["generator"].values()
    assert all(tensor.isfinite().all() for tensor in weights)


def test_a_run_that_diverges_at_once_says_that_there_is_no_checkpoint(tmp_path, environment):
    process = start(tmp_path, environment, *SETTINGS, "optimizer.lr=1e30", "output.log_every=1", "hydra.run.dir=run")
    text = end(process)
    assert process.returncode == 1 and "not-a-number" in text and "ended before the first" in text, text
