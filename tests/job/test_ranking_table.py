"""The table at the end of a sweep."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from ganctl.job.ranking_table import show_and_write
from ganctl.report.sweep import over_seeds, ranked, unequal


def result(
    job: int, value: float | str | None, *, name: str = "fid", higher: bool = False, **varied: str
) -> dict[str, Any]:
    """A job's result as its file holds it; no value stands for a failed job."""
    score = None if value is None else {"name": name, "value": value, "higher_is_better": higher}
    ended = {"status": "failed", "failed": True, "error": "it broke"} if value is None else {"status": "finished"}
    about = {"job": job, "folder": f"/somewhere/{job}", "overrides": [], "varied": varied, "seconds": 1.5}
    return {"failed": False, "error": None} | about | {"score": score} | ended


def test_lower_or_higher_comes_first_as_the_score_says() -> None:
    lower = ranked([result(1, 3.0), result(2, 1.0), result(3, None), result(4, 2.0)])
    assert [(each["rank"], each["job"]) for each in lower] == [(1, 2), (2, 4), (3, 1), (None, 3)]
    higher = ranked([result(1, 3.0, higher=True), result(2, 5.0, higher=True)])
    assert [each["job"] for each in higher] == [2, 1]


def test_different_scores_are_not_compared() -> None:
    jobs = ranked([result(1, 3.0), result(2, 90.0, name="fd_digits"), result(3, 2.0)])
    assert [(each["job"], each["rank"]) for each in jobs] == [(2, 1), (3, 1), (1, 2)]


def test_scores_of_unequal_protocol_are_ranked_apart_and_it_is_said_why() -> None:
    results = [result(job, value) for job, value in ((1, 3.0), (2, 1.0), (3, 2.0))]
    for each, number in zip(results, (500, 5000, 5000), strict=True):
        each["score"] |= {"protocol": {"num_generated": number, "seed": each["job"]}, "made_by": "frechet"}
    assert [(each["job"], each["rank"]) for each in ranked(results)] == [(1, 1), (2, 1), (3, 2)]
    (said,) = unequal(ranked(results))
    assert said == "fid of job 1 and job 2: unequal number of generated images (num_generated 500 and 5000)"
    assert unequal(ranked(results[1:])) == []


def test_seeds_are_averaged_over_equal_protocols_only() -> None:
    results = [result(1, 1.0, seed="1", n="a"), result(2, 3.0, seed="2", n="a")]
    for each, number in zip(results, (500, 5000), strict=True):
        each["score"] |= {"protocol": {"num_generated": number}}
    assert [group["seeds"] for group in over_seeds(ranked(results))] == [1, 1]


def test_mean_and_deviation_are_those_over_the_seeds_of_a_setting() -> None:
    results = [
        result(1, 1.0, seed="1", loss="hinge"),
        result(2, 3.0, seed="2", loss="hinge"),
        result(3, 1.5, seed="1", loss="minimax"),
        result(4, None, seed="2", loss="minimax"),
    ]
    minimax, hinge = over_seeds(ranked(results))
    assert (minimax["varied"], minimax["mean"], minimax["deviation"], minimax["seeds"]) == (
        {"loss": "minimax"},
        1.5,
        None,
        1,
    )
    assert (hinge["varied"], hinge["mean"], hinge["seeds"]) == ({"loss": "hinge"}, 2.0, 2)
    assert hinge["deviation"] == pytest.approx(math.sqrt(2))
    assert over_seeds(ranked([result(1, 1.0, loss="hinge")])) == []


def test_the_table_is_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [result(1, 2.0, seed="1"), result(2, 1.0, seed="2"), result(3, None, seed="3")]
    for seed, each in enumerate(results[:2]):
        each["score"]["protocol"] = {"extractor": "digits", "num_generated": 500, "seed": seed}
    failed = show_and_write(tmp_path, results, 4, interrupted=False)
    assert failed == 1
    shown = capsys.readouterr().out
    assert shown.count("protocol: extractor=digits  num_generated=500\n") == 1
    assert "it broke" in shown and "4 jobs, 1 failed, 1 not run" in shown and "deviation" in shown
    kept = json.loads((tmp_path / "sweep.json").read_text())
    assert kept["status"] == "failed" and [each["job"] for each in kept["ranking"]] == [2, 1, 3]
    rows = list(csv.DictReader((tmp_path / "sweep.csv").read_text().splitlines()))
    assert rows[0]["protocol"] == "extractor=digits  num_generated=500  seed=1" and rows[2]["protocol"] == ""
    assert [(row["rank"], row["seed"], row["value"]) for row in rows] == [
        ("1", "2", "1.0"),
        ("2", "1", "2.0"),
        ("", "3", ""),
    ]


def test_a_score_that_is_not_a_number_ranks_last() -> None:
    jobs = ranked([result(1, "NaN"), result(2, 1.0)])
    assert [each["job"] for each in jobs] == [2, 1]
