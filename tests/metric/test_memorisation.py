from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch

from ganctl.metric.memorisation import Memorisation, as_rows, nearest, nearest_real, nearest_samples, spread
from tests.metric.feature_sets import normal, side, uniform_images


def memorisation(generated: torch.Tensor, real: torch.Tensor, quantile: float = 0.01) -> dict[str, float]:
    return Memorisation(quantile=quantile).values(generated, real)


def test_an_independent_test_set_scores_the_quantile_and_is_as_near_as_real_images():
    for quantile in (0.01, 0.2):
        found = memorisation(normal(2000, 6, seed=1), normal(3000, 6, seed=2), quantile=quantile)
        assert found["copies"] == pytest.approx(quantile, abs=4 * (quantile / 2000) ** 0.5)
        assert found["nearest"] == pytest.approx(1, abs=0.05)


def test_exact_copies_are_all_found_and_are_at_distance_zero():
    real = normal(500, 6, seed=2)
    found = memorisation(real[:200], real)
    assert found["copies"] == 1 and found["nearest"] == 0
    assert found["duplicates"] < 0.1


def test_the_share_of_copies_among_new_images_is_counted():
    real = normal(2000, 32, seed=2)
    generated = torch.cat([real[:100], normal(300, 32, seed=1) + 3])
    assert memorisation(generated, real)["copies"] == 0.25


def test_samples_that_repeat_are_duplicates_and_no_copies():
    generated = torch.cat([normal(1, 32, seed=1).repeat(60, 1), normal(140, 32, seed=3)]) + 3
    found = memorisation(generated, normal(2000, 32, seed=2))
    assert found["duplicates"] == 0.3 and found["copies"] == 0


def test_on_a_line_they_can_be_counted_by_hand():
    """Real at 0, 1, 3, 6 are 1, 1, 2, 3 from each other: median 1.5, quantile 1/3 at 1."""
    real = torch.tensor([[0.0], [1.0], [3.0], [6.0]])
    generated = torch.tensor([[0.5], [8.0], [8.75], [-3.0]])  # 0.5, 2, 2.75 and 3 away
    found = memorisation(generated, real, quantile=1 / 3)
    assert found == {
        "copies": pytest.approx(1 / 4),
        "duplicates": pytest.approx(2 / 4),
        "nearest": pytest.approx(2.375 / 1.5),
    }


def test_real_images_that_repeat_do_not_hide_copies_nor_shrink_the_scale():
    real = normal(600, 6, seed=2)
    repeated = torch.cat([real, real[:200]])
    test_set = normal(1000, 6, seed=1)
    clean, found = (memorisation(test_set, each, quantile=0.05) for each in (real, repeated))
    assert found["copies"] == pytest.approx(clean["copies"], abs=0.03)
    assert found["nearest"] == pytest.approx(clean["nearest"], rel=0.05)
    assert memorisation(repeated[:100], repeated)["copies"] == 1


def test_rounding_of_the_extractor_does_not_hide_a_copy():
    real = normal(300, 6, seed=2).repeat(2, 1)
    generated = real[:50] * (1 + 1e-7)
    found = memorisation(generated, real)
    assert found["copies"] == 1 and "nearest" not in found


def test_where_all_real_images_are_the_same_only_exact_copies_are_copies():
    real = torch.full((30, 4), 2.0)
    generated = torch.cat([real[:3], real[:3] + 0.1])
    assert memorisation(generated, real) == {"copies": 0.5, "duplicates": 1.0}


def test_the_nearest_is_what_looking_at_all_finds_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch):
    rows, others = normal(60, 10, seed=1) + 50, normal(90, 10, seed=2) + 50
    expected = (rows[:, None].double() - others.double()).norm(dim=2).min(dim=1)
    for block in (4096, 7):
        monkeypatch.setattr("ganctl.metric.memorisation.BLOCK", block)
        distances, numbers = nearest(rows, others)
        assert torch.equal(numbers, expected.indices)
        assert torch.allclose(distances, expected.values, rtol=1e-12)
        _, other = nearest(others, others, itself=torch.arange(90))
        apart = torch.cdist(others.double(), others.double()).fill_diagonal_(torch.inf)
        assert torch.equal(other, apart.argmin(dim=1))


