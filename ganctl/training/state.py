"""What training changes, and so exactly what a checkpoint holds of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_NETWORKS = ("generator", "discriminator", "average")
_OPTIMIZERS = ("generator_optimizer", "discriminator_optimizer")


@dataclass
class TrainState:
    """The two networks, the generator's average, the two optimizers, and the number of steps done."""

    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def begin(
        cls,
        generator: nn.Module,
        discriminator: nn.Module,
        generator_optimizer: torch.optim.Optimizer,
        discriminator_optimizer: torch.optim.Optimizer,
    ) -> TrainState:
        """The state before the first step; the average starts as a copy of the generator."""
        average = copy.deepcopy(generator).requires_grad_(False).eval()
        return cls(generator, discriminator, average, generator_optimizer, discriminator_optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Tensors on the CPU and plain numbers only."""
        content: dict[str, Any] = {"step": self.step}
        for name in _NETWORKS:
            content[name] = _to_cpu(getattr(self, name).state_dict())
        for name in _OPTIMIZERS:
            content[name] = _to_cpu(getattr(self, name).state_dict()["state"])
        return content

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Takes over a saved state. Learning rates and the like stay those of the configuration.

        Raises ValueError in one line if the networks are not those that were saved.
        """
        for name in _NETWORKS:
            try:
                getattr(self, name).load_state_dict(content[name])
            except (RuntimeError, KeyError) as error:
                detail = " ".join(str(error).split())[:200]
                raise ValueError(f"{name}: the checkpoint is of another architecture: {detail}") from None
        for name in _OPTIMIZERS:
            optimizer = getattr(self, name)
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": content[name], "param_groups": groups})
        self.step = content["step"]

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Whether every weight of the networks is a finite number."""
        parameters = [p for name in _NETWORKS for p in getattr(self, name).parameters()]
        return bool(torch.stack([p.sum().isfinite() for p in parameters]).all())


def _to_cpu(content: Any) -> Any:
    if isinstance(content, Tensor):
        return content.detach().to("cpu", copy=True)
    if isinstance(content, dict):
        return {key: _to_cpu(value) for key, value in content.items()}
    return content
