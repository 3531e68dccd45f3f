"""What a run has of trackers that fail: one warning, nothing else; and what is refused before anything is read."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy
import pytest

from ganctl.job import apart
from ganctl.job.trackers import Trackers
from ganctl.record.jsonl import read_metrics
from tests.command.conftest import Train
from tests.conftest import TINY, Refusal
from tests.job.diary import Diary, Inside

PIXELS = numpy.zeros((8, 8, 3), dtype=numpy.uint8)


def told(file: Path) -> list[list[object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def show(trackers: Trackers, folder: Path, steps: range, resumed_at: int | None = None) -> None:
    trackers.open(folder, {}, "fd", resumed_at)
    for step in steps:
        trackers.scalars(step, "losses", {"d": 1.0})
    trackers.grid(steps[-1], "samples", PIXELS[..., :1])
    trackers.flush()


@pytest.mark.parametrize("kind", [Diary, Inside])
def test_a_tracker_is_told_everything_in_order(kind: type[Diary], tmp_path: Path) -> None:
    warnings: list[str] = []
    trackers = Trackers({"diary": kind(tmp_path / "diary")}, warnings.append)
    show(trackers, tmp_path, range(3))
    trackers.close({"status": "finished"})
    trackers.close(None)
    points = [["scalars", step] for step in range(3)]
    rest = [["grid", [8, 8, 3]], ["flush", None], ["close", {"status": "finished"}]]
    assert told(tmp_path / "diary") == [["open", None], *points, *rest] and warnings == []
    assert trackers.commands(tmp_path, "curves") == {"curves": f"cat {tmp_path / 'diary'}"}
    if kind.apart:
        assert (tmp_path / "trackers" / "diary.log").read_text() == "what a package prints\n"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fail", "RuntimeError: fail and more"),
        ("end", "its process ended with 3"),
        ("hang", "it did not end within 1 seconds"),
    ],
)
def test_a_tracker_that_fails_is_reported_once_and_the_others_go_on(
    what: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "CLOSING", 1.0)
    warnings: list[str] = []
    trackers = Trackers({"bad": Diary(tmp_path / "bad", what), "good": Inside(tmp_path / "good")}, warnings.append)
    show(trackers, tmp_path, range(3))
    if what != "hang":  # which nobody notices before the end, as it holds nothing up
        process = trackers._at_work["bad"]._process
        while process.poll() is None or trackers._at_work["bad"]._threads[1].is_alive():
            time.sleep(0.01)
        trackers.flush()
        assert len(warnings) == 1 and "bad" not in trackers._at_work
    trackers.close(None)
    assert warnings == [f"tracker=[bad]: {said}; the run goes on without it"]
    assert told(tmp_path / "good")[-1] == ["close", None]
    assert list(trackers.commands(tmp_path, "curves").values()) == [f"cat {tmp_path / 'good'}"]


def test_a_tracker_that_does_not_keep_up_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MOST_WAITING", 2**20)
    warnings: list[str] = []
    trackers = Trackers({"slow": Diary(tmp_path / "slow", "hang")}, warnings.append)
    show(trackers, tmp_path, range(1))
    for step in range(30):
        trackers.grid(step, "samples", numpy.zeros((256, 256, 3), dtype=numpy.uint8))
    assert warnings == ["tracker=[slow]: it does not keep up with the run; the run goes on without it"]


def test_a_tracker_of_a_killed_training_is_closed_and_not_told_again_what_it_knows(tmp_path: Path) -> None:
    for resumed_at, steps in ((None, range(5)), (2, range(3, 8))):
        trackers = Trackers({"diary": Diary(tmp_path / "diary")}, pytest.fail)
        show(trackers, tmp_path, steps, resumed_at)
        process = trackers._at_work["diary"]
        process._calls.put(None)  # its input ends, as that of a training that was killed
        assert process._process.wait(60) == 0
    known = [words for words in told(tmp_path / "diary") if words[0] != "grid"]
    first = [["open", None], *(["scalars", step] for step in range(5)), ["flush", None], ["close", None]]
    assert known == [*first, ["open", 2], *(["scalars", step] for step in (5, 6, 7)), ["flush", None], ["close", None]]


def test_a_run_goes_on_when_tensorboard_cannot_be_written(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("in the way of its folder")
    assert train("tracker=[tensorboard]")["status"] == "finished"
    said = [line for line in capsys.readouterr().out.splitlines() if "tracker=" in line or "curves" in line]
    assert len(said) == 1 and said[0].startswith("warning: tracker=[tensorboard]: ")
    assert [line["step"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 2, 3, 4, 4]


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio", "tensorboard"])
def test_a_missing_package_is_refused_with_what_to_install(
    name: str, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    said = refused("train", *TINY, f"tracker=[{name}]")
    extra = "tensorboard" if name == "tensorboard" else f"'ganctl[{name}]'"
    assert said == f"tracker=[{name}]: the package {name} is not installed; pip install {extra}"


def test_a_password_is_not_saved_with_a_run(refused: Refusal) -> None:
    said = refused("train", *TINY, "tracker=[mlflow]", "tracker.mlflow.uri='postgresql://me:secret@host/db'")
    assert said.startswith("tracker.mlflow.uri: holds a password, which") and "secret" not in said
