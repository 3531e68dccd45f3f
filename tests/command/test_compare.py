"""`ganctl compare`: ranks runs whose scores were made alike, and refuses the others with the sentence that says why."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, Refusal
from tests.report import records

PROTOCOL = records.PROTOCOL | {"torch": "2.9", "kernel_distance.subsets": 100}
MADE_BY = {"fd_digits": "frechet", "is_digits": "inception_score", "kd_digits": "kernel_distance"}
SCORES = {"fd_digits": 1.0, "is_digits": 9.0, "kd_digits": 0.1}


def make_run(place: Path, name: str, scores: dict[str, Any] = SCORES, by: str = "fd_digits", **changes: Any) -> Path:
    """A finished run's folder as `ganctl train` leaves it, as far as tables look at it."""
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("")
    (folder / "config.yaml").write_text(f"seed: 0\noptimizer: {{lr: {len(name)}.0}}\noutput: {{root: {name}}}\n")
    part = {
        "scores": scores,
        "protocol": PROTOCOL | {"step": 100} | changes,
        "made_by": MADE_BY,
        "about": records.ABOUT,
    }
    summary = {"status": "finished", "best_step": 100, "score": {"name": by, "value": 1.0}, **part}
    (folder / "summary.json").write_text(json.dumps(summary if scores else {"status": "interrupted"}))
    return folder


def typed(folder: Path, *overrides: str, **choices: str) -> None:
    """Adds what was typed for a run, and the options that its configuration was composed of."""
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    (folder / "environment.json").write_text(json.dumps({"choices": choices}))


