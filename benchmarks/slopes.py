"""R1 and R2 by finite differences beside the exact ones: how far they agree, and what a step of each costs.

    python -m benchmarks.slopes

For each discriminator, after some steps of its model: the mean penalty of a batch of digits by differences over that by
gradients; the slopes of both by the weights, where the finite one is the mean of ever more draws: the cosine between
them, and the finite one's length over the exact one's, which is above 1 by the noise of few draws. Then processor
seconds of whole training steps, exact and finite in turn, of one thread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import date
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from run import FINITE, RESULTS, machine

from ganctl import build
from ganctl.contract import Critic, DataSpec, ImageStore, Verdict
from ganctl.files import as_json, write_new
from ganctl.gradient import squared_slope
from ganctl.training.feed import Feed
from ganctl.training.loop import train

STEPS = (1.0, 0.1, 0.01, 0.001, 0.0001)
SHOWN = (1, 16, 64)  # draws after which the slopes are compared, and after the last
CASES = {
    "model=r3gan": (["model=r3gan"], FINITE),
    "dcgan_critic": (
        ["model=dcgan_2016", "discriminator=dcgan_critic", "loss=relativistic", "regularizer=[r1,r2]"],
        ["regularizer=[r1_finite,r2_finite]"],
    ),
}


def trained(words: list[str], size: int, steps: int) -> tuple[nn.Module, Tensor]:
    """A discriminator that has played for some steps, and a batch of digits (64, 1, size, size)."""
    config = contenders.configuration([*words, "dataset=mnist5k", "training.batch_size=64", "device=cpu"])
    pixels, labels = contenders.digits(size)
    store = ImageStore(DataSpec("mnist5k", (1, size, size), 10), pixels, labels, content_hash="")
    device, task = build.device(config), build.task(config, store.spec).fitted(store)
    game = build.game(config, task)
    state, feed = build.state(config, game, task, device), Feed(store, device, batch_size=64, seed=0)
    for _ in train(state, game, device, feed, build.scheduler(config), steps, seed=0):
        pass
    return state.networks["discriminator"].eval(), feed.batch(steps).images


def penalty(D: nn.Module, critic: Critic, images: Tensor, step: float) -> tuple[float, Tensor]:
    """The mean squared slope of `images`, and its gradient by all weights, as one vector."""
    images = images.detach().requires_grad_()
    mean = squared_slope(Verdict(images, {}, critic(images)), critic, step).mean()
    slopes = torch.autograd.grad(mean, list(D.parameters()), allow_unused=True, materialize_grads=True)
    return mean.item(), torch.cat([slope.flatten() for slope in slopes])


def agreement(D: nn.Module, images: Tensor, draws: int) -> dict[str, dict[str, object]]:
    """Of each step: the finite penalty over the exact one, its standard error, and the slopes after some draws."""
    labels = torch.zeros(len(images), dtype=torch.int64)

    def critic(images: Tensor, **shown: Tensor | bool) -> Tensor:
        return D(images, labels)

    exact, slope = penalty(D, critic, images, 0.0)
    found: dict[str, dict[str, object]] = {}
    for step in STEPS:
        torch.manual_seed(0)
        ratios, total, slopes = [], torch.zeros_like(slope), {}
        for number in range(1, draws + 1):
            mean, drawn = penalty(D, critic, images, step)
            ratios.append(mean / exact)
            total += drawn
            if number in SHOWN or number == draws:
                slopes[f"{number} draws"] = {
                    "cosine": round(float(nn.functional.cosine_similarity(total, slope, dim=0)), 4),
                    "length": round(float(total.norm() / number / slope.norm()), 4),
                }
        found[f"step {step:g}"] = {
            "ratio": round(statistics.fmean(ratios), 4),
            "standard_error": round(statistics.stdev(ratios) / draws**0.5, 4),
            "slopes": slopes,
        }
    return found


def cost(words: list[str], finite: list[str], size: int, rounds: int, steps: int) -> dict[str, object]:
    """Processor seconds of a step with each, and the median of the rounds' ratios."""
    entrants = {
        name: contenders.ours(size, None, 64, "fp32", words[0].removeprefix("model="), [*words[1:], *more])
        for name, more in {"exact": [], "finite": finite}.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    for _ in range(rounds + 1):  # the first warms up
        for name, entrant in entrants.items():
            begin = time.process_time()
            for _ in islice(entrant, steps):
                pass
            seconds[name].append((time.process_time() - begin) / steps)
    pairs = list(zip(seconds["exact"][1:], seconds["finite"][1:], strict=True))
    medians = {name: round(statistics.median(values[1:]), 4) for name, values in seconds.items()}
    return {"seconds_per_step": medians, "exact_to_finite": round(statistics.median(a / b for a, b in pairs), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of one contender at a time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    for name, (words, finite) in CASES.items():
        D, images = trained(words, 28, 40)
        found[name] = {**agreement(D, images, given.draws), **cost(words, finite, 28, given.rounds, given.steps)}
    print(write_new(RESULTS / f"{date.today()}-slopes.json", as_json(found).encode()))


if __name__ == "__main__":
    main()
