"""Walks through what a generator draws."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganctl import build
from ganctl.command.trained import Trained
from ganctl.contract import DataSpec, Placing
from ganctl.record.image_grid import latent_loop
from ganctl.training.device import Device
from tests.settings import SMALL, settings

SPEC = DataSpec("bare", (1, 28, 28), None)
LABELS = torch.zeros(3, dtype=torch.int64)


def trained(network: nn.Module) -> Trained:
    config = {"latent_size": 16}
    device = Device(torch.device("cpu"))
    return Trained(network.eval(), Path("x.pt"), 1, config, SPEC, None, [], "ema", device)


def generator(*words: str) -> nn.Module:
    torch.manual_seed(0)
    return build.generator(settings(*SMALL, "generator.initialisation=he", *words), SPEC)


def largest_step(frames: list[Tensor]) -> float:
    return max(float((a - b).abs().mean()) for a, b in pairwise(frames))


class Painter(nn.Module):
    """A generator of one piece."""

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return latents.tanh().view(-1, 1, 4, 4)


@pytest.mark.parametrize("mixture", [20, 0, None])
def test_a_walk_passes_through_what_its_stops_draw(mixture: int | None):
    subject = trained(Painter() if mixture is None else generator(f"generator.mixture={mixture}"))
    stops = torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))
    frames = list(subject.walk(stops, LABELS, 5))
    assert len(frames) == 20
    for number, stop in enumerate(stops):
        torch.testing.assert_close(frames[5 * number], subject.draw(stop, LABELS))


def test_a_walk_does_not_jump_from_one_component_of_a_mixture_to_another():
    subject = trained(generator("generator.mixture=20"))
    assert isinstance(subject.network, Placing)
    stops = torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))
    smooth = largest_step(list(subject.walk(stops, LABELS, 40)))
    jumping = largest_step([subject.draw(frame, LABELS) for frame in latent_loop(stops, 40)])
    assert smooth < jumping / 2
