"""The named methods in grey and in colour: 200 steps stay finite, and a run that is resumed is the whole one."""

from __future__ import annotations

import copy

import numpy
import pytest
import torch

from ganctl import build
from ganctl.contract import DataSpec, ImageStore
from ganctl.training.device import Device
from ganctl.training.feed import Feed
from ganctl.training.game import Log
from ganctl.training.loop import train
from ganctl.training.state import TrainState
from tests.settings import settings, torch_untouched
from tests.training.test_loop import equal

CPU = Device(torch.device("cpu"))
FEW = {"width": 4, "max_width": 8}
METHODS = {
    "wgan": ("model=wgan",),
    "dragan": ("model=dragan",),
    "consistency": ("model=dcgan_2016", "regularizer=[consistency]"),
    "infogan": ("model=infogan", "discriminator.hidden=8"),
    "feature_matching": (
        "model=dcgan_2016",
        "term=[feature_matching]",
        "discriminator=dcgan_critic",
        "discriminator.minibatch_deviation=true",
    ),
    "top_k": ("model=dcgan_2016", "regularizer=[top_k]", "regularizer.top_k.epoch_kimg=0.1"),
}
SHAPES = {"mnist5k": (1, 28, 28), "cifar10": (3, 32, 32)}


def pictures(shape: tuple[int, ...]) -> ImageStore:
    """Blots of one colour each, of which there are enough for some epochs in 200 steps."""
    random = numpy.random.default_rng(0)
    images = random.integers(0, 60, (64, *shape), dtype=numpy.uint8)
    for image in images:
        top, left = random.integers(0, shape[1] // 2, 2)
        image[:, top : top + 9, left : left + 9] = random.integers(120, 256, (shape[0], 1, 1))
    labels = numpy.arange(64, dtype=numpy.int64) % 10
    return ImageStore(DataSpec("blots", shape, 10), images, labels, content_hash="0")


def run(method: str, dataset: str, saved: dict | None = None) -> tuple[TrainState, list[Log], dict]:
    """200 steps, or those behind a saved state: the state after them, their logs, and the state after 190."""
    words = (*METHODS[method], f"dataset={dataset}", "training.batch_size=8", "device=cpu", "latent_size=16")
    config, store = settings(*words), pictures(SHAPES[dataset])
    for network in (config.generator, config.discriminator):
        network.update({key: value for key, value in FEW.items() if key in network})
    task = build.task(config, store.spec).fitted(store)
    game = build.game(config, task)
    state = build.state(config, game, task, CPU)
    if saved is not None:
        state.load_state_dict(saved)
    feed = Feed(store, CPU, batch_size=8, seed=0)
    logs = []
    for log in train(state, game, CPU, feed, build.scheduler(config), 200, seed=0):
        logs.append(log)
        if state.step == 190:
            saved = copy.deepcopy(state.state_dict())
    assert saved is not None
    return state, logs, saved


@pytest.fixture(autouse=True)
def one_thread():
    with torch_untouched():
        torch.set_num_threads(1)
        yield


@pytest.mark.parametrize("dataset", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_200_steps_stay_finite_and_a_resumed_run_is_the_whole_one(method: str, dataset: str) -> None:
    whole, logs, saved = run(method, dataset)
    assert whole.is_finite() and len(logs) == 200
    assert all(value.isfinite() for log in logs for value in log.values())
    torch.rand(100)
    second, late, _ = run(method, dataset, saved)
    assert len(late) == 10 and equal(second.state_dict(), whole.state_dict())
    assert all(equal(one, other) for one, other in zip(late, logs[190:], strict=True))
