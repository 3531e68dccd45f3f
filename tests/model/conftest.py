"""Builds networks from their YAML files as the command line does, in plain keywords."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

CONFIGS = Path(__file__).parents[2] / "configs"


def build(kind: str, name: str, size: int | tuple[int, int] = 28, channels: int = 1, **options: object) -> nn.Module:
    """The network that configs/KIND/NAME.yaml describes for images of that size, with some options changed."""
    settings = settings_of(kind, name)
    module, _, target = settings.pop("_target_").rpartition(".")
    unknown = set(options) - set(settings) - {"latent_size", "num_classes"}
    assert not unknown, f"{kind}/{name}.yaml has no {unknown}"
    height, width = (size, size) if isinstance(size, int) else size
    given = {"image_shape": (channels, height, width), "num_classes": None}
    if kind == "generator":
        given["latent_size"] = 100
    return getattr(import_module(module), target)(**{**given, **settings, **options})


@cache
def composed(kind: str, name: str) -> dict[str, object]:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return OmegaConf.to_container(compose(overrides=[f"+{kind}={name}"])[kind])


def settings_of(kind: str, name: str) -> dict[str, object]:
    """`_target_` and keywords of configs/KIND/NAME.yaml, without the rule that is applied before a network is built."""
    return {key: value for key, value in composed(kind, name).items() if key != "shape_rule"}


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., nn.Module]:
    """`build(kind, name, size, channels, **options)` with the weights of seed 0, on one thread of torch's."""
    torch.manual_seed(0)
    return build


@pytest.fixture
def narrow() -> Callable[..., nn.Module]:
    """`build` with few channels and without dropout, for what depends on neither."""
    torch.manual_seed(0)

    def build_narrow(kind: str, name: str, *args: int, **options: object) -> nn.Module:
        few = {"width": 8, "max_width": 16, "hidden": 16, "dropout": 0.0}
        return build(kind, name, *args, **{key: few[key] for key in few.keys() & settings_of(kind, name)} | options)

    return build_narrow


def options_of(kind: str) -> list[str]:
    """Every network of the group that is given labels, by the name typed on the command line."""
    return [name for name in every_option_of(kind) if "labels" in signature(class_of(kind, name).forward).parameters]


def every_option_of(kind: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / kind).glob("[!_]*.yaml"))


def class_of(kind: str, name: str) -> type[nn.Module]:
    module, _, target = str(composed(kind, name)["_target_"]).rpartition(".")
    return getattr(import_module(module), target)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`generator_name`, `discriminator_name`, or `kind` and `name` of both, run over all YAML files.

    So a new network is tested unwritten. No setting is obligatory: a test marked `settings(...)` is of those networks
    whose file has them all.
    """
    marker = metafunc.definition.get_closest_marker("settings")
    needed = set(marker.args if marker else ())
    kinds = ("generator", "discriminator")
    known = {kind: [name for name in options_of(kind) if needed <= settings_of(kind, name).keys()] for kind in kinds}
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize(("kind", "name"), [(kind, name) for kind in kinds for name in known[kind]])
    for kind in kinds:
        if f"{kind}_name" in metafunc.fixturenames:
            metafunc.parametrize(f"{kind}_name", known[kind])
