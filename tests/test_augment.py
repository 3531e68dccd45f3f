"""Augmentation against closed forms, and the probabilities that follow what a discriminator says."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ganctl.augment import Adaptive, DiffAugment, Scheduled
from ganctl.contract import ArgumentError, Gauge, Memory, Observer, Perturbation, Verdict
from ganctl.regularizer import R1
from ganctl.transform import TRANSFORMS

SHAPES = [(3, 8, 8), (1, 8, 8), (3, 6, 10), (1, 9, 4), (2, 3, 8, 6)]
STILL = {"brightness": 0.0, "saturation": 0.0, "contrast": 0.0, "translation": 0.0, "scale": 0.0, "cutout": 0.0}
FIXED = ("colour", "translation", "scale", "cutout")
"""Those that do nothing at strength 0; a flip or a rotation has none."""


def noise(*shape: int, count: int = 16) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def done(policy: str, images: Tensor, p: float = 1.0, seed: int = 0, **strengths: float) -> Tensor:
    torch.manual_seed(seed)
    return DiffAugment(policy=[policy], **strengths).transformed(images, p)


# Each transform


@pytest.mark.parametrize("shape", SHAPES)
def test_at_strength_nought_nothing_changes(shape: tuple[int, ...]):
    images = noise(*shape)
    exact = DiffAugment(policy=[name for name in FIXED if name != "scale"], **STILL).perturb(images, 0)
    assert torch.equal(exact, images)
    torch.testing.assert_close(DiffAugment(policy=FIXED, **STILL).perturb(images, 0), images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_at_probability_nought_nothing_changes(shape: tuple[int, ...]):
    images = noise(*shape)
    assert torch.equal(DiffAugment(policy=TRANSFORMS).transformed(images, 0.0), images)


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)),
    policy=st.sets(st.sampled_from(TRANSFORMS), min_size=1),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_images_of_every_shape_keep_it_and_stay_finite(shape: tuple[int, ...], policy: set[str], seed: int):
    torch.manual_seed(seed)
    images = noise(*shape, count=3).requires_grad_()
    augmented = DiffAugment(policy=list(policy)).perturb(images, 0)
    (slope,) = torch.autograd.grad(augmented.square().sum(), images)
    assert augmented.shape == images.shape and augmented.isfinite().all() and slope.isfinite().all()


@pytest.mark.parametrize("policy", TRANSFORMS)
def test_each_image_has_its_own_draw_and_each_call_too(policy: str):
    images = noise(3, 8, 8, count=1).expand(64, -1, -1, -1)
    first, second = done(policy, images), done(policy, images, seed=1)
    assert len({tuple(image.flatten().tolist()) for image in first}) > 1
    assert not torch.equal(first, second) and torch.equal(first, done(policy, images))


@pytest.mark.parametrize("policy", TRANSFORMS)
def test_the_share_of_images_that_change_is_the_probability(policy: str):
    images = noise(3, 24, 24, count=1).expand(4000, -1, -1, -1)
    changed = (done(policy, images, p=0.3) != images).flatten(1).any(1).float().mean().item()
    nothing = {"flip": 1 / 2, "rotation": 1 / 4, "translation": 1 / 7}.get(policy, 0.0)  # how often that is drawn
    draws = {"colour": 3, "translation": 2}.get(policy, 1)  # three changes of colour, two directions
    assert changed == pytest.approx(1 - (1 - 0.3 * (1 - nothing)) ** draws, abs=0.03)


def test_brightness_moves_all_pixels_of_an_image_alike_within_its_strength():
    images = noise(3, 5, 4, count=500)
    moved = done("colour", images, brightness=0.4, saturation=0.0, contrast=0.0) - images
    torch.testing.assert_close(moved, moved[:, :1, :1, :1].expand_as(moved), rtol=0, atol=1e-6)
    shifts = moved[:, 0, 0, 0]
    assert shifts.abs().max() <= 0.4 + 1e-6 and shifts.min() < -0.35 and shifts.max() > 0.35


def test_saturation_leaves_the_grey_of_every_pixel_and_does_nothing_to_one_channel():
    images, strengths = noise(3, 5, 4), {"brightness": 0.0, "contrast": 0.0, "saturation": 1.0}
    augmented = done("colour", images, **strengths)
    torch.testing.assert_close(augmented.mean(1), images.mean(1), rtol=0, atol=1e-6)
    factors = (augmented - augmented.mean(1, keepdim=True)) / (images - images.mean(1, keepdim=True))
    torch.testing.assert_close(factors, factors[:, :1, :1, :1].expand_as(factors), rtol=1e-2, atol=1e-3)
    assert (factors > -1e-2).all() and (factors < 2.01).all()
    grey = noise(1, 5, 4)
    assert torch.equal(done("colour", grey, **strengths), grey)


def test_contrast_leaves_the_mean_of_an_image_and_stretches_its_deviation():
    images = noise(3, 5, 4, count=500)
    augmented = done("colour", images, brightness=0.0, saturation=0.0, contrast=0.5)
    torch.testing.assert_close(augmented.mean((1, 2, 3)), images.mean((1, 2, 3)), rtol=0, atol=1e-6)
    factors = augmented.flatten(1).std(1) / images.flatten(1).std(1)
    assert factors.min() > 0.5 - 1e-4 and factors.max() < 1.5 + 1e-4 and factors.std() > 0.2


@pytest.mark.parametrize("shape", SHAPES)
def test_translation_moves_by_whole_pixels_and_fills_with_zeros(shape: tuple[int, ...]):
    *_, height, width = shape
    images, seen = noise(*shape, count=200), set()
    tall, wide = int(height * 0.25 + 0.5), int(width * 0.25 + 0.5)
    for image, moved in zip(images, done("translation", images, translation=0.25), strict=True):
        for down in range(-tall, tall + 1):
            for right in range(-wide, wide + 1):
                expected = torch.zeros_like(image)
                rows, columns = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
                whence = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
                expected[..., rows, columns] = image[..., whence[0], whence[1]]
                seen |= {(down, right)} if torch.equal(moved, expected) else set()
    assert len(seen) > 0.9 * (2 * tall + 1) * (2 * wide + 1), "all shifts come"
    assert (done("translation", images, translation=0.25) == 0).any()


def test_every_translated_image_is_a_shift_of_itself():
    images = noise(3, 8, 8, count=50)
    moved = done("translation", images)
    for image, result in zip(images, moved, strict=True):
        shifts = [image.roll((down, right), (1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        assert any(torch.equal(result, shift * (result != 0)) for shift in shifts)
        assert (result != 0).float().mean() >= (7 / 8) ** 2


@pytest.mark.parametrize("policy", ["flip", "rotation"])
@pytest.mark.parametrize("shape", SHAPES)
def test_flips_and_rotations_are_those_of_the_whole_image(policy: str, shape: tuple[int, ...]):
    images = noise(*shape, count=100)
    turns = [0, 1, 2, 3] if shape[-1] == shape[-2] else [0, 2]
    kinds = [lambda image, k=k: image.rot90(k, (-2, -1)) for k in turns]
    if policy == "flip":
        kinds = [lambda image: image, lambda image: image.flip(-1)]
    counts = [0] * len(kinds)
    for image, result in zip(images, done(policy, images), strict=True):
        (kind,) = [number for number, kind in enumerate(kinds) if torch.equal(result, kind(image))]
        counts[kind] += 1
    assert min(counts) > 100 / len(kinds) / 2


def test_scale_keeps_the_middle_and_magnifies_about_it():
    x = torch.linspace(-1, 1, 33).expand(1, 33, 33)
    slopes = torch.stack([x, x.mT])
    scaled = done("scale", slopes, seed=3)
    for image, axis in zip(scaled[:, 0], (1, 0), strict=True):
        line = image.select(1 - axis, 16)
        steps = line[12:21].diff()
        torch.testing.assert_close(steps, steps[:1].expand_as(steps), rtol=1e-3, atol=1e-5)
        assert abs(line[16]) < 1e-5 and steps[0] != pytest.approx(1 / 16, rel=1e-3)


def test_scale_has_its_deviation_in_octaves():
    x = torch.linspace(-1, 1, 33).expand(2000, 1, 33, 33)
    steps = done("scale", x, scale=0.3)[:, 0, 16, 15:18].diff().mean(1)
    octaves = -(steps * 16).log2()
    assert octaves.mean().item() == pytest.approx(0, abs=0.03)
    assert octaves.std().item() == pytest.approx(0.3, rel=0.07)


@pytest.mark.parametrize(("shape", "share"), [((1, 8, 8), 0.5), ((3, 6, 10), 0.5), ((1, 9, 5), 0.3), ((1, 8, 8), 1.0)])
def test_cutout_takes_a_rectangle_of_its_share_that_may_hang_over_the_edge(shape: tuple[int, ...], share: float):
    *_, height, width = shape
    gone = done("cutout", torch.ones(400, *shape), cutout=share) == 0
    tall, wide = int(height * share + 0.5), int(width * share + 0.5)
    areas = []
    for hole in gone:
        rows, columns = hole.any((0, 2)), hole.any((0, 1))
        assert torch.equal(hole, (rows[:, None] & columns).expand_as(hole)), "a rectangle, of all channels"
        for line, size in ((rows, tall), (columns, wide)):
            places = line.nonzero().flatten()
            assert places[-1] - places[0] + 1 == len(places) <= size
            assert len(places) >= size // 2
            assert len(places) == size or line[0] or line[-1]
        areas.append(int(hole[0].sum()))
    assert max(areas) == tall * wide and min(areas) < tall * wide


@pytest.mark.parametrize("share", [0.5, 0.4])
def test_cutout_is_as_near_to_one_edge_as_to_the_other(share: float):
    gone = (done("cutout", torch.ones(8000, 1, 8, 8), cutout=share) == 0).float().mean((0, 1))
    for line in (gone.mean(0), gone.mean(1)):
        torch.testing.assert_close(line, line.flip(0), rtol=0, atol=0.02)


def test_gradients_go_back_where_the_pixels_came_from():
    images = noise(2, 6, 6).requires_grad_()
    augment = DiffAugment(policy=["flip", "rotation", "translation"])
    augmented = augment.perturb(images, 0)
    (slope,) = torch.autograd.grad(augmented.square().sum() / 2, images)
    assert torch.equal(slope[slope != 0], images[slope != 0])
    assert torch.equal(slope.square().sum((1, 2, 3)) > 0, torch.ones(16, dtype=torch.bool))
    assert (slope != 0).sum() == (augmented != 0).sum()


def test_r1_is_on_the_gradient_at_the_image_before_it_is_augmented():
    images, weight = noise(1, 4, 4).requires_grad_(), torch.ones(1, 4, 4, requires_grad=True)
    kept = done("cutout", torch.ones_like(images))
    real = Verdict(images, {}, (done("cutout", images) * weight).sum((1, 2, 3)))
    penalty = R1(weight=2.0).discriminator_penalty(real, real, lambda images, **shown: images)
    (slope,) = torch.autograd.grad(penalty.sum(), weight)
    assert torch.equal(penalty, kept.sum((1, 2, 3))) and (penalty < 16).all()
    assert torch.equal(slope, 2 * kept.sum(0))


@pytest.mark.parametrize("policy", TRANSFORMS)
def test_each_transform_can_be_differentiated_twice(policy: str):
    images, weight = (noise(2, 4, 4, count=3).requires_grad_() for _ in range(2))
    (slope,) = torch.autograd.grad((done(policy, images).sin() * weight).sum(), images, create_graph=True)
    first, second = torch.autograd.grad(slope.square().sum(), [images, weight])
    assert first.isfinite().all() and second.abs().sum() > 0


def test_under_autocast_images_stay_what_they_are():
    images = noise(3, 8, 8)
    torch.manual_seed(0)
    exact = DiffAugment(policy=TRANSFORMS).perturb(images, 0)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(DiffAugment(policy=TRANSFORMS).perturb(images, 0), exact)


# The probability


def verdict(logits: list[float]) -> Verdict:
    return Verdict(torch.zeros(len(logits), 1, 2, 2), {}, torch.tensor(logits))


def observed(augment: Adaptive, steps: int, logits: list[float], start: int = 0) -> list[float]:
    """p as the images of each step see it."""
    found = []
    for step in range(start, start + steps):
        augment.perturb(torch.zeros(1, 1, 2, 2), step)
        found.append(augment.p)
        augment.observe(verdict(logits), verdict([9.0, 9.0]))
    return found


def test_ada_rises_by_the_images_seen_where_the_signs_are_above_the_target():
    augment = Adaptive(target=0.6, interval=4, speed_kimg=0.1)
    p = observed(augment, 13, [3.0, 0.1, 5.0, 0.2, 1.0])
    assert p == pytest.approx([0.0] * 4 + [0.2] * 4 + [0.4] * 4 + [0.6])


def test_ada_falls_where_the_signs_are_below_the_target_and_stays_in_bounds():
    augment = Adaptive(interval=1, speed_kimg=0.01)
    assert observed(augment, 4, [1.0] * 6) == pytest.approx([0.0, 0.6, 1.0, 1.0])
    assert observed(augment, 4, [1.0, 1.0, 1.0, -1.0], 4) == pytest.approx([1.0, 0.6, 0.2, 0.0])


def test_ada_stays_where_the_signs_are_on_target():
    augment = Adaptive(target=0.5, interval=1, speed_kimg=0.01)
    observed(augment, 2, [1.0])
    assert observed(augment, 3, [1.0, 1.0, 1.0, -1.0], 2)[1:] == [augment.p] * 2


def test_ada_adjusts_once_a_step_however_often_it_is_called():
    once, often = Adaptive(interval=2, speed_kimg=0.1), Adaptive(interval=2, speed_kimg=0.1)
    observed(once, 7, [1.0, 1.0])
    for step in range(7):
        for _ in range(2):
            often.perturb(torch.zeros(1, 1, 2, 2), step)
            often.observe(verdict([1.0]), verdict([1.0]))
            often.perturb(torch.zeros(1, 1, 2, 2), step)
    assert often.state_dict() == once.state_dict()


def test_ada_adjusts_again_where_a_run_goes_back_to_an_earlier_step():
    augment = Adaptive(interval=4, speed_kimg=0.1)
    observed(augment, 4, [1.0, 1.0])
    saved = augment.state_dict()
    first = observed(augment, 1, [1.0, 1.0], 4), augment.state_dict()
    augment.load_state_dict(saved)
    assert (observed(augment, 1, [1.0, 1.0], 4), augment.state_dict()) == first and augment.p == 0.08


def test_ada_takes_the_mean_of_patches_for_an_images_sign():
    augment = Adaptive()
    logits = torch.tensor([[1.0, 1.0, -1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    augment.observe(Verdict(torch.zeros(2, 1, 2, 2), {}, logits), verdict([0.0]))
    assert augment.state_dict()["signs"] == 1.5 and augment.images == 2


def test_the_schedule_is_half_a_cosine_over_the_first_images():
    augment, found = Scheduled(probability=0.8, ramp_kimg=0.004), []
    for _ in range(6):
        found.append(augment.p)
        augment.observe(verdict([1.0]), verdict([1.0]))
    rising = [0.4 * (1 - math.cos(math.pi * share)) for share in (0, 0.25, 0.5, 0.75)]
    assert found == pytest.approx([*rising, 0.8, 0.8])


@pytest.mark.parametrize("kind", [Adaptive, Scheduled])
def test_what_learns_is_a_memory_and_logs_its_probability(kind: type):
    augment = kind()
    assert all(isinstance(augment, protocol) for protocol in (Perturbation, Observer, Memory, Gauge))
    assert augment.readings()["p"].item() == pytest.approx(augment.p) and augment.every == 1
    assert isinstance(DiffAugment(), Perturbation) and not isinstance(DiffAugment(), Memory | Gauge)


# Refusals


@pytest.mark.parametrize(
    ("kind", "argument", "value"),
    [
        (DiffAugment, "brightness", -0.1),
        (DiffAugment, "cutout", 1.5),
        (Adaptive, "translation", 2.0),
        (Adaptive, "target", 1.0),
        (Adaptive, "interval", 0),
        (Adaptive, "speed_kimg", 0.0),
        (Scheduled, "probability", 1.5),
        (Scheduled, "ramp_kimg", math.nan),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(kind: type, argument: str, value: float):
    with pytest.raises(ArgumentError, match=rf"^{argument}={value}: must be in [\[(].*[\])]; try {argument}=\S+$"):
        kind(**{argument: value})


@pytest.mark.parametrize("policy", [[], ["color"], "colour"])
def test_a_policy_is_a_list_of_transforms(policy: object):
    need = r"^policy=.*: must be a list of some of colour, .*, cutout; try policy=\[colour,translation,cutout\]$"
    with pytest.raises(ArgumentError, match=need):
        Scheduled(policy=policy)