def test_the_order_of_the_images_changes_nothing():
    generated, real = normal(100, 6, seed=1), normal(150, 6, seed=2)
    assert memorisation(generated.flip(0), real.flip(0)) == memorisation(generated, real)


def test_spread_is_the_root_mean_square_from_the_mean():
    assert spread(torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 5.0], [2.0, -5.0]])) == pytest.approx(13**0.5)


def test_large_images_are_shrunk_by_averaging_areas_and_small_ones_are_left():
    small = uniform_images(3, 3, 20, 32, seed=0)
    assert numpy.array_equal(as_rows(small).numpy(), small.reshape(3, -1))
    large = uniform_images(2, 1, 64, 32, seed=0)
    expected = numpy.round(large.reshape(2, 32, 2, 32).mean(axis=2, dtype=numpy.float64))
    assert numpy.array_equal(as_rows(large).numpy(), expected.reshape(2, -1))


@pytest.mark.parametrize("pixels", [8, 40])
def test_a_memory_map_that_may_only_be_read_is_read_without_a_warning(pixels: int, tmp_path: Path):
    images = uniform_images(5, 1, pixels, pixels, seed=0)
    numpy.save(tmp_path / "images.npy", images)
    mapped = numpy.load(tmp_path / "images.npy", mmap_mode="r")
    assert torch.equal(as_rows(mapped), as_rows(images))


def test_both_spaces_are_scored_and_the_pixels_do_not_name_an_extractor():
    images = uniform_images(40, 1, 8, 8, seed=0)
    real = side(normal(40, 6, seed=2), images=images)
    generated = side(normal(20, 6, seed=3), images=images[:20])
    scores = Memorisation()(generated, real)
    assert set(scores) == {
        f"{name}_{space}" for name in ("copies", "duplicates", "nearest") for space in ("digits", "pixels")
    }
    assert scores["copies_pixels"] == 1 and scores["nearest_pixels"] == 0
    assert scores["copies_digits"] < 0.5 and scores["nearest_digits"] > 0.5


def test_the_parts_are_bounded_and_always_the_same():
    generated = side(normal(90, 6, seed=3), images=uniform_images(90, 1, 4, 4, seed=1))
    real = side(normal(80, 6, seed=2), images=uniform_images(80, 1, 4, 4, seed=2))
    metric = Memorisation(quantile=0.5, max_images=20, max_real=10)
    scores = metric(generated, real)
    assert scores == metric(generated, real)
    assert (scores["copies_digits"] * 20) % 1 == pytest.approx(0, abs=1e-9)


def test_the_nearest_real_images_can_be_shown_beside_samples():
    images = uniform_images(30, 1, 8, 8, seed=0)
    features = normal(30, 6, seed=2)
    real = side(features, images=images)
    generated = side(features[[7, 3, 9]] + 1e-3, images=images[[4, 2, 8]])
    assert nearest_real(generated, real, torch.arange(2)).tolist() == [7, 3]
    assert nearest_real(generated, real, torch.tensor([2, 0, 1]), pixels=True).tolist() == [8, 4, 2]


def test_the_samples_nearest_to_a_real_image_are_found():
    features = normal(30, 6, seed=2)
    drawn = normal(20, 6, seed=3) + 9
    drawn[[13, 4]] = features[[8, 2]] + torch.tensor([[0.0], [1e-3]])
    real = side(features)
    assert nearest_samples(side(drawn), real, 2).tolist() == [13, 4]
    assert nearest_samples(side(drawn), real, 1, most=10).tolist() == [4]


def test_images_of_two_shapes_single_images_and_nan_are_refused():
    real = side(normal(9, 6, seed=2), images=uniform_images(9, 1, 8, 8, seed=0))
    with pytest.raises(ValueError, match="images of 1x4x4 and 1x8x8 cannot be compared"):
        Memorisation()(side(normal(9, 6, seed=1), images=uniform_images(9, 1, 4, 4, seed=0)), real)
    with pytest.raises(ValueError, match="the search for copies needs at least 2 images a side"):
        Memorisation()(side(normal(1, 6, seed=1), images=uniform_images(1, 1, 8, 8, seed=0)), real)
    with pytest.raises(ValueError, match="NaN or infinite"):
        Memorisation()(side(torch.full((9, 6), torch.nan), images=uniform_images(9, 1, 8, 8, seed=0)), real)
