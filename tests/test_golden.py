"""Some seeded steps against losses stored in golden.json: a change that moves them must say why.

The numbers are of one thread of an x86-64 CPU in fp32. Other processors and versions of torch round differently and
some steps of a game enlarge that, so they are compared to a part in ten thousand, not bit for bit. To rewrite them:

    GANCTL_WRITE_GOLDEN=1 python -m pytest tests/test_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy
import pytest
import torch
from omegaconf import DictConfig

from ganctl import build
from ganctl.contract import DataSpec, ImageStore
from ganctl.training.feed import Feed
from ganctl.training.loop import train
from ganctl.training.state import TrainState
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
TRANSLATED = 10  # steps of a translation, which takes longer
# Adam's eps is large: it would give a slope that is rounding alone, as of a bias before a norm, the size of any other.
TRANSLATION = (
    *("dataset.path=.", "dataset.resolution=16", "dataset.channels=1", "device=cpu", "device.threads=1"),
    *("device.precision=fp32", "device.channels_last=false", "optimizer=adam", "optimizer.lr=0.0001"),
    *("optimizer.betas=[0.5,0.999]", "optimizer.eps=1.0"),
    *("training.batch_size=4", f"training.steps={TRANSLATED}", "seed=1234"),
    *("training.flip=true", "training.ema_half_life_kimg=1.0", "training.ema_rampup=0.05", "training.clip_norm=null"),
    *("generator.width=4", "discriminator.width=4", "discriminator.halvings=1"),
)
# No norm, which enlarges rounding in so small maps, and weights that do without.
NO_NORM = (
    *("generator.norm=none", "generator.initialisation=xavier"),
    *("discriminator.norm=none", "discriminator.initialisation=xavier"),
)
PAIRS = ("dataset=paired_folder", "dataset.source_channels=1")
APART = ("dataset=unpaired_folder", "dataset.sources=.", "dataset.source_channels=1", "generator.blocks=2", *NO_NORM)
LARGER = ("dataset=image_folder", "generator.blocks=2", "task.factor=4", "task.kernel=bicubic")
TRANSLATIONS = {
    "pix2pix": ("model=pix2pix", *PAIRS, "loss=non_saturating", "term.l1.weight=100", "generator.dropout=0.5"),
    "cyclegan": ("model=cyclegan", *APART, "term.cycle.weight=5.0", "term.identity.weight=2.5", "game.pool_size=3"),
    "cut": ("model=cut", *APART, "generator.projection=8", "term.contrastive.patches=16", "term.contrastive.weight=1"),
    "srgan": ("model=srgan", *LARGER, "loss=non_saturating", "term.l1.weight=100", "discriminator.spectral_norm=true"),
    "content": ("model=srgan", *LARGER, "game=content", "term=[l2,total_variation]", "term.l2.weight=100"),
}


def waves() -> ImageStore:
    """64 smooth images of 16x16 in four classes, the same on every machine: gratings whose direction is the class."""
    labels = numpy.arange(64) % 4
    y, x = numpy.mgrid[0:16, 0:16]
    angles, phases = labels * numpy.pi / 4, numpy.arange(64) / 3
    along = numpy.cos(angles)[:, None, None] * x + numpy.sin(angles)[:, None, None] * y
    images = numpy.round(127.5 + 127 * numpy.sin(along / 2 + phases[:, None, None])).astype(numpy.uint8)
    return ImageStore(DataSpec("waves", (1, 16, 16), 4), images[:, None], labels, content_hash="0")


def pictures(*, paired: bool) -> ImageStore:
    """The waves light for dark; a source is the wave itself, lying on its side."""
    store = waves()
    spec = DataSpec("waves", (1, 16, 16), None, source_shape=(1, 16, 16))
    return ImageStore(
        spec, 255 - store.images, 0 * store.labels, "0", sources=store.images.swapaxes(2, 3), paired=paired
    )


def steps(config: DictConfig, store: ImageStore) -> tuple[list[dict[str, float]], TrainState]:
    """The logs of all steps, and what they have made."""
    device = build.device(config)
    state, game = built(config, store.spec, device)
    feed = Feed(store, device, batch_size=config.training.batch_size, seed=config.seed, flip=True)
    logs = train(state, game, device, feed, build.scheduler(config), config.training.steps, seed=config.seed)
    return [{name: float(value) for name, value in log.items()} for log in logs], state


@torch.no_grad()
def losses(*overrides: str) -> list[dict[str, float]]:
    """The logs of all steps, and after them the mean size of the averaged generator's pixels."""
    with torch.enable_grad():
        found, state = steps(settings(*SETTINGS, *overrides), waves())
    latents = torch.linspace(-1, 1, 16 * 4).view(4, 16)
    images = state.averages["generator"](latents, torch.arange(4))
    return [*found, {"average": float(images.abs().mean())}]


@torch.no_grad()
def translation_losses(*overrides: str) -> list[dict[str, float]]:
    """The same of pictures from pictures."""
    with torch.enable_grad():
        found, state = steps(settings(*overrides, *TRANSLATION), pictures(paired=PAIRS[0] in overrides))
    (average,) = state.averages.values()
    images = average(torch.linspace(-1, 1, 2 * 16 * 16).view(2, 1, 16, 16))
    return [*found, {"average": float(images.abs().mean())}]


def compare(name: str, found: list[dict[str, float]]) -> None:
    """With what is stored by that name; or stores it."""
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
    assert len(found) == len(stored)
    for number, (new, old) in enumerate(zip(found, stored, strict=True), 1):
        assert new == pytest.approx(old, rel=1e-4, abs=1e-6), f"step {number}"


@pytest.mark.parametrize("name", RUNS)
def test_twenty_seeded_steps_give_the_stored_losses(name: str) -> None:
    found = losses(*RUNS[name])
    assert len(found) == STEPS + 1
    compare(name, found)


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_ten_seeded_steps_from_pictures_give_the_stored_losses(name: str) -> None:
    found = translation_losses(*TRANSLATIONS[name])
    assert len(found) == TRANSLATED + 1
    compare(name, found)
