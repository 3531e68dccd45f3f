"""That modes were counted among fewer images than papers take is said."""

from __future__ import annotations

from ganctl.contract import Score
from ganctl.evaluation.protocol import Protocol, few_modes
from ganctl.evaluation.scores import Measurement, ScoreSet


def test_modes_of_fewer_images_than_are_enough_are_warned_of():
    few = Protocol(num_generated=25_999, tunables={"stacked_modes.enough": 26_000})
    assert str(few_modes(few)).startswith("25,999 generated images to count modes among: papers take 26,000, ")
    assert few_modes(Protocol(num_generated=26_000, tunables={"stacked_modes.enough": 26_000})) is None
    assert few_modes(Protocol(num_generated=5, tunables={"modes.min_ratio": 0.1})) is None


def test_scores_warn_of_a_frechet_distance_only_where_there_is_one():
    protocol = Protocol(num_generated=5, num_real=9, dimensions=384, tunables={"stacked_modes.enough": 26_000})
    modes = {"modes": Measurement(Score("modes", quantity="modes"), 3.0, "stacked_modes")}
    distance = {"fd": Measurement(Score("fd", quantity="frechet_distance"), 3.0, "frechet")}
    assert [len(ScoreSet(scores, protocol).warnings) for scores in (modes, modes | distance)] == [1, 2]
