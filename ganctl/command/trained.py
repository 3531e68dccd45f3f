"""A trained generator, taken from a run folder or a checkpoint file: what `sample` and `evaluate` begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from ganctl import build, checkpoint
from ganctl.contract import DataSpec, Placing
from ganctl.record.image_grid import latent_loop
from ganctl.training.device import Device
from ganctl.training.draws import sample_inputs


@dataclass(frozen=True)
class Trained:
    """A generator ready to draw, the checkpoint it came from, and that run's configuration as plain data."""

    network: nn.Module
    path: Path
    step: int
    config: dict[str, Any]
    spec: DataSpec
    class_counts: list[int] | None
    class_names: list[str]
    weights: str
    device: Device

    @property
    def latent_size(self) -> int:
        return self.config["latent_size"]

    @torch.no_grad()
    def draw(self, latents: Tensor, labels: Tensor, batch_size: int = 250) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] on the CPU for latents (N, latent_size) and labels (N,)."""
        where = self.device.torch_device
        pairs = zip(latents.split(batch_size), labels.split(batch_size), strict=True)
        return torch.cat([self.network(z.to(where), c.to(where)).float().cpu() for z, c in pairs])

    @torch.no_grad()
    def walk(self, stops: Tensor, labels: Tensor, num_between: int) -> Iterator[Tensor]:
        """Frames (N, C, H, W) of a closed walk through `stops` (K, N, latent_size), each of the N keeping its label."""
        if not isinstance(self.network, Placing):
            yield from (self.draw(frame, labels) for frame in latent_loop(stops, num_between))
            return
        where = self.device.torch_device
        placed = torch.stack([self.network.place(each.to(where), labels.to(where)) for each in stops])
        for frame in latent_loop(placed, num_between):
            yield self.network.from_placed(frame).float().cpu()

    def generate(self, seed: int, start: int, count: int) -> Tensor:
        """Samples start ... start + count of `seed`, with labels at the data set's own frequencies."""
        return self.draw(*sample_inputs(seed, start, count, self.latent_size, self.class_counts))


def open_trained(target: Path, weights: str, device: Device, trusted: list[str]) -> Trained:
    """Loads the best (else the last) checkpoint of a run folder, or the checkpoint file `target`.

    `weights` is ema or raw. The checkpoint's configuration is data: only ganctl's own classes and those of packages in
    `trusted` are built from it, and nothing in it is interpolated. Raises ValueError in one line.
    """
    path = checkpoint.find(target, "best")
    content = checkpoint.load(path)
    if where := _interpolation(content["config"]):
        raise ValueError(f"{path}: its configuration has an interpolation at {where}; nothing of it was run")
    try:
        spec = DataSpec(**{**content["spec"], "image_shape": tuple(content["spec"]["image_shape"])})
        config = OmegaConf.create({**content["config"], "trust": list(trusted)})
        network = build.generator(config, spec)
        network.load_state_dict(content["state"]["average" if weights == "ema" else "generator"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:160]
        raise ValueError(f"{path}: its networks cannot be rebuilt: {detail}") from None
    network = device.place(network.eval().requires_grad_(False))
    return Trained(
        network,
        path,
        content["state"]["step"],
        content["config"],
        spec,
        content["class_counts"],
        content["class_names"],
        weights,
        device,
    )


def _interpolation(node: Any, key: str = "") -> str | None:
    """The key of the first value with `${` in it, or None."""
    if isinstance(node, dict):
        found = (_interpolation(value, f"{key}.{name}".lstrip(".")) for name, value in node.items())
    elif isinstance(node, list):
        found = (_interpolation(value, f"{key}[{index}]") for index, value in enumerate(node))
    else:
        return key if isinstance(node, str) and "${" in node else None
    return next((each for each in found if each is not None), None)
