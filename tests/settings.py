"""Composed and checked configurations for tests that go past the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl.compose import Composer

CONFIGS = Path(str(resources.files("ganctl.configs")))

SMALL = (
    "generator=dcgan",
    "generator.width=4",
    "generator.max_width=8",
    "discriminator=dcgan",
    "discriminator.width=4",
    "discriminator.max_width=8",
    "device=cpu",
    "device.threads=1",
    "feature=digits",
    "training.batch_size=8",
    "training.steps=4",
    "output.log_every=1",
    "output.sample_every=4",
    "output.evaluate_every=2",
    "output.checkpoint_every=2",
    "output.tensorboard=false",
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


def options(group: str) -> list[str]:
    """The names of a group's files that can be chosen."""
    return sorted(file.stem for file in (CONFIGS / group).glob("[!_]*.yaml"))


@contextmanager
def torch_untouched() -> Iterator[None]:
    """Gives back torch's number of threads and determinism, which a run sets for its process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
