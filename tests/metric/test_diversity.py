from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

from ganctl.metric.diversity import WEIGHTS, Diversity, random_pairs, scales
from tests.metric.feature_sets import side, uniform_images


def similarities(images: numpy.ndarray, **settings: int) -> tuple[float, float]:
    return Diversity(**settings).similarities(images)


def flat(*greys: int, pixels: int) -> numpy.ndarray:
    """Images of one grey each, (N, 1, pixels, pixels)."""
    return numpy.broadcast_to(numpy.array(greys, numpy.uint8)[:, None, None, None], (len(greys), 1, pixels, pixels))


def luminance(first: float, second: float) -> float:
    """The only factor of SSIM that flat images leave: (2 a b + c) / (a^2 + b^2 + c), c = 0.01^2."""
    return (2 * first * second + 1e-4) / (first**2 + second**2 + 1e-4)


@pytest.mark.parametrize("pixels", [8, 9, 16, 28, 32, 64, 128])
def test_of_equal_images_is_one_at_every_size(pixels: int):
    images = uniform_images(1, 3, pixels, pixels, seed=0).repeat(3, axis=0)
    assert similarities(images, pairs=5) == pytest.approx((1, 1), abs=1e-5)


@pytest.mark.parametrize("pixels", [8, 28, 64])
def test_of_flat_images_is_the_luminance_alone(pixels: int):
    """At the coarsest scale with its weight, in MS-SSIM; at the others flat images agree in contrast and structure."""
    expected = luminance(51 / 255, 204 / 255)
    weight = scales(pixels)[0][-1]
    ssim, ms_ssim = similarities(flat(51, 204, pixels=pixels), pairs=4)
    assert ssim == pytest.approx(expected, rel=1e-3)
    assert ms_ssim == pytest.approx(expected**weight, rel=1e-3)


def test_is_the_formula_written_out_for_one_pair():
    """Wang et al. 2004, equation 13, with an 11 x 11 Gaussian window at each pixel and mirrored edges."""
    images = uniform_images(2, 1, 16, 16, seed=3)
    axis = numpy.exp(-(numpy.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = numpy.outer(axis, axis) / axis.sum() ** 2
    x, y = (numpy.pad(image[0] / 255, 5, mode="reflect") for image in images)

    def blurred(values: numpy.ndarray) -> numpy.ndarray:
        return numpy.array([[(values[i : i + 11, j : j + 11] * window).sum() for j in range(16)] for i in range(16)])

    mean_x, mean_y = blurred(x), blurred(y)
    variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    expected = (2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)
    expected /= (mean_x**2 + mean_y**2 + 1e-4) * (variances + 9e-4)
    assert similarities(images, pairs=3)[0] == pytest.approx(expected.mean(), rel=1e-4)


def test_at_full_size_is_torchmetrics_own_multi_scale_similarity():
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    images = uniform_images(2, 1, 176, 176, seed=0)
    images[1] = images[0] // 2 + images[1] // 4
    numbers = torch.from_numpy(images).float() / 255
    expected = multiscale_structural_similarity_index_measure(numbers[:1], numbers[1:], data_range=1.0)
    assert similarities(images, pairs=1)[1] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("pixels", "number", "window"),
    [(2, 1, 1), (3, 1, 3), (8, 1, 7), (21, 1, 11), (28, 2, 11), (32, 2, 11), (64, 3, 11), (128, 4, 11), (176, 5, 11)],
)
def test_as_many_scales_as_fit_with_weights_that_sum_to_one(pixels: int, number: int, window: int):
    weights, found, sigma = scales(pixels)
    assert (len(weights), found) == (number, window)
    assert sum(weights) == pytest.approx(1)
    assert weights[0] / weights[-1] == pytest.approx(WEIGHTS[0] / WEIGHTS[number - 1])
    assert int(3.5 * sigma + 0.5) * 2 + 1 == window, "torchmetrics makes the window of this deviation"


def test_pairs_are_of_two_images_and_of_all_alike():
    first, second = random_pairs(5, pairs=20_000, seed=0)
    assert (first != second).all()
    counts = numpy.bincount(first * 5 + second, minlength=25).reshape(5, 5)
    assert (counts[~numpy.eye(5, dtype=bool)] > 850).all(), "1000 of each are expected"


def test_a_collapsed_generator_is_more_alike_than_the_real_images():
    real = uniform_images(60, 1, 28, 28, seed=0)
    collapsed = numpy.clip(real[:1].repeat(60, axis=0) + (real % 8), 0, 255).astype(numpy.uint8)
    scores = Diversity(pairs=50)(side(images=collapsed), side(images=real))
    assert list(scores) == ["ssim_pairs", "ms_ssim_pairs", "ssim_pairs_real", "ms_ssim_pairs_real"]
    assert scores["ssim_pairs"] > 0.9 > 0.2 > scores["ssim_pairs_real"]
    assert scores["ms_ssim_pairs"] > 0.9 > 0.5 > scores["ms_ssim_pairs_real"]


def test_a_memory_map_that_may_only_be_read_is_read_without_a_warning(tmp_path: Path):
    images = uniform_images(5, 1, 16, 16, seed=0)
    numpy.save(tmp_path / "images.npy", images)
    mapped = numpy.load(tmp_path / "images.npy", mmap_mode="r")
    assert similarities(mapped, pairs=3) == similarities(images, pairs=3)


def test_does_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch):
    images = uniform_images(30, 3, 16, 16, seed=0)
    once = similarities(images, pairs=40)
    monkeypatch.setattr("ganctl.metric.diversity.BATCH_PIXELS", 7 * 3 * 16 * 16)
    assert similarities(images, pairs=40) == pytest.approx(once, rel=1e-5)


def test_the_order_of_the_images_moves_it_only_as_far_as_the_drawing_of_pairs():
    images = uniform_images(200, 1, 16, 16, seed=0)
    there, back = (similarities(each, pairs=400)[0] for each in (images, images[::-1]))
    single = [similarities(images, pairs=1, seed=seed)[0] for seed in range(40)]
    assert abs(there - back) < 4 * numpy.std(single) * (2 / 400) ** 0.5


def test_a_single_image_is_refused():
    one, more = side(images=uniform_images(1, 1, 8, 8, seed=0)), side(images=uniform_images(3, 1, 8, 8, seed=0))
    with pytest.raises(ValueError, match=r"num_images=1: a similarity of pairs needs at least 2 images a side"):
        Diversity()(one, more)
    with pytest.raises(ValueError, match=r"num_real=1: a similarity of pairs needs at least 2"):
        Diversity()(more, one)


def test_torchmetrics_is_imported_only_where_it_is_needed():
    code = "import sys, ganctl.metric.diversity; sys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
