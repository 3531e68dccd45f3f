"""The loop and its state: resuming, and that nothing outside can change a run."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import numpy
import pytest
import torch

from ganctl.regularizer import R1, R2
from ganctl.scheduler import BurnIn
from ganctl.task.noise import sample_inputs
from ganctl.training.feed import Feed
from ganctl.training.loop import train
from ganctl.training.state import TrainState
from tests.training import helpers


def run(state, steps, game=None, scheduler=helpers.constant, seed=5):
    logs = train(state, game or helpers.game(), helpers.CPU, helpers.feed(), scheduler, steps, seed=seed)
    return [{name: float(value) for name, value in log.items()} for log in logs]


def equal(first, second):
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


@pytest.mark.parametrize("discriminator_steps", [1, 3])
def test_resuming_midway_changes_nothing(discriminator_steps):
    game = helpers.game(discriminator_steps=discriminator_steps)
    whole, first = helpers.state(), helpers.state()
    logs = run(whole, 4, game)
    early = run(first, 2, game)
    saved = copy.deepcopy(first.state_dict())
    torch.rand(1000)  # whatever happens in between
    second = helpers.state()
    second.load_state_dict(saved)
    late = run(second, 4, game)
    assert early + late == logs
    assert equal(second.state_dict(), whole.state_dict())


def test_sampling_between_steps_cannot_change_the_run():
    calm, disturbed = helpers.state(), helpers.state()
    logs = run(calm, 3)
    found = []
    for log in train(disturbed, helpers.game(), helpers.CPU, helpers.feed(), helpers.constant, 3, seed=5):
        found.append({name: float(value) for name, value in log.items()})
        torch.manual_seed(99)
        with torch.no_grad():
            disturbed.averages["generator"](torch.randn(7, 3), torch.zeros(7))
    assert found == logs and equal(calm.state_dict(), disturbed.state_dict())


def test_another_seed_is_another_run():
    assert run(helpers.state(), 2) != run(helpers.state(), 2, seed=6)


def test_the_scheduler_scales_each_step_of_both_optimizers():
    state, asked = helpers.state(learning_rate=0.5), []

    def scheduler(step: int, total_steps: int) -> float:
        asked.append((step, total_steps))
        return 0.1 * (step + 1)

    optimizers = state.optimizers.values()
    logs = train(state, helpers.game(), helpers.CPU, helpers.feed(), scheduler, 3, seed=5)
    rates = [[optimizer.param_groups[0]["lr"] for optimizer in optimizers] for _ in logs]
    assert rates == [[0.5 * (0.1 * number)] * 2 for number in (1, 2, 3)]
    assert asked == [(0, 3), (1, 3), (2, 3)]


def test_a_second_beta_that_has_a_course_is_given_to_both_optimizers_at_each_step():
    state = helpers.state(learning_rate=0.5)
    for optimizer in state.optimizers.values():
        optimizer.param_groups[0]["base_betas"] = (0.25, 0.9)
    course = BurnIn(final=0.5, final_beta2=0.5, burn_in_steps=2.0)
    logs = train(state, helpers.game(), helpers.CPU, helpers.feed(), course, 4, seed=5)
    seen = [
        [(each.param_groups[0]["lr"], each.param_groups[0]["betas"]) for each in state.optimizers.values()]
        for _ in logs
    ]
    assert [both[0] for both in seen] == [both[1] for both in seen]
    assert [rate for (rate, _), _ in seen] == pytest.approx([0.5, 0.375, 0.25, 0.25])
    assert [first for (_, (first, _)), _ in seen] == [0.25] * 4
    assert [second for (_, (_, second)), _ in seen] == pytest.approx([0.9, 0.7, 0.5, 0.5])


def test_what_changes_over_the_burn_in_is_the_same_after_resuming():
    settings = {"burn_in": 6.5 * len(helpers.feed().batch(0).images), "ema_rampup": None}
    game = helpers.game(
        regularizers={"r1": R1(weight=4.0, final=0.0), "r2": R2(final=2.0, finite_step=0.1)}, **settings
    )
    whole, first, second = helpers.state(), helpers.state(), helpers.state()
    logs = run(whole, 5, game)
    early = run(first, 3, game)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert early + run(second, 5, game) == logs
    assert equal(second.state_dict(), whole.state_dict())


def test_further_averages_are_saved_and_the_same_after_resuming():
    game, lengths = helpers.game(ema_lengths=(0.05, 0.2)), {"lengths": (0.05, 0.2)}

    def begin():
        own = helpers.state()
        return TrainState.begin(own.networks, own.optimizers, averaged=game.averaged, **lengths)

    whole, first, second = begin(), begin(), begin()
    run(whole, 4, game)
    run(first, 2, game)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    run(second, 4, game)
    assert [*whole.averages] == ["generator", "ema_0.05", "ema_0.2"]
    assert equal(second.state_dict(), whole.state_dict())
    weights = [next(average.parameters()) for average in (*whole.averages.values(), whole.networks["generator"])]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(weights, 2))
    with pytest.raises(
        ValueError, match=r"^training\.ema_lengths: the checkpoint has no average ema_0\.05, and a resumed"
    ):
        begin().load_state_dict(helpers.state().state_dict())


def test_a_factor_acts_on_the_step_that_it_is_asked_for():
    quarter, plain = helpers.state(learning_rate=0.04), helpers.state(learning_rate=0.01)
    run(quarter, 2, scheduler=lambda step, total_steps: 0.25)
    run(plain, 2)
    assert equal(quarter.state_dict(), plain.state_dict())


def test_a_resumed_run_takes_its_learning_rate_from_the_configuration():
    before = helpers.state(learning_rate=0.01)
    run(before, 2)
    after = helpers.state(learning_rate=0.02)
    after.load_state_dict(before.state_dict())
    run(after, 3)
    assert after.optimizers["generator"].param_groups[0]["lr"] == 0.02
    assert after.optimizers["generator"].state_dict()["state"][0]["step"] == 3


def test_another_architecture_is_refused_in_one_line():
    saved = helpers.state().state_dict()
    del saved["networks"]["generator"]["body.0.weight"]
    with pytest.raises(ValueError, match="generator: the checkpoint is of another architecture") as caught:
        helpers.state().load_state_dict(saved)
    assert "\n" not in str(caught.value)


def test_a_sample_is_the_same_in_any_batch():
    latents, labels = sample_inputs(3, 0, 10, 4, [5, 1, 4])
    parts = [sample_inputs(3, start, 5, 4, [5, 1, 4]) for start in (0, 5)]
    assert torch.equal(latents, torch.cat([z for z, _ in parts]))
    assert torch.equal(labels, torch.cat([c for _, c in parts]))
    assert not torch.equal(latents, sample_inputs(4, 0, 10, 4, None)[0])


def test_labels_follow_the_frequencies_of_the_data():
    latents, labels = sample_inputs(0, 0, 4000, 2, [1, 0, 3])
    shares = torch.bincount(labels, minlength=3) / 4000
    assert shares[1] == 0 and abs(shares[0] - 0.25) < 0.03
    assert abs(latents.mean()) < 0.05 and abs(latents.std() - 1) < 0.05


def test_flipping_mirrors_about_half_of_the_images():
    torch.manual_seed(0)
    plain, mirrored = helpers.feed(flip=False).batch(0).images, helpers.feed(flip=True).batch(0).images
    flipped = [bool(torch.equal(b, a.flip(2)) and not torch.equal(a, b)) for a, b in zip(plain, mirrored, strict=True)]
    same = [bool(torch.equal(a, b)) for a, b in zip(plain, mirrored, strict=True)]
    assert any(flipped) and any(same) and all(f or s for f, s in zip(flipped, same, strict=True))


def test_images_are_moved_by_up_to_so_many_pixels_each_with_its_source():
    images = numpy.random.default_rng(1).integers(0, 256, (23, 1, 8, 9), dtype=numpy.uint8)
    spec = dataclasses.replace(helpers.store().spec, image_shape=(1, 8, 9), source_shape=(1, 8, 9))
    store = dataclasses.replace(helpers.store(), spec=spec, images=images, sources=255 - images)
    feed = Feed(store, helpers.CPU, batch_size=23, seed=5, shift=2)
    torch.manual_seed(0)
    batch, plain = feed.batch(0), Feed(store, helpers.CPU, batch_size=23, seed=5).batch(0)
    assert batch.source is not None and torch.allclose(batch.source, -batch.images, atol=1e-6)
    seen = set()
    for moved, image in zip(batch.images, plain.images, strict=True):
        padded = torch.nn.functional.pad(image, [2, 2, 2, 2], mode="reflect")
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[:, y : y + 8, x : x + 9], moved)]
        assert places, "moved, and nothing else"
        seen |= set(places)
    assert len(seen) > 8


def test_another_part_of_each_larger_image_is_shown_each_time_and_the_same_after_a_restart():
    larger = numpy.random.default_rng(1).integers(0, 256, (23, 1, 4, 5), dtype=numpy.uint8)
    store = dataclasses.replace(helpers.store(), larger=larger)
    feed = Feed(store, helpers.CPU, batch_size=23, seed=5)
    seen = set()
    for number in range(4):
        torch.manual_seed(number)
        batch = feed.batch(number)
        assert batch.images.shape == (23, *helpers.SHAPE)
        for part in ((batch.images + 1) * 127.5).round().to(torch.uint8).numpy():
            places = [(i, y, x) for i in range(23) for y in range(3) for x in range(4)]
            seen |= {
                place for place in places if (larger[place[0], :, place[1] :, place[2] :][:, :2, :2] == part).all()
            }
        torch.manual_seed(number)
        assert torch.equal(feed.batch(number).images, batch.images)
    assert len(seen) > 60 and {(y, x) for _, y, x in seen} == {(y, x) for y in range(3) for x in range(4)}


def test_batches_are_pixels_between_minus_one_and_one_with_their_labels():
    store = helpers.store()
    batch = helpers.feed(flip=False).batch(0)
    assert batch.images.dtype == torch.float32 and batch.images.min() >= -1 and batch.images.max() <= 1
    for image, label in zip(batch.images, batch.labels, strict=True):
        pixels = ((image + 1) * 127.5).round().to(torch.uint8).numpy()
        row = next(number for number, known in enumerate(store.images) if (known == pixels).all())
        assert store.labels[row] == label
