"""What a game is to the loop around it: networks by name, the sides that learn, and a step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from ganctl.contract import ALONE, Batch, Memory, World
from ganctl.training.device import Device
from ganctl.training.state import TrainState

Log = dict[str, Tensor]
"""What happened in a step, by name, as scalars that are still on the device."""


class Game(Protocol):
    """The rules of a game, frozen: what is learned is in the state. Adversarial (`training.step`) is the one of most.

    `networks` says of each network, by name, which group of the configuration builds it (generator, discriminator).
    Each of `sides` learns by one optimizer; of the networks in `averaged` a moving average is kept, which is what is
    drawn from. A step takes `batches_per_step` batches.
    """

    @property
    def networks(self) -> Mapping[str, str]: ...

    @property
    def sides(self) -> Mapping[str, tuple[str, ...]]: ...

    @property
    def averaged(self) -> tuple[str, ...]: ...

    @property
    def batches_per_step(self) -> int: ...

    def memories(self) -> dict[str, Memory]:
        """What the game learns beside the networks' weights, as it is before the first step."""
        ...

    def step(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """Changes `state` by one step; its number is the loop's to count."""
        ...


@contextmanager
def descent(
    optimizer: torch.optim.Optimizer, clip_norm: float | None = None, world: World = ALONE
) -> Iterator[Callable[[Tensor], None]]:
    """One step down the sum of the losses that are added inside: zero, accumulate, reduce, clip, step.

    Each loss goes backward as it is added, so that the graph of one part of a batch is gone before the next is built.
    """
    started = False

    def add(loss: Tensor) -> None:
        nonlocal started
        if not started:  # not before the forward pass: the memory that old gradients free is what new ones take
            optimizer.zero_grad(set_to_none=True)
            started = True
        loss.backward()

    yield add
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    reduce(parameters, world)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()


def reduce(parameters: Sequence[nn.Parameter], world: World) -> None:
    """Makes each gradient the mean over all processes: after backward, before anything looks at its norm."""
    assert world.size == 1, f"gradients of {world.size} processes cannot be reduced yet"
