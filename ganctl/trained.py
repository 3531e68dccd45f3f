"""A trained generator, taken from a run folder or a checkpoint file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl import build, checkpoint
from ganctl.contract import DataSpec
from ganctl.training.device import Device
from ganctl.training.drawer import Drawer


@dataclass(frozen=True)
class Trained:
    """A generator ready to draw, the checkpoint it came from, and that run's configuration as plain data."""

    drawer: Drawer
    path: Path
    step: int
    config: dict[str, Any]
    spec: DataSpec
    class_names: list[str]
    weights: str


def open_trained(target: Path, weights: str, device: Device, trusted: Sequence[str] = ()) -> Trained:
    """Loads the best (else the last) checkpoint of a run folder, or the checkpoint file `target`.

    `weights` is ema or raw. The checkpoint's configuration is data: only ganctl's own classes and those of packages in
    `trusted` are built from it, and nothing in it is interpolated. Raises ValueError in one line.
    """
    path = checkpoint.find(target, "best")
    content = checkpoint.load(path)
    if where := _interpolation(content["config"]):
        raise ValueError(f"{path}: its configuration has an interpolation at {where}; nothing of it was run")
    try:
        spec = data_spec(content["spec"])
        config = {**content["config"], "trust": list(trusted)}
        task = build.task(config, spec).restored(content["task"])
        (name, weights_of_average), *_ = content["state"]["averages"].items()
        network = build.network(config, "generator", task)
        network.load_state_dict(weights_of_average if weights == "ema" else content["state"]["networks"][name])
        step = content["state"]["step"]
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:160]
        raise ValueError(f"{path}: its networks cannot be rebuilt: {detail}") from None
    network = device.place(network.eval().requires_grad_(False))
    drawer = Drawer(network, task, device)
    return Trained(drawer, path, step, content["config"], spec, content["class_names"], weights)


def data_spec(facts: dict[str, Any]) -> DataSpec:
    """The facts on a data set as a checkpoint holds them, shapes as lists."""
    shapes = {key: tuple(value) for key, value in facts.items() if key.endswith("_shape") and value is not None}
    return DataSpec(**{**facts, **shapes})


def _interpolation(node: Any, key: str = "") -> str | None:
    """The key of the first value with `${` in it, or None."""
    if isinstance(node, dict):
        keys = (_interpolation(value, f"{key}.{name}".lstrip(".")) for name, value in node.items())
    elif isinstance(node, list):
        keys = (_interpolation(value, f"{key}[{index}]") for index, value in enumerate(node))
    else:
        return key if isinstance(node, str) and "${" in node else None
    return next((each for each in keys if each is not None), None)
