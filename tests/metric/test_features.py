from __future__ import annotations

import pytest
import torch

from ganctl.metric.features import both_features, part
from tests.metric.feature_sets import normal, side


def test_a_part_is_ascending_without_repetition_and_always_the_same():
    chosen = part(1000, 100)
    assert len(chosen) == 100 and (chosen.diff() > 0).all() and chosen[-1] < 1000
    assert torch.equal(chosen, part(1000, 100))
    assert 350 < chosen.double().mean() < 650, "not the first of a sorted data set"


@pytest.mark.parametrize("limit", [5, 6, None])
def test_no_more_than_the_limit_are_all(limit: int | None):
    assert part(5, limit).tolist() == [0, 1, 2, 3, 4]


def test_sides_that_do_not_fit_are_refused_in_one_line():
    good, bad = side(normal(5, 3, seed=0)), side(normal(5, 3, seed=0))
    assert bad.features is not None
    bad.features[2, 1] = torch.inf
    for first, second, match in [
        (good, side(normal(5, 3, seed=0), extractor="inception"), "same extractor on both sides"),
        (good, side(normal(5, 4, seed=0)), "3 dimensions cannot be compared with 4"),
        (good, bad, "NaN or infinite"),
        (bad, good, "NaN or infinite"),
        (good, side(normal(3, 3, seed=0)), r"num_real=3: a distance needs at least 4"),
        (side(normal(3, 3, seed=0)), good, r"num_images=3: a distance needs at least 4"),
    ]:
        with pytest.raises(ValueError, match=match) as error:
            both_features(first, second, least=4, what="a distance")
        assert "\n" not in str(error.value)
