"""A generator without an adversary: what the terms of its loss alone make of it, to compare with or to begin from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ganctl.contract import (
    ArgumentError,
    Batch,
    GeneratorPenalty,
    Sample,
)
from ganctl.training.device import Device
from ganctl.training.game import Log, Settings, Way, descent
from ganctl.training.state import TrainState


@dataclass(frozen=True)
class Content(Settings):
    """One network descends the sum of its regularizers and terms; `loss` and the discriminator take no part.

    It gives the line that an adversary has to beat (Isola et al. 2017, arXiv:1611.07004, table 1, "L1"), and the warm
    start of super-resolution (Ledig et al. 2017, arXiv:1609.04802, section 3.2), for `start=RUN`.

    Raises:
        ValueError: there is nothing to descend, a part that asks a discriminator, or a setting of the other game that
            this one does not know.
    """

    networks: ClassVar = {"generator": "generator"}
    sides: ClassVar = {"generator": ("generator",)}
    averaged: ClassVar = ("generator",)
    batches_per_step: ClassVar = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(isinstance(each, GeneratorPenalty) for each in self.regularizers.values()):
            raise ValueError("game=content: has nothing to descend; add term=[l1]")
        if self.accumulate != 1:
            raise ArgumentError("training.accumulate", self.accumulate, "game=content does not know it", 1)

    def learn(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """One update. The log has `g_penalty`, the sum of the terms."""
        (real,) = batches
        G, given = state.networks["generator"], self.task.given(real)
        with descent(state.optimizers["generator"], self.clip_norm) as add:
            with device.autocast():
                fake = Sample(given, G(**given).float())
                penalty = Way(fake, real, G).penalties(self.due(state.step).values())
            add(penalty)
        return {"g_penalty": penalty.detach()}
