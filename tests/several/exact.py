"""One process of a run of several: `python exact.py FOLDER` trains each of CASES for 20 steps and saves the states."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from ganctl import build, collective
from ganctl.contract import ALONE, World
from ganctl.job.session import END, Session
from ganctl.processes import world_of_environment
from tests.settings import settings

# Adam's eps is large, since it would give a slope that is rounding alone the size of any other.
SMALL = (
    "device=cpu", "device.threads=1", "training.batch_size=16", "training.steps=20", "latent_size=16",
    "optimizer=adam", "optimizer.lr=0.0002", "optimizer.betas=[0.5,0.999]", "optimizer.eps=0.001",
    "training.ema_half_life_kimg=0.1", "scheduler=constant", "training.flip=true", "training.shift=2",
)  # fmt: skip
DCGAN = (
    "generator=dcgan", "discriminator=dcgan", "generator.width=4", "generator.max_width=8", "discriminator.width=4",
    "discriminator.max_width=8",
)  # fmt: skip
CASES = {
    "penalties and what is remembered": (
        *SMALL, "generator=mlp", "discriminator=strided_cnn", "discriminator.batch_norm=false",
        "discriminator.dropout=0.2", "discriminator.minibatch_kernels=4", "conditional=true", "training.accumulate=2",
        "training.clip_norm=1.0", "augment=ada", "augment.ada.target=-0.9", "augment.ada.speed_kimg=0.3",
        "augment.ada.policy=[colour,flip,rotation,translation,scale,cutout]",
        "regularizer=[gradient_penalty,instance_noise,lecam,mode_seeking,energy_distance]",
    ),
    "batch norm": (
        *SMALL, *DCGAN, "discriminator.batch_norm=true", "regularizer=[r1]", "term=[feature_matching]",
        "training.discriminator_steps=2",
    ),
    "methods": (
        *SMALL, *DCGAN, "discriminator.batch_norm=false", "regularizer=[dragan,consistency,top_k,weight_clipping]",
        "regularizer.top_k.epoch_kimg=0.016", "regularizer.top_k.decay=0.95", "regularizer.weight_clipping.limit=0.2",
        "training.discriminator_steps=2", "training.accumulate=2", "discriminator.initialisation=he",
        "discriminator.minibatch_deviation=true",
    ),
    "codes": (
        *SMALL, *DCGAN, "task=codes", "generator=infogan", "discriminator=infogan", "discriminator.hidden=8",
        "regularizer=[mutual_information]",
    ),
}  # fmt: skip


def trained(case: str, world: World = ALONE) -> dict[str, Any]:
    """The state after the last step; in the first process with that step's log."""
    session = Session(settings(*CASES[case]), world=world)
    session.read(lambda what, done, total: None)
    if world.rank:
        session.follow(build.judge(session.config, session.device, lambda *progress: None, session.spec))
        return session.state.state_dict()
    *_, log = session.steps()
    session.order(END)
    return {**session.state.state_dict(), "log": {name: float(value) for name, value in log.items()}}


def main(folder: Path) -> None:
    world = world_of_environment()
    collective.join(world)
    for case in CASES:
        torch.save(trained(case, world), folder / f"{case} {world.rank}.pt")
    collective.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
