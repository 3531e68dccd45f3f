from __future__ import annotations

from itertools import product

import numpy
import pytest
import torch
from torch import Tensor

from ganctl.metric.kid import KernelDistance, distance_variance, pair_sums, subset_distances
from tests.metric.feature_sets import normal, side


def kernel_distance(first: Tensor, second: Tensor, **settings: int) -> tuple[float, float, float]:
    return KernelDistance(**settings).estimate(first, second)


DIMENSIONS = 12
VARIANCE = numpy.linspace(0.6, 1.6, DIMENSIONS)
MEAN = numpy.linspace(-0.2, 0.3, DIMENSIONS)


def reference(first: Tensor, second: Tensor, **settings: int) -> float:
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(
        first, second, verbose=False, **{f"kid_{key}": value for key, value in settings.items()}
    )
    return found["kernel_inception_distance_mean"]


@pytest.mark.parametrize(("n", "m", "size"), [(120, 90, 50), (90, 300, 90), (2000, 2100, 40), (64, 64, 64)])
def test_equals_torch_fidelity_on_the_same_features(n: int, m: int, size: int):
    first, second = normal(n, 48, seed=1).relu(), (1.2 * normal(m, 48, seed=2)).relu()
    expected = reference(first.double(), second.double(), subsets=10, subset_size=size)
    assert kernel_distance(first, second, subsets=10, subset_size=size)[0] == pytest.approx(expected, rel=1e-6)


def test_is_the_unbiased_formula_written_out():
    first, second = normal(7, 3, seed=1).double(), normal(5, 3, seed=2).double()

    def k(x: Tensor, y: Tensor) -> float:
        return float((x @ y / 3 + 1) ** 3)

    expected = (
        sum(k(first[i], first[j]) for i, j in product(range(7), repeat=2) if i != j) / 42
        + sum(k(second[i], second[j]) for i, j in product(range(5), repeat=2) if i != j) / 20
        - 2 * sum(k(x, y) for x in first for y in second) / 35
    )
    ours, theirs = torch.arange(7)[None], torch.arange(5)[None]
    found = (
        pair_sums(first, first, ours, ours, same=True) / 42
        + pair_sums(second, second, theirs, theirs, same=True) / 20
        - 2 * pair_sums(first, second, ours, theirs, same=False) / 35
    )
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_looking_at_all_pairs_once_gives_the_same_sums_as_looking_at_each_subset(monkeypatch: pytest.MonkeyPatch):
    first, second = normal(50, 8, seed=1).double(), normal(40, 8, seed=2).double()
    many = subset_distances(first, second, subsets=30, subset_size=20, seed=0)
    few = torch.cat([subset_distances(first, second, subsets=1, subset_size=20, seed=0)])
    assert 50 * 40 <= 30 * 20 * 20 and 50 * 40 > 20 * 20, "the one is made the one way, the other the other"
    assert few.item() == pytest.approx(many[0].item(), rel=1e-12)
    monkeypatch.setattr("ganctl.metric.kid.BLOCK", 7)
    in_blocks = subset_distances(first, second, subsets=30, subset_size=20, seed=0)
    assert torch.allclose(in_blocks, many, rtol=1e-12, atol=0)


def moments(mean: numpy.ndarray, variance: numpy.ndarray) -> list[numpy.ndarray]:
    """E x, E x x^T and E x x x of a Gaussian with independent coordinates (Isserlis)."""
    covariance = numpy.diag(variance)
    mixed = numpy.einsum("i,jk->ijk", mean, covariance)
    third = numpy.einsum("i,j,k->ijk", mean, mean, mean)
    return [
        mean,
        covariance + numpy.outer(mean, mean),
        third + mixed + mixed.transpose(1, 0, 2) + mixed.transpose(2, 1, 0),
    ]


def true_distance() -> float:
    """The squared MMD of N(0, 1) and N(MEAN, VARIANCE): (t / F + 1)^3 = 1 + 3 t / F + 3 (t / F)^2 + (t / F)^3."""
    ours, theirs = moments(numpy.zeros(DIMENSIONS), numpy.ones(DIMENSIONS)), moments(MEAN, VARIANCE)
    pairs = zip((3, 3, 1), (1, 2, 3), ours, theirs, strict=True)
    return sum(
        weight / DIMENSIONS**order * numpy.square(first - second).sum() for weight, order, first, second in pairs
    )


TRIALS = 150


