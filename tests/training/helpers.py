"""A tiny game whose every part is visible: two linear networks on 2x2 images."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor, nn

from ganctl.contract import DataSpec, ImageStore
from ganctl.training.device import Device
from ganctl.training.feed import Feed
from ganctl.training.game import Game
from ganctl.training.state import TrainState

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
    return ImageStore(DataSpec("tiny", SHAPE, 3), pixels, labels, content_hash="0")


def game(**changes) -> Game:
    settings = {"loss": Logistic(), "regularizers": (), "latent_size": 3, "seed": 5, "batch_size": 6}
    return Game(**{**settings, **changes})


def feed(flip: bool = True) -> Feed:
    return Feed(store(), CPU, batch_size=6, seed=5, flip=flip)


def state(learning_rate: float = 0.01) -> TrainState:
    torch.manual_seed(1)
    generator, discriminator = Generator(), Discriminator()
    optimizers = [torch.optim.Adam(network.parameters(), learning_rate) for network in (generator, discriminator)]
    for optimizer in optimizers:
        optimizer.param_groups[0]["base_lr"] = learning_rate
    return TrainState.begin(generator, discriminator, *optimizers)
