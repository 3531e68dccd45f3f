"""What a game is to the loop around it: networks by name, the sides that learn, and a step."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from ganctl.collective import average
from ganctl.contract import (
    AdversarialLoss,
    Batch,
    Burning,
    Critic,
    CriticPenalty,
    CyclePenalty,
    DiscriminatorPenalty,
    GeneratorPenalty,
    Given,
    Memory,
    Observer,
    Perturbation,
    Regularizer,
    Sample,
    Selection,
    Task,
    WeightConstraint,
    WeightPenalty,
)
from ganctl.course import half_cosine
from ganctl.training.device import Device
from ganctl.training.ema import power_averages, update_average, update_power_average
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
        ema_rampup: the half-life is at most this share of the images seen so far (Karras et al. 2020); None = it rises
            from 0 over the burn-in.
        ema_lengths: of further averages by a power function (Karras et al. 2024), as shares of the run.
        burn_in: real images until what changes from the start is where it stays (Huang et al. 2024, arXiv:2501.05441).
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
    ema_rampup: float | None = 0.05
    ema_lengths: Sequence[float] = ()
    burn_in: float = 500_000

    networks: ClassVar[Mapping[str, str]] = {}
    averaged: ClassVar[tuple[str, ...]] = ()
    honours: ClassVar[tuple[type, ...]] = (GeneratorPenalty,)
    """What of a regularizer this game heeds; beside the weights of each group of its networks in `weighed`."""
    weighed: ClassVar[tuple[str, ...]] = ("generator",)

    def __post_init__(self) -> None:
        """Raises ValueError for a regularizer that the game would pass over without a word."""
        selections = [part for part in self.regularizers.values() if isinstance(part, Selection)]
        if selections and not isinstance(self.loss, Selective):
            object.__setattr__(self, "loss", Selective(self.loss, selections))
        game = type(self).__name__.lower()
        for name, part in self.regularizers.items():
            for kind, (deed, cure) in _DEEDS.items():
                if isinstance(part, kind) and kind not in self.honours:
                    raise ValueError(f"game={game}: cannot take {name}, which {deed}; leave it out{cure}")
            if isinstance(part, WeightPenalty) and not {*part.networks} <= {*self.weighed}:
                need = f"looks at weights of {', '.join(part.networks)}"
                raise ValueError(f"game={game}: cannot take {name}, which {need}; keep to {', '.join(self.weighed)}")
            if isinstance(part, WeightConstraint) and not {*part.networks} <= {*self.networks.values()}:
                need = f"bounds weights of {', '.join(part.networks)}"
                raise ValueError(f"game={game}: cannot take {name}, which {need}; leave it out")

    def step(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        log = self.learn(state, device, batches)
        self.follow(state)
        return log

    def learn(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """What a step does before the averages follow."""
        raise NotImplementedError

    def follow(self, state: TrainState) -> None:
        """Lets the averages of a step follow their networks."""
        for name in self.averaged:
            self.update_average(state, name)

    def memories(self) -> dict[str, Memory]:
        return {name: part for name, part in self.regularizers.items() if isinstance(part, Memory)}

    def due(self, step: int) -> dict[str, Regularizer]:
        """Those whose turn it is, as they are at `step`; a term due each n-th step counts n times.

        Karras et al. 2020 (arXiv:1912.04958), section 3.1.
        """
        share, due = self.burnt(step), ((name, r) for name, r in self.regularizers.items() if step % r.every == 0)
        return {name: r.at(share) if isinstance(r, Burning) else r for name, r in due}

    def burnt(self, step: int) -> float:
        """The share, in [0, 1], that is over of the burn-in."""
        return min(1.0, step * self.batch_size * self.discriminator_steps / self.burn_in)

    def update_average(self, state: TrainState, name: str) -> None:
        """Lets the averages of the network `name` follow it."""
        half_life, rampup = self.ema_half_life, self.ema_rampup
        if rampup is None:
            half_life, rampup = half_cosine(0.0, half_life, self.burnt(state.step)), math.inf
        average, network = state.averages[name], state.networks[name]
        update_average(average, network, half_life, rampup, self.batch_size, state.step)
        for further, length in power_averages(self.ema_lengths).items():
            update_power_average(state.averages[further], network, length, state.step)

    def critic(self, D: nn.Module, step: int) -> Critic:
        """D with every perturbation of its input before it."""
        perturbations = [r for r in self.regularizers.values() if isinstance(r, Perturbation)]

        def logits(images: Tensor, **shown: Tensor | bool) -> Tensor:
            for perturbation in perturbations:
                images = perturbation.perturb(images, step)
            return D(images, **shown).float()

        return logits


_DEEDS = {
    DiscriminatorPenalty: ("adds to a discriminator's loss", ""),
    Perturbation: ("changes what a discriminator sees", ""),
    Observer: ("learns from a discriminator", ""),
    CriticPenalty: ("asks a discriminator", ", or take game=adversarial"),
    CyclePenalty: ("asks a generator of the way back", ", or take game=cycle"),
}
"""What a regularizer of a kind does, and what else to take than a game that does not heed it."""


@dataclass(frozen=True)
class Selective:
    """The adversarial `loss` where some of the generator's images count more than others: by `selections`."""

    loss: AdversarialLoss
    selections: Sequence[Selection]

    @property
    def relativistic(self) -> bool:
        return self.loss.relativistic

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.loss.discriminator(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        losses = self.loss.generator(fake, real)
        for selection in self.selections:
            losses = selection.shares(fake.detach()) * losses
        return losses


@dataclass(frozen=True)
class Way:
    """One generator's part of a step: what it made, of what, against which images, and whom its terms may ask.

    `shown` is what the `critic` sees beside the images; `back` leads from images to sources.
    """

    fake: Sample
    real: Batch
    generator: nn.Module
    critic: Critic | None = None
    shown: Given = field(default_factory=dict)
    back: nn.Module | None = None

    def penalties(self, due: Iterable[Regularizer]) -> Tensor:
        """The weighted terms of the generator's loss beside the adversarial one, added up: ()."""
        penalty = torch.zeros((), device=self.fake.images.device)
        for r in due:
            if isinstance(r, GeneratorPenalty):
                penalty = penalty + r.every * r.generator_penalty(self.fake, self.real, self.generator).mean()
            if isinstance(r, CriticPenalty):
                assert self.critic is not None, "the game says that it has one"
                critic = partial(self.critic, **self.shown)
                penalty = penalty + r.every * r.critic_penalty(self.fake, self.real, critic).mean()
            if isinstance(r, CyclePenalty):
                assert self.back is not None, "the game says that it has one"
                penalty = penalty + r.every * r.cycle_penalty(self.fake, self.back).mean()
            if isinstance(r, WeightPenalty) and "generator" in r.networks:
                penalty = penalty + r.every * r.weight_penalty(self.generator)
        return penalty


def constrain(state: TrainState, game: Game) -> None:
    """Lets every `WeightConstraint` of `game` hold now, and after each step of the optimizer of its networks."""
    constraints = game.regularizers.values() if isinstance(game, Settings) else []
    for constraint in (each for each in constraints if isinstance(each, WeightConstraint)):
        for side, names in game.sides.items():
            for network in (state.networks[name] for name in names if game.networks[name] in constraint.networks):
                constraint.constrain(network)
                state.optimizers[side].register_step_post_hook(
                    lambda *_, keep=constraint.constrain, network=network: keep(network)
                )


@contextmanager
def descent(optimizer: torch.optim.Optimizer, clip_norm: float | None = None) -> Iterator[Callable[[Tensor], None]]:
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
    average([each.grad for each in parameters if each.grad is not None])  # before anything looks at the norm
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()