def evaluated(folder: Path, name: str, *draws: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Adds the file that `ganctl evaluate` writes."""
    drawn = [
        {"scores": scores, "protocol": PROTOCOL | changes, "made_by": MADE_BY, "about": records.ABOUT}
        for scores, changes in draws
    ]
    (folder / f"scores-{name}.json").write_text(json.dumps({"checkpoint": "best.pt", "step": 100, "draws": drawn}))


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_runs_of_one_protocol_are_ranked_and_written(ganctl: Command, workplace: Path):
    make_run(workplace, "a", SCORES | {"fd_digits": 3.0})
    make_run(workplace, "bb", SCORES | {"fd_digits": 2.0}, seed=5, torch="2.10")
    answer = ganctl("compare", "a", "bb", "--csv", "t.csv", "--markdown", "t.md")
    assert answer.code == 0, answer.err
    assert [(row["rank"], row["run"], row["fd_digits"]) for row in table(workplace / "t.csv")] == [
        ("1", "bb", "2.0"),
        ("2", "a", "3.0"),
    ]
    assert [row["optimizer.lr"] for row in table(workplace / "t.csv")] == ["2.0", "1.0"]
    assert "output.root" not in answer.out and "num_generated=5000" in answer.out
    lines = (workplace / "t.md").read_text().splitlines()
    assert lines[2].startswith("| 1 | bb | 100 | 2 |") and "protocol of all:" in lines[5]


@pytest.mark.parametrize(("score", "first"), [("is_digits", "a"), ("fd_digits", "b")])
def test_the_score_decides_and_its_direction_is_known(score: str, first: str, ganctl: Command, workplace: Path):
    make_run(workplace, "a", {"fd_digits": 3.0, "is_digits": 9.5})
    make_run(workplace, "b", {"fd_digits": 2.0, "is_digits": 9.0})
    assert ganctl("compare", "a", "b", "--score", score, "--csv", "t.csv").code == 0
    assert next(row["run"] for row in table(workplace / "t.csv")) == first


def test_equal_scores_share_a_rank_and_nan_is_last(ganctl: Command, workplace: Path):
    for name, value in (("a", "NaN"), ("b", 2.0), ("c", 2.0), ("d", 1.0)):
        make_run(workplace, name, {"fd_digits": value if value != "NaN" else math.nan})
    assert ganctl("compare", "a", "b", "c", "d", "--csv", "t.csv").code == 0
    assert [(row["run"], row["rank"]) for row in table(workplace / "t.csv")] == [
        ("d", "1"),
        ("b", "2"),
        ("c", "2"),
        ("a", "4"),
    ]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("num_generated", 50000, "unequal number of generated images (num_generated 5000 and 50000)"),
        ("split", "test", "unequal split of the real images (split train and test)"),
        ("weights", "raw", "unequal generator's weights (weights ema and raw)"),
        ("weights_hash", "c" * 64, "unequal extractor's weights (weights_hash aaaaaaaaaaaa and cccccccccccc)"),
        ("data_hash", "c" * 64, "unequal real images"),
    ],
)
def test_unequal_protocols_are_refused_and_marked_when_forced(
    key: str, value: Any, said: str, ganctl: Command, refused: Refusal, workplace: Path
):
    make_run(workplace, "a", SCORES)
    make_run(workplace, "b", SCORES | {"fd_digits": 0.5}, **{key: value})
    line = refused("compare", "a", "b")
    assert line.startswith(f"fd_digits of a and b: {said}") and line.endswith("or add --force")
    answer = ganctl("compare", "a", "b", "--force", "--csv", "t.csv")
    assert answer.code == 0 and "≠ not comparable: fd_digits, is_digits, kd_digits of a and b" in answer.out
    assert [row["rank"] for row in table(workplace / "t.csv")] == ["", ""]


def test_a_tunable_of_another_metric_marks_only_that_score(ganctl: Command, workplace: Path):
    make_run(workplace, "a")
    make_run(workplace, "b", **{"kernel_distance.subsets": 10})
    answer = ganctl("compare", "a", "b")
    assert answer.code == 0
    assert "≠ not comparable: kd_digits of a and b: unequal kernel_distance.subsets" in answer.out
    assert "not comparable: fd_digits" not in answer.out


def test_a_protocol_that_all_runs_share_is_found_among_their_evaluations(ganctl: Command, workplace: Path):
    make_run(workplace, "a", SCORES, num_generated=5000)
    second = make_run(workplace, "b", SCORES, num_generated=1000)
    evaluated(second, "2026", (SCORES | {"fd_digits": 0.7}, {"num_generated": 5000}))
    assert ganctl("compare", "a", "b", "--csv", "t.csv").code == 0
    assert [(row["run"], row["fd_digits"]) for row in table(workplace / "t.csv")] == [("b", "0.7"), ("a", "1.0")]


def test_draws_give_mean_and_deviation(ganctl: Command, workplace: Path):
    for name, base in (("a", 1.0), ("b", 2.0)):
        folder = make_run(workplace, name, num_generated=777)
        draws = [(SCORES | {"fd_digits": base + seed}, {"seed": seed, "num_generated": 500}) for seed in range(3)]
        evaluated(folder, "2026", *draws)
    answer = ganctl("compare", "a", "b", "--csv", "t.csv")
    assert answer.code == 0 and "2 ± 1" in answer.out
    rows = table(workplace / "t.csv")
    assert [(row["draws"], row["fd_digits"], row["fd_digits_deviation"]) for row in rows] == [
        ("3", "2.0", "1.0"),
        ("3", "3.0", "1.0"),
    ]


def test_a_sweeps_folder_stands_for_all_its_runs(ganctl: Command, workplace: Path):
    for number in (1, 2, 10):
        folder = make_run(workplace / "sweep", f"{number}-seed", SCORES | {"fd_digits": float(number)})
        (folder / "result.json").write_text("{}")
    assert ganctl("compare", "sweep", "--csv", "t.csv").code == 0
    assert [row["run"] for row in table(workplace / "t.csv")] == ["1-seed", "2-seed", "10-seed"]


def test_typed_settings_are_columns_and_runs_that_differ_by_seed_have_their_mean(ganctl: Command, workplace: Path):
    jobs = [("adam", 1, 3.0), ("adam", 2, 5.0), ("sgd", 1, 1.0), ("sgd", 2, 2.0)]
    for number, (optimizer, seed, value) in enumerate(jobs, 1):
        folder = make_run(workplace / "sweep", f"{number}-x", SCORES | {"fd_digits": value}, seed=seed)
        (folder / "result.json").write_text("{}")
        (folder / "config.yaml").write_text(
            f"seed: {seed}\noptimizer: {{_target_: {optimizer}, lr: {len(optimizer)}}}\n"
        )
        typed(folder, f"optimizer={optimizer}", f"seed={seed}", "++optimizer.lr=4", "tag=x", optimizer=optimizer)
    answer = ganctl("compare", "sweep", "--csv", "t.csv")
    assert answer.code == 0, answer.err
    assert "_target_" not in answer.out
    assert [row["optimizer"] for row in table(workplace / "t.csv")] == ["sgd", "sgd", "adam", "adam"]
    first, means = answer.out.split("means over seeds, best first")
    assert "optimizer   seed" in first and "optimizer.lr" not in first
    rows = [line.split() for line in means.splitlines() if line.strip().startswith(("adam", "sgd"))]
    assert rows == [["sgd", "1.5", "0.71", "2"], ["adam", "4", "1.4", "2"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "RUN... is missing"),
        (["a"], "a: one run alone cannot be compared"),
        (["a", "nowhere"], "nowhere: there is no such run or sweep folder"),
        (["a", "empty"], "empty: neither a run's folder nor a sweep's"),
        (["a", "unfinished"], "unfinished: has no scores yet"),
        (["a", "b", "--score", "fid"], "--score=fid: a has no such score; it has fd_digits"),
        (["a", "b", "--score", "kd_digits_low"], "--score=kd_digits_low: a has no such score"),
        (["a", "other"], "the runs are judged by different scores (a by fd_digits, other by is_digits)"),
        (["a", "b", "--forse"], "--forse: no such option; did you mean --force?"),
        (["a", "b", "--csv", "there.csv"], "there.csv: is there already"),
    ],
)
def test_mistakes_get_one_line(words: list[str], said: str, refused: Refusal, workplace: Path):
    make_run(workplace, "a")
    make_run(workplace, "b")
    make_run(workplace, "other", by="is_digits")
    make_run(workplace, "unfinished", {})
    (workplace / "empty").mkdir()
    (workplace / "there.csv").write_text("mine")
    assert refused("compare", *words).startswith(said)
    assert (workplace / "there.csv").read_text() == "mine"


def test_a_damaged_summary_is_named(refused: Refusal, workplace: Path):
    make_run(workplace, "a")
    (make_run(workplace, "b") / "summary.json").write_text('{"scores": ')
    assert refused("compare", "a", "b").startswith("b/summary.json: cannot be read")


def test_comparing_needs_no_torch(ganctl_process: Command, workplace: Path):
    make_run(workplace, "a")
    make_run(workplace, "b")
    (workplace / "torch.py").write_text("raise ImportError('torch is not needed here')")
    assert ganctl_process("compare", "a", "b").code == 0
