from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganctl.report.facts import best, best_place, budget, judged_by, last_step, resuming, score_of, total_steps
from tests.report.records import run, scores


@pytest.mark.parametrize(
    ("training", "steps", "text"),
    [
        ({"steps": None, "images": 64_000}, 1000, "64,000 images: 1,000 steps of 64"),
        ({"steps": None, "images": 64_000, "discriminator_steps": 5}, 200, "64,000 images: 200 steps of 64"),
        ({"steps": 1000, "discriminator_steps": 5}, 1000, "1,000 steps of 64"),
        ({"steps": None, "epochs": 3}, None, "3 epochs"),
    ],
)
def test_the_budget_counts_every_image_that_the_discriminator_sees(
    training: dict[str, Any], steps: int | None, text: str
):
    made = run(config={"training": training})
    assert total_steps(made) == steps and budget(made) == text


def test_a_run_that_goes_on_is_judged_by_its_frechet_distance_or_by_what_its_configuration_says():
    going_on: dict[str, Any] = {"summary": {}, "final": []}
    assert judged_by(run(**going_on)) == "fd_digits"
    assert judged_by(run(config={"stop": {"score": "is_digits"}}, **going_on)) == "is_digits"
    assert judged_by(run(scores=[], **going_on)) is None


def test_of_an_earlier_versions_run_only_the_judging_score_has_a_direction():
    lines = [{key: value for key, value in line.items() if key != "about"} for line in scores(3.0, 2.0, kd=[1.0, 2.0])]
    summary = {"status": "interrupted", "score": {"name": "fd_digits", "higher_is_better": False}}
    old = run(scores=lines, final=[], summary=summary)
    assert score_of("fd_digits", old).direction == "lower" and score_of("kd", old).direction is None
    assert best(old) == ("fd_digits", 2.0, 1000)


def test_nothing_is_best_of_what_has_no_direction_or_no_number():
    assert best_place(None, [1.0, 2.0]) is None and best_place("lower", [float("nan")]) is None
    assert best_place("higher", [1.0, 3.0, 2.0]) == 1


def test_steps_after_the_last_line_of_losses_count_too():
    ended = {"status": "finished", "step": 217, "score": {"name": "fd_digits", "value": 4.0}, "best_step": 217}
    made = run(summary=ended, losses=[{"step": 200, "kind": "losses", "d_loss": 1.0}], scores=[])
    assert last_step(made) == 217 and best(made) == ("fd_digits", 4.0, 217)


def test_a_value_without_a_judged_checkpoint_is_no_best():
    assert best(run(summary={"status": "finished", "step": 1000, "score": {"name": "fd_digits", "value": 4.0}})) is None


def test_training_on_needs_the_runs_own_folders_and_trust():
    options = ["--config-dir=/a b", "trust=[mine]", "seed=1"]
    made = run(folder=Path("out/run"), environment={"options": options})
    assert resuming(made, "seed=2") == "ganctl train --resume out/run '--config-dir=/a b' 'trust=[mine]' seed=2"
