"""What a game is to the loop around it: networks by name, the sides that learn, and a step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from ganctl.contract import (
    ALONE,
    AdversarialLoss,
    Batch,
    GeneratorPenalty,
    Memory,
    Regularizer,
    Sample,
    Task,
    WeightPenalty,
    World,
)
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


@dataclass(frozen=True)
class Settings:
    """What every game is built with, and what follows from it.

    Attributes:
        discriminator_steps: discriminator updates per generator update, the k of the paper's Algorithm 1.
        fresh_fakes: draw new latents for the generator's update; otherwise the last discriminator update's fakes are
            judged again, which saves one pass of the generator.
        accumulate: parts that a batch is split into, one after the other: as much less memory for the same gradient.
        clip_norm: the largest norm of a network's gradient, or None.
        batch_size: images of a batch of all processes.
        ema_half_life: images in which the averaged generator forgets half of what it was; 0 copies.
        ema_rampup: the half-life is at most this share of the images seen so far (Karras et al. 2020).
    """

    task: Task
    loss: AdversarialLoss
    batch_size: int
    regularizers: Mapping[str, Regularizer] = field(default_factory=dict)
    discriminator_steps: int = 1
    fresh_fakes: bool = False
    accumulate: int = 1
    clip_norm: float | None = None
    ema_half_life: float = 10_000
    ema_rampup: float = 0.05
    world: World = ALONE

    def memories(self) -> dict[str, Memory]:
        return {name: part for name, part in self.regularizers.items() if isinstance(part, Memory)}

    def due(self, step: int) -> list[Regularizer]:
        """Those whose turn it is; a term due each n-th step counts n times (Karras et al. 2020, section 3.1)."""
        return [r for r in self.regularizers.values() if step % r.every == 0]


def generator_penalties(due: Iterable[Regularizer], fake: Sample, real: Batch, G: nn.Module) -> Tensor:
    """The weighted terms of the generator's loss beside the adversarial one, added up: ()."""
    penalty = torch.zeros((), device=fake.images.device)
    for r in due:
        if isinstance(r, GeneratorPenalty):
            penalty = penalty + r.every * r.generator_penalty(fake, real, G).mean()
        if isinstance(r, WeightPenalty) and "generator" in r.networks:
            penalty = penalty + r.every * r.weight_penalty(G)
    return penalty


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
