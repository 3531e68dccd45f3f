"""The perceptual distance of pairs: it follows the damage, and knows which image belongs to which."""

from __future__ import annotations

import numpy
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from ganctl.contract import ArgumentError
from ganctl.evaluation.evaluate import lacking
from ganctl.evaluation.statistics import as_pixels
from ganctl.metric.perceptual import Perceptual
from tests.metric.test_likeness import side

SMALL = Perceptual(size=64)


def photographs(count: int) -> numpy.ndarray:
    """Parts (N, 3, 64, 64) uint8 of a photograph."""
    from sklearn.datasets import load_sample_image

    pixels = torch.from_numpy(numpy.array(load_sample_image("china.jpg"))).permute(2, 0, 1)
    parts = pixels.unfold(1, 64, 64).unfold(2, 64, 64).flatten(1, 2).transpose(0, 1)
    return parts[:count].contiguous().numpy()


def distance(images: numpy.ndarray, truth: numpy.ndarray) -> float:
    (value,) = SMALL(side(images), side(truth)).values()
    return value


def test_it_grows_with_the_damage() -> None:
    truth = photographs(6)
    smooth = torch.from_numpy(truth).float() / 127.5 - 1
    blurred = [as_pixels(gaussian_blur(smooth, [13, 13], [sigma, sigma])).numpy() for sigma in (0.7, 1.5, 3.0)]
    distances = [distance(images, truth) for images in (truth, *blurred)]
    assert distances == sorted(distances) and distances[0] == pytest.approx(0, abs=1e-5) and distances[1] > 0.01


def test_an_image_is_compared_with_its_own_true_one() -> None:
    truth = photographs(6)
    assert distance(numpy.roll(truth, 1, axis=0), truth) > 0.2
    assert distance(truth[:2], truth) == pytest.approx(0, abs=1e-5), "fewer images, with the first true ones"


def test_without_pairs_it_is_left_out() -> None:
    kept = {"generated.images", "real.images"}
    assert lacking(SMALL, kept, "pixels") == "generated images belong to no real ones, one by one"


def test_another_network_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^network=vgg: is unknown; choose from efficientnet_lite0"):
        Perceptual(network="vgg")
