"""Runs and sweeps read back from disk: whole, resumed, killed, and with scores added later."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from ganctl.report.recorded import is_sweep, read_results, read_run, read_runs, runs_of_sweep
from tests.report.records import losses, run, sweep_job, written


def test_a_run_comes_back_as_it_was_written(tmp_path: Path):
    made = run(losses=losses(d_loss=[math.inf, math.nan]))
    found = read_run(written(tmp_path / "run", made))
    assert (found.config, found.overrides, found.environment) == (made.config, made.overrides, made.environment)
    assert found.losses[0]["d_loss"] == math.inf and math.isnan(found.losses[1]["d_loss"])
    assert found.scores == made.scores and found.final == made.final
    assert [step for step, _ in found.grids()] == [100, 200, 300]


def test_a_resumed_run_has_the_settings_of_its_last_stretch(tmp_path: Path):
    folder = written(tmp_path / "run")
    for age, step in ((3, 1000), (2, 500), (1, 900)):  # resumed at 900 last
        config = folder / f"config-from-{step}.yaml"
        config.write_text(f"training: {{steps: {2 * step}}}")
        os.utime(config, (1000 - age, 1000 - age))
    for number in (2, 10, 9):
        (folder / f".hydra-resume-{number}").mkdir()
        (folder / f".hydra-resume-{number}" / "overrides.yaml").write_text(f"- seed={number}")
    found = read_run(folder)
    assert found.flat_config() == {"training.steps": 1800}
    assert found.overrides == ["seed=10"]


def test_scores_added_by_evaluating_later_follow_those_of_the_summary(tmp_path: Path):
    folder = written(tmp_path / "run")
    draws = [{"scores": {"fid": value}, "protocol": {"seed": seed}} for seed, value in enumerate((9.0, 8.0))]
    (folder / "scores-best.json").write_text(json.dumps({"step": 700, "draws": draws}))
    found = read_run(folder).final
    assert [(each.origin, each.step, each.scores.values.get("fid")) for each in found] == [
        ("summary.json", 1000, None),
        ("scores-best.json", 700, 9.0),
        ("scores-best.json", 700, 8.0),
    ]


@pytest.mark.parametrize("sign", ["multirun.yaml", "sweep.json", "1-a/result.json"])
def test_a_sweep_is_known_by_any_of_its_files(sign: str, tmp_path: Path):
    assert not is_sweep(tmp_path)
    (tmp_path / sign).parent.mkdir(exist_ok=True)
    (tmp_path / sign).write_text("{}")
    assert is_sweep(tmp_path)
    assert runs_of_sweep(tmp_path) == []


def test_a_sweeps_jobs_come_by_number(tmp_path: Path):
    for number in (10, 9, 1):
        written(tmp_path / f"{number}-a", grids=0)
        (tmp_path / f"{number}-a" / "result.json").write_text(json.dumps(sweep_job(None, 1.0, number)))
    assert [each["job"] for each in read_results(tmp_path)] == [1, 9, 10]
    assert [each.label for each in runs_of_sweep(tmp_path)] == ["1-a", "9-a", "10-a"]
    assert [each.label for each in read_runs([tmp_path, tmp_path / "9-a"])] == ["1-a", "9-a", "10-a"]


def test_labels_tell_runs_of_one_name_apart(tmp_path: Path):
    found = read_runs([written(tmp_path / "a" / "run"), written(tmp_path / "b" / "run")])
    assert [each.label for each in found] == ["a/run", "b/run"]
