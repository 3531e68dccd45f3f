from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganctl.metric.precision_recall import PrecisionRecall, squared_distances
from tests.metric.feature_sets import normal, side


def precision_recall(generated: Tensor, real: Tensor, **settings: int) -> dict[str, float]:
    values = PrecisionRecall(**settings).values(generated, real)
    return dict(zip(("precision", "recall", "density", "coverage"), values, strict=True))


def torch_fidelitys(generated: Tensor, real: Tensor, neighbours: int) -> dict[str, float]:
    from torch_fidelity.metric_prc import prc_features_to_metric

    return prc_features_to_metric(
        generated.double(), real.double(), prc_neighborhood=neighbours, save_cpu_ram=False, verbose=False
    )


@pytest.mark.parametrize("neighbours", [1, 3, 7])
@pytest.mark.parametrize(("n", "m", "dimensions"), [(200, 300, 3), (300, 200, 16), (150, 150, 200)])
def test_precision_and_recall_equal_torch_fidelitys(n: int, m: int, dimensions: int, neighbours: int):
    generated, real = 0.8 * normal(n, dimensions, seed=1) + 0.2, normal(m, dimensions, seed=2)
    found = precision_recall(generated, real, neighbours=neighbours)
    expected = torch_fidelitys(generated, real, neighbours)
    assert found["precision"] > 0 and found["recall"] < 1
    assert found["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert found["recall"] == pytest.approx(expected["recall"], abs=1e-6)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("n", "m"), [(40, 60), (60, 40)])
def test_density_and_coverage_are_the_formulas_written_out(n: int, m: int, k: int):
    """Naeem et al. 2020, equations 3 and 5."""
    generated, real = normal(n, 4, seed=1), normal(m, 4, seed=2)

    def distance(x: Tensor, y: Tensor) -> float:
        return float((x.double() - y.double()).norm())

    balls = [sorted(distance(real[i], real[j]) for j in range(m) if j != i)[k - 1] for i in range(m)]
    inside = [[distance(y, x) <= ball for x, ball in zip(real, balls, strict=True)] for y in generated]
    found = precision_recall(generated, real, density_neighbours=k)
    assert found["density"] == pytest.approx(sum(map(sum, inside)) / (k * n))
    assert found["coverage"] == pytest.approx(sum(map(any, zip(*inside, strict=True))) / m)


def test_on_a_line_they_can_be_counted_by_hand():
    """Real at 0, 1, 2, 10 with balls (k = 1) of 1, 1, 1, 8; generated at 0.5, 2.5, 30 with balls of 2, 2, 27.5."""
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    generated = torch.tensor([[0.5], [2.5], [30.0]])
    found = precision_recall(generated, real, neighbours=1, density_neighbours=1)
    assert found == {
        "precision": pytest.approx(2 / 3),  # 0.5 and 2.5
        "recall": pytest.approx(4 / 4),  # 0, 1 and 2 by the first two, 10 by the last
        "density": pytest.approx((2 + 2) / 3),  # 0.5 is in the balls of 0 and 1; 2.5 in those of 2 and 10
        "coverage": pytest.approx(4 / 4),
    }


def test_a_collapsed_generator_is_precise_and_recalls_little():
    real = normal(300, 8, seed=1)
    found = precision_recall(real[:1] + 1e-3 * normal(200, 8, seed=2), real)
    assert found["precision"] == 1 and found["recall"] < 0.02
    assert found["coverage"] < 0.2


def test_far_away_images_score_nothing():
    found = precision_recall(normal(50, 8, seed=1) + 1000, normal(60, 8, seed=2))
    assert set(found.values()) == {0.0}


def test_equal_distributions_have_density_one_and_the_expected_coverage():
    """E coverage = 1 - (M - 1) ... (M - k) / ((2 M - 1) ... (2 M - k)) for N = M (Naeem et al. 2020, lemma 2)."""
    found = precision_recall(normal(2000, 8, seed=1), normal(2000, 8, seed=2))
    assert found["density"] == pytest.approx(1, abs=0.05)
    missed = 1.0
    for i in range(1, 6):
        missed *= (2000 - i) / (4000 - i)
    assert found["coverage"] == pytest.approx(1 - missed, abs=0.02)


def test_copies_are_inside_also_where_images_repeat():
    real = normal(20, 8, seed=1).repeat(6, 1) + 100
    found = precision_recall(real[:50], real)
    assert found["precision"] == found["recall"] == found["coverage"] == 1


def test_constant_images_at_one_place_score_all_and_at_two_nothing():
    here, there = torch.full((9, 4), 3.0), torch.full((7, 4), 2.0)
    assert precision_recall(here, here[:7])["precision"] == precision_recall(here, here[:7])["recall"] == 1
    assert set(precision_recall(here, there).values()) == {0.0}


def test_a_shift_of_all_features_changes_nothing():
    """As a squared norm less a product would, which loses all digits far from the origin."""
    generated, real = normal(200, 8, seed=1, dtype=torch.float64), normal(200, 8, seed=2, dtype=torch.float64)
    assert precision_recall(generated + 1e4, real + 1e4) == precision_recall(generated, real)


def test_does_not_depend_on_the_order_or_the_blocks(monkeypatch: pytest.MonkeyPatch):
    generated, real = normal(100, 8, seed=1), normal(120, 8, seed=2)
    once = precision_recall(generated, real)
    assert precision_recall(generated.flip(0), real.flip(0)) == once
    monkeypatch.setattr("ganctl.metric.precision_recall.BLOCK", 7)
    assert precision_recall(generated, real) == once


def test_distances_of_equal_rows_are_exactly_zero():
    rows = 100 * normal(50, 300, seed=1, dtype=torch.float64)
    distances = squared_distances(rows, rows)
    assert (distances.diagonal() == 0).all() and (distances >= 0).all()
    assert torch.allclose(distances, (rows[:, None] - rows).square().sum(dim=2), rtol=1e-9)


def test_names_end_in_the_extractor_and_the_part_is_bounded():
    generated, real = normal(100, 8, seed=1), normal(120, 8, seed=2)
    scores = PrecisionRecall(max_images=20)(side(generated), side(real))
    assert list(scores) == ["precision_digits", "recall_digits", "density_digits", "coverage_digits"]
    assert (scores["precision_digits"] * 20) % 1 == pytest.approx(0, abs=1e-9)
    assert scores == PrecisionRecall(max_images=20)(side(generated), side(real))


def test_no_more_images_than_neighbours_are_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"num_images=5: .*density_neighbours=5\) needs at least 6 images a side"):
        PrecisionRecall()(side(normal(5, 4, seed=1)), side(normal(9, 4, seed=1)))
    with pytest.raises(ValueError, match=r"num_real=7: .*\(neighbours=8\) needs at least 9 images a side"):
        PrecisionRecall(neighbours=8)(side(normal(9, 4, seed=1)), side(normal(7, 4, seed=1)))
    with pytest.raises(ValueError, match=r"max_images=4: density_neighbours=5 needs 6 or more"):
        PrecisionRecall(max_images=4)(side(normal(9, 4, seed=1)), side(normal(9, 4, seed=1)))
    assert PrecisionRecall()(side(normal(6, 4, seed=1)), side(normal(6, 4, seed=1)))["precision_digits"] == 1
