"""The training loop: a generator of logs that the command consumes, doing its periodic work between them."""

from collections.abc import Iterator

from ganctl.contract import Scheduler
from ganctl.training.device import Device
from ganctl.training.draws import seed_step
from ganctl.training.feed import Feed
from ganctl.training.game import Game, Log
from ganctl.training.state import TrainState


def train(
    state: TrainState, game: Game, device: Device, feed: Feed, scheduler: Scheduler, total_steps: int, *, seed: int
) -> Iterator[Log]:
    """Yields the log of each step until `total_steps` are done. Nothing done between two steps can change the run."""
    for network in state.networks.values():
        network.train()
    while state.step < total_steps:
        seed_step(seed, state.step, state.attempt)
        factor = scheduler(state.step, total_steps)
        for optimizer in state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
        first = state.step * game.batches_per_step
        batches = [feed.batch(first + update) for update in range(game.batches_per_step)]
        log = game.step(state, device, batches)
        state.step += 1
        yield log
