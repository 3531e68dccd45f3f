"""One job of a sweep: what it leaves where somebody else is at work, and what it moves aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.invocation.arguments import Arguments
from ganctl.invocation.lock import locked
from ganctl.invocation.presets import About
from ganctl.job.expansion import Job
from ganctl.job.signals import StopSignals
from ganctl.job.sweep_job import run_job, set_aside


def test_a_job_in_whose_folder_another_process_is_at_work_writes_nothing_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(1, ["seed=1"], {"seed": "1"}, "1-seed-1", [], About())
    with locked(tmp_path / "1-seed-1", "x=1"):
        before = sorted((tmp_path / "1-seed-1").iterdir())
        outcome = run_job(job, 2, tmp_path, Arguments([]), StopSignals())
        assert sorted((tmp_path / "1-seed-1").iterdir()) == before
    assert outcome.result and outcome.result["failed"] and not outcome.is_written
    assert capsys.readouterr().err.startswith("job 1 of 2 (seed=1) failed: hydra.sweep.dir=")


def test_what_a_job_has_left_is_moved_aside_as_often_as_it_is_left(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "samples").mkdir()
        (tmp_path / "samples" / "real.png").write_text(f"{number}")
        assert set_aside(tmp_path) == tmp_path / f"abandoned-{number}"
        assert (tmp_path / f"abandoned-{number}" / "samples" / "real.png").read_text() == f"{number}"
    assert set_aside(tmp_path) is None
