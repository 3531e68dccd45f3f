"""A trained generator, taken from a run folder or a checkpoint file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganctl import build, checkpoint
from ganctl.configuration.names import in_one_line
from ganctl.contract import ArgumentError, DataSpec
from ganctl.files import given_path
from ganctl.own_code import own_code
from ganctl.record.image_grid import as_pictures
from ganctl.training.device import Device, open_device
from ganctl.training.drawer import Drawer

if TYPE_CHECKING:
    from PIL.Image import Image


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

    @property
    def is_conditional(self) -> bool:
        """Whether classes can be asked for."""
        return self.drawer.task.asked_labels(0, 1) is not None

    def draw(
        self,
        count: int | None = None,
        *,
        seed: int = 0,
        start: int = 0,
        latents: Tensor | None = None,
        labels: Tensor | Sequence[int] | int | None = None,
    ) -> Tensor:
        """Images (count, C, H, W) float32 in [-1, 1], on the CPU.

        They are the samples `start`, `start` + 1, ... of `seed`: each the same picture whenever it is drawn. `latents`
        (count, latent_size) take the place of the drawn ones, `labels` (one for all, or count of them) that of the
        classes, which otherwise come as often as in the data. `count` None: as many as there are latents or labels, or
        16. Raises ValueError for shapes that do not fit, and for labels where the run was not conditional.
        """
        if isinstance(labels, Sequence):
            labels = torch.tensor(labels)
        given_rows = [len(rows) for rows in (latents, labels) if isinstance(rows, Tensor) and rows.ndim]
        count = count if count is not None else min(given_rows, default=16)
        if any(number != count for number in given_rows):
            raise ArgumentError("count", count, f"latents and labels are {' and '.join(map(str, given_rows))} rows")
        given = self.drawer.task.samples(seed, start, count)
        if latents is not None:
            if latents.shape != given["latents"].shape:
                wanted = tuple(given["latents"].shape)
                raise ArgumentError("latents", tuple(latents.shape), f"must have the shape {wanted}")
            given["latents"] = latents.float()
        if labels is not None:
            if not self.is_conditional:
                raise ArgumentError("labels", labels, "this run was trained without labels", "None")
            given["labels"] = torch.as_tensor(labels, dtype=torch.int64).expand(count)
            if not 0 <= int(given["labels"].min()) <= int(given["labels"].max()) < (self.spec.num_classes or 0):
                raise ArgumentError("labels", labels, f"must be in [0, {(self.spec.num_classes or 0) - 1}]")
        return self.drawer.draw(given).cpu()

    def pictures(self, count: int | None = None, **given: Any) -> list[Image]:
        """As `draw`, as pictures of Pillow."""
        return as_pictures(self.draw(count, **given))


def load(path: str | Path, *, weights: str = "ema", device: str = "auto", trust: Sequence[str] = ()) -> Trained:
    """The trained generator of a run folder (its best checkpoint), a .pt or a .safetensors file of it, ready to draw.

    `weights` is ema (the averaged generator), raw, or another average of the run, as ema_0.05; `device` auto, cpu, cuda
    or mps. `trust` names packages of your own whose classes the run was made of. Raises ValueError in one line for what
    cannot be loaded.
    """
    with in_one_line(), own_code(str(path), trust):
        return open_trained(given_path(path), weights, open_device(type=device), trust)


def open_trained(target: Path, weights: str, device: Device, trusted: Sequence[str] = ()) -> Trained:
    """Loads the best (else the last) checkpoint of a run folder, or the checkpoint file `target`.

    `weights` is ema, raw, or the name of another average. The checkpoint's configuration is data: only ganctl's own
    classes and those of packages in `trusted` are built from it, and nothing in it is interpolated. Raises ValueError
    in one line.
    """
    path = checkpoint.find(target, "best")
    content = checkpoint.load(path)
    if weights == "raw" and path.suffix == ".safetensors":
        raise ValueError(f"weights=raw: {path} holds the averaged weights alone; choose a .pt file, or weights=ema")
    if where := _interpolation(content["config"]):
        raise ValueError(f"{path}: its configuration has an interpolation at {where}; nothing of it was run")
    try:
        spec = data_spec(content["spec"])
        config = {**content["config"], "trust": list(trusted)}
        task = build.task(config, spec).restored(content["task"])
        (name, average), *_ = content["state"]["averages"].items()
        tensors = {**content["state"]["averages"], "ema": average, "raw": content["state"]["networks"].get(name)}
        if weights not in tensors or weights == name:
            known = ", ".join(sorted(tensors.keys() - {name}))
            raise ArgumentError("weights", weights, f"{path} has {known}", "ema")
        network = build.network(config, "generator", task)
        network.load_state_dict(tensors[weights])
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
