"""Composed and checked configurations for tests that go past the command line."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl import build
from ganctl.compose import Composer
from ganctl.contract import DataSpec
from ganctl.training.device import Device
from ganctl.training.game import Game
from ganctl.training.state import TrainState

CONFIGS = Path(str(resources.files("ganctl.configs")))

PINNED = (
    "loss=non_saturating",
    "regularizer=[]",
    "scheduler=constant",
    "optimizer=adam",
    "optimizer.lr=0.0002",
    "optimizer.betas=[0.5,0.999]",
    "latent_size=16",
    "conditional=false",
    "training.discriminator_steps=1",
    "training.fresh_fakes=false",
    "training.flip=false",
    "training.clip_norm=null",
    "training.ema_half_life_kimg=10.0",
    "training.ema_rampup=0.05",
    "generator=dcgan",
    "generator.label_size=8",
    "generator.extra_layers=0",
    "generator.mixture=0",
    "discriminator=dcgan",
    "discriminator.extra_layers=0",
    "device=cpu",
    "device.threads=1",
    "device.precision=fp32",
)
"""What a tuning of the defaults might change, held fast."""

SMALL = (
    *PINNED,
    "generator.width=4",
    "generator.max_width=8",
    "discriminator.width=4",
    "discriminator.max_width=8",
    "feature=digits",
    "training.batch_size=8",
    "training.steps=4",
    "output.log_every=1",
    "output.sample_every=4",
    "output.evaluate_every=2",
    "output.checkpoint_every=2",
    "tracker=[]",
    "output.grid=4",
    "evaluation.num_images=20",
    "evaluation.final_images=20",
    "evaluation.num_real=50",
    "final_fid.enabled=false",
)
"""A training of four steps with two evaluations, of a network so small that it takes a fraction of a second."""


def settings(*overrides: str) -> DictConfig:
    """What `ganctl train OVERRIDES` hands to the work: composed, checked, without the node of Hydra."""
    composer = Composer("train")
    config = composer.compose(list(overrides))
    trusted = composer.check(config, list(overrides))
    with open_dict(config):
        del config["hydra"]
        config.trust = trusted
    OmegaConf.set_struct(config, True)
    return config


def built(config: DictConfig, spec: DataSpec, device: Device) -> tuple[TrainState, Game]:
    """Networks and rules of `config` for images of `spec`, before the first step."""
    game = build.game(config, task := build.task(config, spec))
    return build.state(config, game, task, device), game


def options(group: str) -> list[str]:
    """The names of a group's files that can be chosen."""
    return sorted(file.stem for file in (CONFIGS / group).glob("[!_]*.yaml"))


def starts_from_noise(group: str, name: str) -> bool:
    """Whether a network, a model, a game, a term or a metric is of the tasks that start from latents."""
    text = (CONFIGS / group / f"{name}.yaml").read_text()
    if group in ("term", "game"):
        return name in ("adversarial", "feature_matching", "total_variation")
    if group in ("generator", "discriminator"):
        words = [line.partition(" ")[2] for line in text.splitlines() if line.startswith("_target_: ")]
        if not words:  # of another file of the group
            first = next(line for line in text.splitlines() if line.startswith("  - "))
            return starts_from_noise(group, first.removeprefix("  - "))
        module, _, kind = words[0].rpartition(".")
        found = inspect.signature(getattr(importlib.import_module(module), kind).forward).parameters
        return "labels" in found
    return "override /task" not in text or "override /task: codes" in text


def noise_options(group: str) -> list[str]:
    """The options of a group that go with the tasks that start from latents."""
    return [name for name in options(group) if starts_from_noise(group, name)]


@contextmanager
def torch_untouched() -> Iterator[None]:
    """Gives back torch's number of threads and determinism, which a run sets for its process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
