"""PSNR, SSIM and the mean difference of pairs, against formulas and torchmetrics."""

from __future__ import annotations

import numpy
import pytest
import torch
from PIL import Image
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from ganctl.contract import ArgumentError, FeatureSet
from ganctl.metric.likeness import Likeness
from tests.metric.feature_sets import uniform_images


def side(images: numpy.ndarray) -> FeatureSet:
    nothing = torch.zeros(1, dtype=torch.float64)
    return FeatureSet("pixels", len(images), nothing, nothing[None], images=images, pairs=True)


def found(images: numpy.ndarray, truth: numpy.ndarray, **settings: object) -> dict[str, float]:
    return Likeness(**settings)(side(images), side(truth))


@pytest.fixture
def pairs() -> tuple[numpy.ndarray, numpy.ndarray]:
    truth = uniform_images(6, 3, 32, 32, seed=0)
    noise = numpy.random.default_rng(1).integers(-20, 20, truth.shape)
    return (truth.astype(int) + noise).clip(0, 255).astype(numpy.uint8), truth


def test_in_rgb_it_is_torchmetrics(pairs: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    ours, theirs = (torch.from_numpy(each).float() for each in pairs)
    psnr = peak_signal_noise_ratio(ours, theirs, data_range=255.0, dim=(1, 2, 3))
    ssim = structural_similarity_index_measure(ours, theirs, data_range=255.0)
    scores = found(*pairs, channel="rgb")
    assert scores["psnr_rgb"] == pytest.approx(float(psnr), abs=1e-4)
    assert scores["ssim_rgb"] == pytest.approx(float(ssim), abs=1e-4)
    assert scores["l1"] == pytest.approx(float((ours - theirs).abs().mean()), abs=1e-4)


def test_luma_is_that_of_itu_601(pairs: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    lumas = []
    for each in pairs:
        full = numpy.stack([numpy.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L")) for image in each])
        lumas.append(16 + full.astype(float) * 219 / 255)
    error = ((lumas[0] - lumas[1]) ** 2).mean((1, 2))
    expected = (10 * numpy.log10(255**2 / error)).mean()
    assert found(*pairs)["psnr_y"] == pytest.approx(expected, abs=0.1)  # Pillow rounds to whole levels


def test_a_border_is_cut_off(pairs: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    images, truth = (each.copy() for each in pairs)
    inner = (..., slice(4, 28), slice(4, 28))
    expected = found(images[inner], truth[inner])
    images[..., :4, :] = 255 - truth[..., :4, :]
    assert found(images, truth, border=4) == expected
    assert found(images, truth)["psnr_y"] < expected["psnr_y"]
    with pytest.raises(ArgumentError, match="border=16: leaves nothing"):
        found(images, truth, border=16)


def test_fewer_images_are_compared_with_the_first_true_ones(pairs: tuple[numpy.ndarray, numpy.ndarray]) -> None:
    ours, truth = pairs
    assert found(ours[:2], truth) == found(ours[:2], truth[:2]) != found(ours, truth)


def test_equal_images_have_the_best_there_is() -> None:
    truth = uniform_images(3, 1, 16, 16, seed=0)
    assert found(truth, truth) == pytest.approx({"psnr_y": 100, "ssim_y": 1, "l1": 0}, abs=1e-4)


def test_images_that_belong_to_no_others_are_left_out() -> None:
    from ganctl.evaluation.evaluate import lacking

    kept = {f"generated.{name}" for name in ("images",)} | {"real.images"}
    assert lacking(Likeness(), kept, "pixels") == "generated images belong to no real ones, one by one"


@pytest.mark.parametrize(("argument", "value"), [("channel", "u"), ("border", -1)])
def test_other_values_are_refused(argument: str, value: object) -> None:
    with pytest.raises(ArgumentError) as refused:
        Likeness(**{argument: value})
    assert refused.value.argument == argument
