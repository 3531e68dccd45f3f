"""What training changes, and so exactly what a checkpoint holds of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganctl.contract import Memory
from ganctl.training.ema import power_averages


@dataclass
class TrainState:
    """Networks, the averages of some of them, an optimizer for each side, and what is learned besides, all by name.

    `step` is the number of steps done. `attempt` counts how often the run has gone back to an earlier one: the random
    numbers depend on it, too.
    """

    networks: dict[str, nn.Module]
    averages: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    memories: dict[str, Memory] = field(default_factory=dict)
    step: int = 0
    attempt: int = 0

    @classmethod
    def begin(
        cls,
        networks: Mapping[str, nn.Module],
        optimizers: Mapping[str, torch.optim.Optimizer],
        *,
        averaged: Sequence[str],
        lengths: Sequence[float] = (),
        memories: Mapping[str, Memory] | None = None,
    ) -> TrainState:
        """The state before the first step; each average starts as a copy of its network.

        There are more of the first network of `averaged`, of `lengths`, under names of their own.
        """
        sources = {name: name for name in averaged} | dict.fromkeys(power_averages(lengths), next(iter(averaged), ""))
        averages = {
            name: copy.deepcopy(networks[source]).requires_grad_(False).eval() for name, source in sources.items()
        }
        return cls(dict(networks), averages, dict(optimizers), dict(memories or {}))

    def state_dict(self) -> dict[str, Any]:
        """Tensors on the CPU and plain data only."""
        return {
            "step": self.step,
            "attempt": self.attempt,
            "networks": {name: to_cpu(network.state_dict()) for name, network in self.networks.items()},
            "averages": {name: to_cpu(network.state_dict()) for name, network in self.averages.items()},
            "optimizers": {side: to_cpu(each.state_dict()["state"]) for side, each in self.optimizers.items()},
            "memories": {name: to_cpu(memory.state_dict()) for name, memory in self.memories.items()},
        }

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Takes over a saved state. Learning rates and the like stay those of the configuration.

        A memory that was not saved stays as it is: it belongs to something that the run had not used yet. Raises
        ValueError in one line if the networks are not those that were saved.
        """
        if missing := self.averages.keys() - self.networks.keys() - content["averages"].keys():
            need = f"the checkpoint has no average {min(missing)}, and a resumed run begins none; start a new run"
            raise ValueError(f"training.ema_lengths: {need}")
        for kind, networks in (("networks", self.networks), ("averages", self.averages)):
            for name, network in networks.items():
                try:
                    network.load_state_dict(content[kind][name])
                except (RuntimeError, KeyError) as error:
                    detail = " ".join(str(error).split())[:200]
                    raise ValueError(f"{name}: the checkpoint is of another architecture: {detail}") from None
        for side, optimizer in self.optimizers.items():
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": content["optimizers"][side], "param_groups": groups})
        for name in self.memories.keys() & content["memories"].keys():
            self.memories[name].load_state_dict(content["memories"][name])
        self.step, self.attempt = content["step"], content["attempt"]

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Whether every weight of the networks and their averages is a finite number."""
        networks = [*self.networks.values(), *self.averages.values()]
        parameters = [parameter for network in networks for parameter in network.parameters()]
        return bool(torch.stack([parameter.sum().isfinite() for parameter in parameters]).all())


def to_cpu(content: Any) -> Any:
    """A copy of plain data with tensors in it, these on the CPU."""
    if isinstance(content, Tensor):
        return content.detach().to("cpu", copy=True)
    if isinstance(content, dict):
        return {key: to_cpu(value) for key, value in content.items()}
    if isinstance(content, list):
        return [to_cpu(value) for value in content]
    return content
