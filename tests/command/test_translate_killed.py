"""Pictures from pictures after `kill -9`: a process that dies in the middle of training loses no bit of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from ganctl import checkpoint
from tests.command.test_translate import MODELS, SETTINGS, pictures
from tests.conftest import Command

__all__ = ["pictures"]  # a fixture
pytestmark = pytest.mark.slow
STEPS = 24
WORDS = (
    *SETTINGS,
    *("dataset.resolution=16", f"training.steps={STEPS}", "scheduler=cosine", "output.log_every=10"),
    *("output.sample_every=24", "output.evaluate_every=24", "output.checkpoint_every=5", "output.sample_early=false"),
)


def killed_at_a_checkpoint(model: str, run: Path) -> None:
    """Trains in a process of its own, which is killed as soon as a checkpoint is there."""
    words = [sys.executable, "-m", "ganctl", "train", f"model={model}", *MODELS[model], *WORDS, f"hydra.run.dir={run}"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while not list(run.glob("checkpoints/step-*.pt")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert 5 <= state_of(run)["step"] < STEPS, "it died in the middle"


def state_of(run: Path) -> dict[str, Any]:
    return checkpoint.load(checkpoint.find(run))["state"]


def assert_same(first: Any, second: Any, where: str = "") -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_same(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    else:
        assert first == second, where


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("model", MODELS)
def test_a_killed_translation_goes_on_bit_for_bit(model: str, ganctl: Command) -> None:
    answer = ganctl("train", f"model={model}", *MODELS[model], *WORDS, "hydra.run.dir=whole")
    assert answer.code == 0, answer.err
    killed_at_a_checkpoint(model, Path("run"))
    answer = ganctl("train", "--resume", "run")
    assert answer.code == 0, answer.err
    whole, resumed = state_of(Path("whole")), state_of(Path("run"))
    assert whole["step"] == STEPS
    assert_same(whole, resumed)
