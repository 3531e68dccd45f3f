"""The real packages with stores in the run's folder, each in its own process: what is read back of two stretches."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path

import numpy
import pytest
from PIL import Image

from ganctl.job.trackers import Trackers
from tests.tracker.reading import read

pytestmark = pytest.mark.slow
CLASSES = {"wandb": "WandB", "mlflow": "MLflow", "trackio": "Trackio"}
PIXELS = numpy.arange(32 * 48 * 3, dtype=numpy.uint8).reshape(32, 48, 3)
SETTINGS = {"optimizer.lr": 0.5, "tag": "", "stop.target": None, "betas": [0, 0.9]}
VARIABLES = ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "TRACKIO_DIR")


@pytest.fixture(autouse=True)
def no_choice_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)


def tracker_of(name: str):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'ganctl[{name}]'")
    return getattr(importlib.import_module(f"ganctl.tracker.{name}"), CLASSES[name])()


def stretch(name: str, folder: Path, steps: list[int], resumed_at: int | None, summary: dict | None) -> list[str]:
    """What is warned of while a run is shown that has a loss of step / 10 at `steps`, and a grid at the last."""
    warnings: list[str] = []
    trackers = Trackers({name: tracker_of(name)}, warnings.append)
    trackers.open(folder, SETTINGS, "fd_digits", resumed_at)
    for step in steps:
        trackers.scalars(step, "losses", {"d": step / 10})
        trackers.flush()
    trackers.scores(steps[-1], {"fd_digits": float(steps[-1])}, "extractor=digits")
    trackers.grid(steps[-1], "samples/generated", PIXELS)
    trackers.close(summary)
    return warnings


@pytest.mark.parametrize("name", CLASSES)
def test_curves_scores_grids_settings_and_the_end_are_read_back_of_one_run_that_was_resumed(name: str, tmp_path: Path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert stretch(name, folder, [10, 20, 30], None, None) == []  # broken off; the last checkpoint is that of step 20
    summary = {"status": "finished", "exit_code": 0, "step": 40, "scores": {"fd_digits": 1.5}}
    assert stretch(name, folder, [30, 40], 20, summary) == []
    found = read(name, folder / "trackers")
    known = (folder / "trackers" / "id").read_text().strip()
    assert found["runs"] == [f"run-{known[:6]}" if name == "trackio" else known]
    assert found["points"]["losses/d"] == [[step, step / 10] for step in (10, 20, 30, 40)]
    assert found["points"]["scores/fd_digits"] == [[30, 30.0], [40, 40.0]]
    assert str(found["config"]["optimizer.lr"]) == "0.5" and found["protocol"] == "extractor=digits"
    assert found["final"] == {"fd_digits": 1.5}
    assert found["status"] == (["FINISHED", "finished"] if name == "mlflow" else "finished")
    pictures = [numpy.asarray(Image.open(path).convert("RGB")) for path in found["pictures"]]
    assert len(pictures) == 2 and all((picture == PIXELS).all() for picture in pictures)


@pytest.mark.parametrize("name", CLASSES)
def test_a_store_that_cannot_be_written_is_reported_once(name: str, tmp_path: Path):
    (tmp_path / "trackers").mkdir()
    (tmp_path / "trackers" / name).write_text("in the way of its folder")
    (warning,) = stretch(name, tmp_path, [10, 20], None, None)
    assert warning.startswith(f"tracker=[{name}]: ") and warning.endswith("; the run goes on without it")
    assert len(warning.splitlines()) == 1
