from __future__ import annotations

import math
import subprocess
import sys

import pytest

from ganctl.contract import Direction, Score
from ganctl.evaluation.protocol import Protocol
from ganctl.evaluation.ranking import Entry, better, groups, reasons
from ganctl.evaluation.scores import Measurement


def entries(*values: float, direction: Direction | None = "lower", counts: tuple[int, ...] = ()) -> list[Entry]:
    """Scores of one name, of as many images as `counts` says."""
    score = Score("fid", direction)
    numbers = counts or (500,) * len(values)
    return [
        Entry(place, f"run {place}", Measurement(score, value, "frechet"), Protocol(num_generated=number))
        for place, (value, number) in enumerate(zip(values, numbers, strict=True))
    ]


def test_the_direction_says_which_is_better():
    assert better("lower", 1.0, 2.0) and not better("lower", 2.0, 1.0) and not better("lower", 1.0, 1.0)
    assert better("higher", 2.0, 1.0) and not better("higher", 1.0, 2.0) and not better("higher", 1.0, 1.0)
    assert not better(None, 1.0, 2.0) and not better(None, 2.0, 1.0)


def test_nan_is_worse_than_any_number():
    assert better("lower", 1e9, math.nan)
    assert not better("lower", math.nan, 1e9) and not better("lower", math.nan, math.nan)


@pytest.mark.parametrize(
    ("direction", "places"), [("lower", [2, 0, 3, 1]), ("higher", [0, 3, 2, 1]), (None, [0, 1, 2, 3])]
)
def test_the_best_comes_first_and_nan_last(direction: Direction | None, places: list[int]):
    (group,) = groups(entries(3.0, math.nan, 1.0, 3.0, direction=direction))
    assert [entry.place for entry in group] == places


def test_only_scores_made_alike_are_ranked_with_each_other_and_it_is_said_why():
    unequal = entries(3.0, 2.0, 1.0, counts=(500, 5000, 500))
    assert [[entry.place for entry in group] for group in groups(unequal)] == [[2, 0], [1]]
    assert reasons(unequal) == [
        "fid of run 0 and run 1: unequal number of generated images (num_generated 500 and 5000)"
    ]
    assert reasons(entries(3.0, 2.0)) == []


def test_ranking_is_imported_without_torch():
    code = "import sys, ganctl.evaluation.ranking; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
