"""The training loop: a generator of logs that the command consumes, doing its periodic work between them."""

from collections.abc import Iterable, Iterator

from torch import Tensor
from torch.optim import Optimizer

from ganctl.contract import MomentScheduler, Scheduler
from ganctl.training.device import Device
from ganctl.training.draws import seed_step
from ganctl.training.feed import Feed
from ganctl.training.game import Game, Log
from ganctl.training.recorded import Recorder
from ganctl.training.state import TrainState


def train(
    state: TrainState,
    game: Game,
    device: Device,
    feed: Feed,
    scheduler: Scheduler,
    total_steps: int,
    *,
    seed: int,
    lr_factor: float = 1.0,
) -> Iterator[Log]:
    """Yields the log of each step until `total_steps` are done.

    Nothing done between two steps can change the run, but for a return to an earlier state: each new attempt of the
    run multiplies the learning rates by `lr_factor`, in (0, 1].
    """
    for network in state.networks.values():
        network.train()
    step = Recorder(game).step if device.cuda_graph else game.step
    while state.step < total_steps:
        seed_step(seed, state.step, state.attempt)
        set_rates(state.optimizers.values(), scheduler, state.step, total_steps, lr_factor**state.attempt)
        first = state.step * game.batches_per_step
        batches = [feed.batch(first + update) for update in range(game.batches_per_step)]
        log = step(state, device, batches)
        state.step += 1
        yield log


def set_rates(
    optimizers: Iterable[Optimizer], scheduler: Scheduler, step: int, total_steps: int, share: float = 1.0
) -> None:
    """Gives each optimizer its `share` of the learning rate, and the second beta, of this step."""
    factor = scheduler(step, total_steps) * share
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if isinstance(group["lr"], Tensor):  # what a recorded step reads
            group["lr"].fill_(group["base_lr"] * factor)
        else:
            group["lr"] = group["base_lr"] * factor
        if isinstance(scheduler, MomentScheduler) and group["base_betas"] is not None:
            first, second = group["base_betas"]
            group["betas"] = first, scheduler.beta2(second, step)