@pytest.mark.parametrize("equal", [False, True], ids=["unequal", "equal"])
@pytest.mark.parametrize(("n", "m", "size"), [(300, 300, 100), (100, 400, 100)])
def test_nineteen_in_twenty_intervals_hold_the_true_distance(n: int, m: int, size: int, equal: bool):
    """At least, less 3 standard errors of a share; and about as wide as the spread of the estimates demands."""
    scale = torch.ones(DIMENSIONS) if equal else torch.tensor(VARIANCE).sqrt()
    shift = torch.zeros(DIMENSIONS) if equal else torch.tensor(MEAN)
    truth = 0.0 if equal else true_distance()
    random = torch.Generator().manual_seed(7)
    held, values, widths = 0, [], []
    for trial in range(TRIALS):
        first = torch.randn(n, DIMENSIONS, generator=random, dtype=torch.float64)
        second = torch.randn(m, DIMENSIONS, generator=random, dtype=torch.float64) * scale + shift
        value, low, high = kernel_distance(first, second, subsets=20, subset_size=size, seed=trial)
        held += low <= truth <= high
        values.append(value)
        widths.append((high - low) / 2)
    assert held / TRIALS > 0.95 - 3 * (0.95 * 0.05 / TRIALS) ** 0.5
    assert numpy.mean(values) == pytest.approx(truth, abs=4 * numpy.std(values) / TRIALS**0.5)
    assert 0.85 < numpy.sqrt(numpy.mean(numpy.square(widths))) / (1.96 * numpy.std(values)) < 1.3


def test_the_estimated_variance_is_that_of_repeated_experiments():
    """Unbiased: over many experiments its mean is the variance of the distances, of the whole sides, found there."""
    random = torch.Generator().manual_seed(3)
    scale, shift = torch.tensor(VARIANCE).sqrt(), torch.tensor(MEAN)
    distances, variances = [], []
    everything = {"subsets": 1, "subset_size": 60, "seed": 0}
    for _ in range(500):
        first = torch.randn(60, DIMENSIONS, generator=random, dtype=torch.float64)
        second = torch.randn(60, DIMENSIONS, generator=random, dtype=torch.float64) * scale + shift
        distances.append(subset_distances(first, second, **everything).item())
        variances.append(distance_variance(first, second, counts=(60, 60)))
    assert numpy.mean(variances) == pytest.approx(numpy.var(distances), rel=0.2)


def test_the_interval_of_a_part_speaks_of_all_images():
    """Estimated from 400 images a side, for 3000: about as wide as estimated from all of them."""
    first, second = normal(3000, 32, seed=1), 1.1 * normal(3000, 32, seed=2)
    few, all_ = (kernel_distance(first, second, subsets=30, max_images=limit) for limit in (400, 3000))
    assert few[0] == all_[0]
    assert few[2] - few[1] == pytest.approx(all_[2] - all_[1], rel=0.2)


def test_the_order_of_the_images_moves_it_only_as_far_as_the_drawing_of_subsets():
    first, second = normal(600, 16, seed=1), 1.3 * normal(600, 16, seed=2)
    there = subset_distances(first, second, subsets=100, subset_size=300, seed=0)
    back = subset_distances(first.flip(0), second.flip(0), subsets=100, subset_size=300, seed=0)
    assert there.mean().item() != back.mean().item()
    assert abs(there.mean() - back.mean()) < 4 * there.std() * (2 / 100) ** 0.5


def test_where_the_subsets_are_everything_the_order_does_not_matter():
    first, second = normal(100, 16, seed=1), 1.3 * normal(100, 16, seed=2)
    there, back = kernel_distance(first, second), kernel_distance(first.flip(0), second.flip(0))
    assert back == pytest.approx(there, rel=1e-5)


def test_of_constant_images_is_that_of_two_points_and_certain():
    first, second = torch.zeros(20, 4), torch.full((30, 4), 2.0)
    assert kernel_distance(first, second) == pytest.approx((1 + 125 - 2, 124, 124), rel=1e-6)
    assert kernel_distance(first, first) == pytest.approx((0, 0, 0), abs=1e-6)


def test_of_a_side_with_itself_is_not_above_zero():
    """Pairs of an image with itself count between the sides only, so that the unbiased estimate is below 0."""
    first = normal(50, 8, seed=1)
    assert kernel_distance(first, first)[0] < -0.01


def test_only_inceptions_distance_is_called_kid():
    first, second = normal(20, 4, seed=1), normal(20, 4, seed=2)
    for extractor, name in [("inception", "kid"), ("digits", "kd_digits")]:
        sides = [side(each, extractor=extractor) for each in (first, second)]
        scores = KernelDistance(subsets=3)(*sides)
        assert list(scores) == [name, f"{name}_low", f"{name}_high"]
        assert scores[f"{name}_low"] < scores[name] < scores[f"{name}_high"]


def test_fewer_than_four_images_are_refused():
    with pytest.raises(ValueError, match=r"num_images=3: a kernel distance needs at least 4 images a side"):
        KernelDistance()(side(normal(3, 4, seed=0)), side(normal(9, 4, seed=0)))
    scores = KernelDistance()(side(normal(4, 4, seed=0)), side(normal(4, 4, seed=1)))
    assert all(numpy.isfinite(value) for value in scores.values())
