"""What blur, noise and compression make of pictures: each by its formula, drawn for each image from its seed alone."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy
import pytest
import torch
from PIL import Image
from torch.nn import functional

from ganctl.contract import ArgumentError, Batch, DataSpec, ImageStore
from ganctl.degradation import KERNELS, Degradation, Draw, blurred, compressed, gaussians, noisy, smaller
from ganctl.task import Restoration

QUIET = Degradation(factor=2, kernel="area", blur=[0, 0], noise=[0, 0], poisson=[0, 0], jpeg=[100, 100])
USUAL = Degradation(factor=2, kernel="random", blur=[0.2, 3.0])
DRAW = Draw((1.0, 1.0), 0.0, "area", 0.0, 0.0, False, 90)
SPEC = DataSpec("waves", (3, 16, 16), None)


def waves(count: int = 6) -> numpy.ndarray:
    """Smooth pictures in colour (count, 3, 16, 16) uint8."""
    y, x = numpy.mgrid[0:16, 0:16]
    number = numpy.arange(count)[:, None, None, None]
    phase = numpy.arange(3)[None, :, None, None]
    return (127.5 + 100 * numpy.sin(x / 3 + number + phase) * numpy.cos(y / 4)).astype(numpy.uint8)


def images(count: int = 6) -> torch.Tensor:
    return torch.from_numpy(waves(count)).float() / 127.5 - 1


def task(**settings: object) -> Restoration:
    labels = numpy.zeros(6, numpy.int64)
    store = ImageStore(SPEC, waves(), labels, content_hash="0")
    return Restoration(SPEC, **{"factor": 2, **settings}).fitted(store)  # type: ignore[arg-type]


def test_each_image_is_a_function_of_itself_and_its_seed() -> None:
    whole = USUAL(images(), [3, 1, 4, 1, 5, 9])
    for row, seed in enumerate((3, 1, 4, 1, 5, 9)):
        alone = USUAL(images()[row : row + 1], [seed])
        assert (alone - whole[row : row + 1]).abs().max() <= 2.1 / 127.5, "but for the rounding of a batch"
    assert not torch.equal(USUAL(images(), [7] * 6), whole)
    levels = whole.add(1).mul(127.5)
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert whole.shape == (6, 3, 8, 8) and whole.min() >= -1 and whole.max() <= 1


def test_with_all_of_it_turned_off_there_is_the_smaller_size_alone() -> None:
    grey = images()[:, :1]  # of colours JPEG keeps half the size
    assert (QUIET(grey, range(6)) - functional.interpolate(grey, size=(8, 8), mode="area")).abs().max() < 2.5 / 127.5
    same = replace(QUIET, factor=1)(grey, range(6))
    assert same.shape == grey.shape and (same - grey).abs().max() < 2.5 / 127.5


def test_a_blur_has_its_deviations_along_its_angle() -> None:
    along, across, angle = 2.0, 0.7, 0.6
    (kernel,) = gaussians([DRAW._replace(deviations=(along, across), angle=angle)], radius=12)
    axis = torch.arange(-12, 13, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    assert float(kernel.sum()) == pytest.approx(1)
    covariance = [[float((kernel * a * b).sum()) for b in (x, y)] for a in (x, y)]
    turn = numpy.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    expected = turn @ numpy.diag([along**2, across**2]) @ turn.T
    numpy.testing.assert_allclose(covariance, expected, atol=0.02)


def test_each_image_has_its_own_blur_and_a_plain_one_stays_plain() -> None:
    draws = [DRAW._replace(deviations=(s, s)) for s in (0.0, 3.0)]
    point = torch.zeros(2, 3, 9, 9)
    point[:, :, 4, 4] = 1
    sharp, soft = blurred(point, draws, 3.0)
    torch.testing.assert_close(sharp, point[0])
    assert soft.max() < 0.05 and torch.equal(soft[0], soft[2])
    torch.testing.assert_close(blurred(torch.ones(2, 3, 5, 5), draws, 3.0), torch.ones(2, 3, 5, 5))


def test_each_image_is_made_smaller_by_its_own_kernel() -> None:
    made = smaller(images(3), [DRAW._replace(kernel=kernel) for kernel in KERNELS], 2)
    for row, kernel in enumerate(KERNELS):
        torch.testing.assert_close(made[row], functional.interpolate(images(3), size=(8, 8), mode=kernel)[row])
    drawn = {USUAL.draw(numpy.random.default_rng(seed)).kernel for seed in range(30)}
    assert drawn == set(KERNELS)
    assert {replace(USUAL, kernel="area").draw(numpy.random.default_rng(seed)).kernel for seed in range(9)} == {"area"}


@pytest.mark.parametrize("grey", [False, True])
def test_noise_has_its_deviation_and_grey_noise_is_the_same_in_all_channels(grey: bool) -> None:
    levels = numpy.full((3, 60, 60), 100, numpy.float32) + numpy.array([0, 40, 80], numpy.float32)[:, None, None]
    luma = 0.299 * 100 + 0.587 * 140 + 0.114 * 180
    gaussian = noisy(levels, DRAW._replace(gaussian=20.0, grey=grey), numpy.random.default_rng(0)) - levels
    poisson = noisy(levels, DRAW._replace(poisson=2.0, grey=grey), numpy.random.default_rng(0)) - levels
    for found, expected in (
        (gaussian, (20, 20, 20)),
        (poisson, 2 * numpy.sqrt([luma] * 3 if grey else [100, 140, 180])),
    ):
        numpy.testing.assert_allclose(found.std((1, 2)), expected, rtol=0.05)
        numpy.testing.assert_allclose(found.mean((1, 2)), 0, atol=1.5)
        assert numpy.allclose(found[0], found[2], atol=1e-3) == grey


def test_compression_is_pillows() -> None:
    levels = waves(1)[0].astype(numpy.float32)
    found = compressed(levels, 40)
    file = io.BytesIO()
    Image.fromarray(waves(1)[0].transpose(1, 2, 0)).save(file, "JPEG", quality=40)
    assert (found.transpose(1, 2, 0) == numpy.asarray(Image.open(file))).all()
    errors = [numpy.abs(compressed(levels, quality) - levels).mean() for quality in (95, 40, 5)]
    assert errors == sorted(errors) and errors[0] < errors[2]
    assert compressed(levels[:1], 40).shape == (1, 16, 16)


def test_draws_keep_to_their_ranges_and_shares() -> None:
    draws = [USUAL.draw(numpy.random.default_rng(seed)) for seed in range(400)]
    assert all(0.2 <= s <= 3 for draw in draws for s in draw.deviations)
    assert {draw.quality for draw in draws} <= set(range(30, 96)) and len({draw.quality for draw in draws}) > 50
    assert all(1 <= draw.gaussian <= 30 or 0.05 <= draw.poisson <= 3 for draw in draws)
    shares = {
        "isotropic": numpy.mean([draw.deviations[0] == draw.deviations[1] for draw in draws]),
        "gaussian": numpy.mean([draw.gaussian > 0 for draw in draws]),
        "grey": numpy.mean([draw.grey for draw in draws]),
    }
    assert shares == pytest.approx({"isotropic": 0.7, "gaussian": 0.5, "grey": 0.4}, abs=0.08)


def test_samples_are_of_the_same_sources_whatever_the_seed_and_the_batch() -> None:
    asked = task()
    whole = asked.samples(0, 0, 8)["source"]
    assert torch.equal(asked.samples(5, 2, 4)["source"], whole[2:6])
    assert torch.equal(whole[6:], whole[:2]), "over again"
    restored = Restoration(SPEC, factor=2).restored(asked.facts())
    assert torch.equal(restored.samples(0, 0, 6)["source"], whole[:6])
    assert len({tuple(row.flatten().tolist()) for row in asked.samples(0, 0, 6)["source"]}) == 6


def test_training_draws_from_the_seeded_generator_alone() -> None:
    batch = Batch(images(), torch.zeros(6, dtype=torch.int64))
    torch.manual_seed(1)
    first = task().given(batch)["source"]
    second = task().given(batch)["source"]
    numpy.random.rand(3)
    torch.manual_seed(1)
    assert torch.equal(task().given(batch)["source"], first) and not torch.equal(first, second)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("blur", [0.2, 11]),
        ("blur", [3.0, 0.2]),
        ("noise", [-1, 3]),
        ("poisson", [0, 1000]),
        ("jpeg", [0, 50]),
        ("jpeg", [95, 30]),
        ("isotropic", 1.5),
        ("gaussian", -0.1),
        ("grey", 2),
        ("kernel", "nearest"),
        ("factor", 3),
    ],
)
def test_settings_out_of_range_are_refused(argument: str, value: object) -> None:
    with pytest.raises(ArgumentError) as refused:
        task(**{argument: value})
    assert refused.value.argument == argument and "\n" not in str(refused.value)
