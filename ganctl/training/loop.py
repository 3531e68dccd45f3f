"""The training loop: a generator of logs that the command consumes, doing its periodic work between them."""

from __future__ import annotations

from collections.abc import Iterator

from ganctl.contract import Scheduler
from ganctl.training.device import Device
from ganctl.training.draws import seed_step
from ganctl.training.feed import Feed
from ganctl.training.game import Game
from ganctl.training.state import TrainState
from ganctl.training.step import Log, train_step


def train(
    state: TrainState, game: Game, device: Device, feed: Feed, scheduler: Scheduler, total_steps: int
) -> Iterator[Log]:
    """Yields the log of each step until `total_steps` are done. Nothing done between two steps can change the run."""
    state.generator.train()
    state.discriminator.train()
    while state.step < total_steps:
        seed_step(game.seed, state.step)
        factor = scheduler(state.step, total_steps)
        for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
        first = state.step * game.discriminator_steps
        batches = [feed.batch(first + update) for update in range(game.discriminator_steps)]
        yield train_step(state, game, device, batches)
