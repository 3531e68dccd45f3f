"""A tiny game whose every part is visible: two linear networks on 2x2 images."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor, nn

from ganctl.contract import DataSpec, ImageStore
from ganctl.task import Noise
from ganctl.training.device import Device
from ganctl.training.feed import Feed
from ganctl.training.game import Game
from ganctl.training.state import TrainState
from ganctl.training.step import Adversarial

CPU = Device(torch.device("cpu"), channels_last=False)
SHAPE = (1, 2, 2)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 4), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return self.body(latents).view(-1, *SHAPE)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.body(images)[:, 0]


class Logistic:
    """The non-saturating loss, spelled out."""

    relativistic = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return nn.functional.softplus(-real) + nn.functional.softplus(fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return nn.functional.softplus(-fake)


def constant(step: int, total_steps: int) -> float:
    return 1.0


def store(num_images: int = 23) -> ImageStore:
    pixels = numpy.random.default_rng(0).integers(0, 256, (num_images, *SHAPE), dtype=numpy.uint8)
    labels = numpy.arange(num_images, dtype=numpy.int64) % 3
    return ImageStore(SPEC, pixels, labels, content_hash="0")


SPEC = DataSpec("tiny", SHAPE, 3)


def game(**changes) -> Adversarial:
    return Adversarial(**{"task": Noise(SPEC, 3), "loss": Logistic(), "batch_size": 6, **changes})


def feed(flip: bool = True) -> Feed:
    return Feed(store(), CPU, batch_size=6, seed=5, flip=flip)


def state(learning_rate: float = 0.01, rules: Game | None = None) -> TrainState:
    torch.manual_seed(1)
    return begin({"generator": Generator(), "discriminator": Discriminator()}, rules or game(), learning_rate)


def begin(networks: dict[str, nn.Module], game: Game, learning_rate: float = 0.01) -> TrainState:
    """The state of `game` before its first step, each side with an Adam of its own."""
    optimizers = {}
    for side, names in game.sides.items():
        parameters = [parameter for name in names for parameter in networks[name].parameters()]
        optimizers[side] = torch.optim.Adam(parameters, learning_rate)
        optimizers[side].param_groups[0]["base_lr"] = learning_rate
    return TrainState.begin(networks, optimizers, averaged=game.averaged, memories=game.memories())
