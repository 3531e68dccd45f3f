from __future__ import annotations

import dataclasses
import warnings

import numpy
import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet
from ganctl.metric.frechet import FrechetDistance, factor, frechet_distance, root_by_eigenvalues


def features_of(count: int, dimensions: int, *, seed: int, shift: float = 0.0) -> Tensor:
    """Correlated, unequally scaled, non-negative features, as networks give them."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(99)) / dimensions**0.5
    scales = torch.logspace(0, -2, dimensions)
    return (torch.randn(count, dimensions, generator=generator) @ mixing * scales + shift).relu()


def statistics(features: Tensor, extractor: str = "digits") -> FeatureSet:
    values = features.double()
    count, dimensions = values.shape
    covariance = torch.from_numpy(numpy.atleast_2d(numpy.cov(values.numpy(), rowvar=False)))
    kept = features.float() if count <= dimensions else None
    return FeatureSet(extractor, count, values.mean(dim=0), covariance, kept)


def pytorch_fid_distance(first: FeatureSet, second: FeatureSet) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it calls scipy.linalg.sqrtm(..., disp=False)
        return calculate_frechet_distance(
            first.mean.numpy(), first.covariance.numpy(), second.mean.numpy(), second.covariance.numpy()
        )


def exact_distance(first: Tensor, second: Tensor) -> float:
    """From the singular values of the centred features' product, written out in numpy."""
    sides = [side.double().numpy() for side in (first, second)]
    centred = [(side - side.mean(axis=0)) / numpy.sqrt(len(side) - 1) for side in sides]
    nuclear = numpy.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    means = numpy.square(sides[0].mean(axis=0) - sides[1].mean(axis=0)).sum()
    return float(means + sum(numpy.square(side).sum() for side in centred) - 2 * nuclear)


@pytest.mark.parametrize("dimensions", [3, 64, 300])
def test_equals_pytorch_fid_at_full_rank(dimensions: int):
    first = statistics(features_of(4 * dimensions, dimensions, seed=1))
    second = statistics(features_of(3 * dimensions, dimensions, seed=2, shift=0.05))
    try:
        expected = pytorch_fid_distance(first, second)
    except TypeError:
        pytest.skip("this SciPy has no sqrtm(disp=...), which pytorch-fid calls")
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("count", "other"), [(20, 30), (50, 50), (64, 10), (20, 500), (500, 20), (2, 2)])
def test_is_exact_with_fewer_images_than_dimensions(count: int, other: int):
    first, second = features_of(count, 64, seed=1), features_of(other, 64, seed=2, shift=0.05)
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(
        exact_distance(first, second), rel=1e-6
    )


def test_is_exact_where_many_images_span_few_dimensions():
    """A collapsed generator and features that are always 0 make covariances singular at any number of images."""
    first = features_of(300, 64, seed=1)
    first[:, 40:] = 0
    second = features_of(7, 64, seed=2).repeat(40, 1)
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(
        exact_distance(first, second), rel=1e-6
    )
    assert frechet_distance(statistics(second), statistics(first)) == pytest.approx(
        exact_distance(first, second), rel=1e-6
    )


@pytest.mark.parametrize("count", [20, 65, 500])
def test_a_cached_factor_and_kept_features_change_nothing(count: int):
    """The real side has both where its statistics were cached; either may be missing where they were not."""
    first, second = features_of(count, 64, seed=1), features_of(500, 64, seed=2, shift=0.05)
    generated, real = statistics(first), statistics(second)
    cached = dataclasses.replace(real, factor=torch.linalg.cholesky(real.covariance), features=second)
    expected = pytest.approx(exact_distance(first, second), rel=1e-6)
    for side in (real, cached, dataclasses.replace(cached, features=None)):
        assert frechet_distance(generated, side) == expected
        assert frechet_distance(side, generated) == expected


def test_dead_features_on_both_sides_are_left_out():
    """Zero variance on either side makes Cholesky fail, and adds nothing to the trace of the root."""
    first, second = features_of(300, 64, seed=1), features_of(300, 64, seed=2)
    first[:, :5], second[:, 3:9] = 1.0, 0.25
    found, doubt = root_by_eigenvalues(statistics(first), statistics(second))
    assert found > 0 and doubt < 1e-9
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(
        exact_distance(first, second), rel=1e-6
    )


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("kept", [True, False])
def test_a_nearly_singular_covariance_is_not_trusted_to_eigenvalues(noise: float, kept: bool):
    """Directions of almost no variance, where squaring leaves no digit: features tell them, a covariance may not."""
    sides = []
    for seed in (1, 2):
        features = features_of(300, 64, seed=seed).double()
        generator = torch.Generator().manual_seed(seed)
        features[:, 32:] = features[:, :32] + noise * torch.randn(300, 32, generator=generator).double()
        sides.append(features.float())
    found = [dataclasses.replace(statistics(side), features=side if kept else None) for side in sides]
    expected = exact_distance(*sides)
    assert frechet_distance(*found) == pytest.approx(expected, rel=1e-6 if kept else 1e-5)


