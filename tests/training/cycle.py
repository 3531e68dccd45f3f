"""A game of two generators and two discriminators (Zhu et al. 2017, arXiv:1703.10593), as a test of the seam.

Nothing of it stands in the loop, the state or the step of the other game.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganctl.contract import Batch, Memory
from ganctl.training.device import Device
from ganctl.training.ema import update_average
from ganctl.training.game import Log, descent
from ganctl.training.state import TrainState


class Pool:
    """The last images that a generator made: the discriminator sees one of them now and then (section 4)."""

    def __init__(self, size: int) -> None:
        self.size, self.images = size, torch.empty(0)

    def swap(self, images: Tensor) -> Tensor:
        """Puts `images` in, once it is full in the place of others, which come out instead with probability 1/2."""
        if len(self.images) < self.size:
            self.images = torch.cat([self.images.to(images), images])[: self.size]
            return images
        places = torch.randperm(self.size)[: len(images)]
        old = self.images[places]
        swapped = torch.rand(len(images)) < 0.5
        self.images[places[swapped]] = images[swapped]
        return torch.where(swapped[:, None, None, None], old, images)

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        self.images = content["images"].clone()


@dataclass(frozen=True)
class Cycle:
    """G: source -> image, F: image -> source; least squares, and the way there and back must lead home."""

    weight: float = 10.0
    pool_size: int = 10

    networks: ClassVar = {"G": "generator", "F": "generator", "D_image": "discriminator", "D_source": "discriminator"}
    sides: ClassVar = {"generator": ("G", "F"), "discriminator": ("D_image", "D_source")}
    averaged: ClassVar = ("G", "F")
    batches_per_step: ClassVar = 1

    def memories(self) -> dict[str, Memory]:
        return {"images": Pool(self.pool_size), "sources": Pool(self.pool_size)}

    def step(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        G, F, D_image, D_source = (state.networks[name] for name in self.networks)
        ((y, _, x),) = batches
        for D in (D_image, D_source):
            D.requires_grad_(False)
        with descent(state.optimizers["generator"]) as add:
            there, back = G(x), F(y)
            adversarial = (D_image(there) - 1).square().mean() + (D_source(back) - 1).square().mean()
            cycle = (F(there) - x).abs().mean() + (G(back) - y).abs().mean()
            add(adversarial + self.weight * cycle)
        for D in (D_image, D_source):
            D.requires_grad_(True)
        with descent(state.optimizers["discriminator"]) as add:
            losses = []
            for D, real, fake, pool in ((D_image, y, there, "images"), (D_source, x, back, "sources")):
                old = state.memories[pool].swap(fake.detach())
                losses.append(((D(real) - 1).square().mean() + D(old).square().mean()) / 2)
            add(sum(losses))
        for name in self.averaged:
            update_average(state.averages[name], state.networks[name], 100, 0.5, len(x), state.step)
        return {"g_loss": adversarial.detach(), "cycle": cycle.detach(), "d_loss": sum(losses).detach()}
