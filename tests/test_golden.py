"""Twenty seeded steps against losses stored in golden.json: a change that moves them must say why.

The numbers are of one thread of an x86-64 CPU in fp32. Other processors and versions of torch round differently and
twenty steps of a game enlarge that, so they are compared to a part in ten thousand, not bit for bit. To rewrite them:

    GANCTL_WRITE_GOLDEN=1 python -m pytest tests/test_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy
import pytest
import torch

from ganctl import build
from ganctl.contract import DataSpec, ImageStore
from ganctl.training.feed import Feed
from ganctl.training.loop import train
from tests.settings import PINNED, built, settings

FILE = Path(__file__).with_name("golden.json")
STEPS = 20
SETTINGS = (
    *PINNED,
    "generator.width=4",
    "discriminator.width=4",
    "training.batch_size=8",
    f"training.steps={STEPS}",
    "seed=1234",
    "optimizer.lr=0.001",
)
RUNS = {
    "dcgan": (),
    "conditional wgan_gp": (
        *("conditional=true", "loss=wasserstein", "discriminator=dcgan_critic", "training.discriminator_steps=2"),
        *("training.fresh_fakes=true", "regularizer=[gradient_penalty,instance_noise]", "scheduler=cosine"),
    ),
}


def waves() -> ImageStore:
    """64 smooth images of 16x16 in four classes, the same on every machine: gratings whose direction is the class."""
    labels = numpy.arange(64) % 4
    y, x = numpy.mgrid[0:16, 0:16]
    angles, phases = labels * numpy.pi / 4, numpy.arange(64) / 3
    along = numpy.cos(angles)[:, None, None] * x + numpy.sin(angles)[:, None, None] * y
    images = numpy.round(127.5 + 127 * numpy.sin(along / 2 + phases[:, None, None])).astype(numpy.uint8)
    return ImageStore(DataSpec("waves", (1, 16, 16), 4), images[:, None], labels, content_hash="0")


def losses(*overrides: str) -> list[dict[str, float]]:
    """The logs of all steps, and after them the mean size of the averaged generator's pixels."""
    config, store = settings(*SETTINGS, *overrides), waves()
    device = build.device(config)
    state, game = built(config, store.spec, device)
    feed = Feed(store, device, batch_size=config.training.batch_size, seed=config.seed, flip=True)
    logs = train(state, game, device, feed, build.scheduler(config), STEPS, seed=config.seed)
    found = [{name: float(value) for name, value in log.items()} for log in logs]
    latents = torch.linspace(-1, 1, 16 * 4).view(4, 16)
    with torch.no_grad():
        images = state.averages["generator"](latents, torch.arange(4))
    return [*found, {"average": float(images.abs().mean())}]


@pytest.mark.parametrize("name", RUNS)
def test_twenty_seeded_steps_give_the_stored_losses(name: str) -> None:
    found = losses(*RUNS[name])
    if os.environ.get("GANCTL_WRITE_GOLDEN"):
        known = json.loads(FILE.read_text()) if FILE.is_file() else {}
        lines = [json.dumps({key: float(f"{value:.7g}") for key, value in step.items()}) for step in found]
        known[name] = [json.loads(line) for line in lines]
        text = ",\n".join(
            f"{json.dumps(run)}: [\n" + ",\n".join(f"  {json.dumps(step)}" for step in steps) + "\n]"
            for run, steps in sorted(known.items())
        )
        FILE.write_text(f"{{\n{text}\n}}\n")
        pytest.skip(f"written to {FILE}")
    stored = json.loads(FILE.read_text())[name]
    assert len(found) == len(stored) == STEPS + 1
    for number, (new, old) in enumerate(zip(found, stored, strict=True), 1):
        assert new == pytest.approx(old, rel=1e-4, abs=1e-6), f"step {number}"