def test_the_doubt_covers_the_error():
    """The sum of the roots of eigenvalues that reach down far errs by less than it says, and it does not say much."""
    first, second = (features_of(200, 64, seed=seed) for seed in (1, 2))
    for features in (first, second):
        features[:, 32:] = features[:, :32] + 0.03 * features[:, 32:]
    sides = [dataclasses.replace(statistics(each), features=each) for each in (first, second)]
    exact = float(torch.linalg.svdvals(factor(sides[0]).T @ factor(sides[1])).sum())
    found, doubt = root_by_eigenvalues(*sides)
    assert abs(found - exact) <= doubt < 1e-6 * exact


def test_features_that_are_all_constant_have_the_distance_of_their_means_at_any_count():
    constant, varied = torch.full((50, 4), 2.0), features_of(50, 4, seed=1)
    side = statistics(varied)
    expected = float((side.mean - 2).square().sum() + side.covariance.trace())
    assert frechet_distance(statistics(constant), side) == pytest.approx(expected)
    assert frechet_distance(side, statistics(constant[:3])) == pytest.approx(expected)
    assert frechet_distance(statistics(constant), statistics(constant[:2])) == 0


@pytest.mark.parametrize("count", [10, 64, 65, 400])
def test_of_a_set_with_itself_is_zero(count: int):
    side = statistics(features_of(count, 64, seed=3))
    assert 0 <= frechet_distance(side, side) < 1e-6 * float(side.covariance.trace())


def test_of_known_gaussians_is_the_closed_form():
    """For commuting covariances it is |m1 - m2|^2 + sum (s1 - s2)^2."""
    mean, other_mean = torch.tensor([1.0, -2, 0]).double(), torch.tensor([0.0, 0, 3]).double()
    deviation, other_deviation = torch.tensor([1.0, 2, 3]).double(), torch.tensor([4.0, 0.5, 3]).double()
    first = FeatureSet("digits", 100, mean, deviation.square().diag())
    second = FeatureSet("digits", 100, other_mean, other_deviation.square().diag())
    expected = 1 + 4 + 9 + 9 + 2.25 + 0
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-12)


def test_in_one_dimension_is_the_closed_form():
    first = FeatureSet("digits", 10, torch.tensor([1.0]).double(), torch.tensor([[4.0]]).double())
    second = FeatureSet("digits", 10, torch.tensor([3.0]).double(), torch.tensor([[9.0]]).double())
    assert frechet_distance(first, second) == pytest.approx(5.0)


def test_is_symmetric():
    first, second = statistics(features_of(200, 64, seed=1)), statistics(features_of(30, 64, seed=2))
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_of_two_constant_images_is_the_distance_of_their_means():
    first, second = torch.zeros(5, 4), torch.full((6, 4), 2.0)
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(16.0)


def test_only_inceptions_distance_is_called_fid():
    side = features_of(20, 4, seed=1)
    for extractor, name in [
        ("inception", "fid"),
        ("digits", "fd_digits"),
        ("inception_0123abcd", "fd_inception_0123abcd"),
    ]:
        assert list(FrechetDistance()(statistics(side, extractor), statistics(side, extractor))) == [name]


def test_features_of_two_extractors_are_refused():
    side = features_of(20, 4, seed=1)
    with pytest.raises(ValueError, match="same extractor on both sides"):
        FrechetDistance()(statistics(side, "digits"), statistics(side, "inception"))


def test_nan_features_and_single_images_are_refused_in_one_line():
    good, bad = features_of(20, 4, seed=1), features_of(20, 4, seed=2)
    bad[3, 2] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite") as error:
        frechet_distance(statistics(good), statistics(bad))
    assert "\n" not in str(error.value)
    single = FeatureSet("digits", 1, good[0].double(), torch.zeros(4, 4).double(), good[:1])
    with pytest.raises(ValueError, match="at least 2 images"):
        frechet_distance(single, statistics(good))
    with pytest.raises(ValueError, match="4 dimensions cannot be compared with 5"):
        frechet_distance(statistics(good), statistics(features_of(20, 5, seed=1)))
