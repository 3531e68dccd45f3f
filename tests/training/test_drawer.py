"""Walks through what a generator draws, and the circles that they lead along."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from ganctl import build
from ganctl.contract import DataSpec, Placing
from ganctl.task import Noise
from ganctl.training.device import Device
from ganctl.training.drawer import Drawer, latent_loop, slerp
from tests.settings import SMALL, settings

SPEC = DataSpec("bare", (1, 28, 28), None)
LABELS = torch.zeros(3, dtype=torch.int64)


def drawer(network: nn.Module) -> Drawer:
    return Drawer(network.eval(), Noise(SPEC, 16), Device(torch.device("cpu")))


def generator(*words: str) -> nn.Module:
    torch.manual_seed(0)
    return build.network(settings(*SMALL, "generator.initialisation=he", *words), "generator", Noise(SPEC, 16))


def largest_step(frames: list[Tensor]) -> float:
    return max(float((a - b).abs().mean()) for a, b in pairwise(frames))


class Painter(nn.Module):
    """A generator of one piece."""

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return latents.tanh().view(-1, 1, 4, 4)


@pytest.mark.parametrize("mixture", [20, 0, None])
def test_a_walk_passes_through_what_its_stops_draw(mixture: int | None):
    subject = drawer(Painter() if mixture is None else generator(f"generator.mixture={mixture}"))
    stops = torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))
    frames = list(subject.walk(stops, LABELS, 5))
    assert len(frames) == 20
    for number, stop in enumerate(stops):
        torch.testing.assert_close(frames[5 * number], subject.draw({"latents": stop, "labels": LABELS}))


def test_a_walk_does_not_jump_from_one_component_of_a_mixture_to_another():
    subject = drawer(generator("generator.mixture=20"))
    assert isinstance(subject.network, Placing)
    stops = torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))
    smooth = largest_step(list(subject.walk(stops, LABELS, 40)))
    jumping = largest_step([subject.draw({"latents": frame, "labels": LABELS}) for frame in latent_loop(stops, 40)])
    assert smooth < jumping / 2


def test_slerp_follows_the_circle_between_two_vectors():
    quarter = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    assert torch.allclose(quarter, torch.tensor([[2, 0], [2**0.5, 2**0.5], [0, 2]]))


def test_slerp_keeps_a_gaussian_s_norm_where_a_line_would_cut_short():
    torch.manual_seed(0)
    start, end = torch.randn(2, 5, 100)
    path = slerp(start, end, 9)
    assert path.shape == (9, 5, 100) and path.dtype == torch.float32
    assert torch.equal(path[0], start) and torch.equal(path[-1], end)
    norms = path.norm(dim=-1)
    assert (norms > 0.95 * torch.minimum(norms[0], norms[-1])).all()
    assert ((start + end).div(2).norm(dim=-1) < 0.9 * torch.minimum(norms[0], norms[-1])).all()


@pytest.mark.parametrize("end", [[1.0, 0.0], [3.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_slerp_takes_the_line_where_there_is_no_circle(end):
    path = slerp(torch.tensor([1.0, 0.0]), torch.tensor(end), 5)
    assert torch.allclose(path[:, 0], torch.linspace(1, end[0], 5)) and (path[:, 1] == 0).all()


def test_a_latent_loop_visits_every_stop_and_closes_without_a_doubled_frame():
    torch.manual_seed(1)
    stops = torch.randn(3, 2, 16)
    walk = latent_loop(stops, 10)
    assert walk.shape == (30, 2, 16)
    assert torch.equal(walk[::10], stops)
    jumps = (walk - walk.roll(1, dims=0)).norm(dim=-1)
    assert jumps.min() > 0 and jumps.max() < 1.0
