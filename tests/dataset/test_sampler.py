from __future__ import annotations

import time

import numpy
import pytest

from ganctl.dataset.sampler import indices


def stream(seed: int, batch_size: int, num_images: int, steps: int) -> numpy.ndarray:
    return numpy.concatenate([indices(seed, step, batch_size, num_images) for step in range(steps)])


@pytest.mark.parametrize(("batch_size", "num_images"), [(4, 12), (5, 12), (7, 3), (1, 1), (64, 1), (12, 12)])
def test_every_epoch_shows_every_image_once(batch_size: int, num_images: int) -> None:
    shown = stream(3, batch_size, num_images, steps=4 * num_images)
    epochs = shown[: len(shown) // num_images * num_images].reshape(-1, num_images)
    assert (numpy.sort(epochs, axis=1) == numpy.arange(num_images)).all()


def test_epochs_and_seeds_differ_in_their_order() -> None:
    epochs = stream(0, 50, 100, steps=4).reshape(2, 100)
    assert (epochs[0] != epochs[1]).any()
    assert (indices(0, 0, 100, 100) != indices(1, 0, 100, 100)).any()
    assert (indices(0, 1, 100, 100) != indices(1, 0, 100, 100)).any()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    forwards = [indices(5, step, 30, 100) for step in range(20)]
    backwards = [indices(5, step, 30, 100) for step in reversed(range(20))][::-1]
    assert all((one == other).all() for one, other in zip(forwards, backwards, strict=True))


def test_the_batch_size_cuts_one_and_the_same_stream() -> None:
    assert (stream(9, 6, 35, steps=35) == stream(9, 35, 35, steps=6)).all()


def test_the_stream_is_the_same_for_good() -> None:
    assert indices(0, 0, 8, 10).tolist() == GOLDEN
    assert indices(4294967295, 10**6, 4, 5000).tolist() == GOLDEN_FAR


def test_batches_are_writable_int64_of_their_own() -> None:
    batch = indices(0, 0, 4, 10)
    assert batch.dtype == numpy.int64 and batch.shape == (4,) and batch.flags.writeable
    batch[:] = 99
    assert indices(0, 0, 4, 10).max() < 10


def test_a_batch_costs_microseconds() -> None:
    best = min(timed(steps=2000) for _ in range(3))
    assert best < 50e-6


def timed(steps: int) -> float:
    began = time.process_time()
    for step in range(steps):
        indices(11, step, 128, 60_000)
    return (time.process_time() - began) / steps


GOLDEN = [6, 1, 0, 5, 3, 8, 7, 9]
GOLDEN_FAR = [2481, 815, 496, 4627]
