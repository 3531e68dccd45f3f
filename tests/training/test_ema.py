"""Averages by a power function: their profile, and its width."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganctl.training.ema import power_of, update_power_average


def profile(length: float, steps: int) -> torch.Tensor:
    """The weight of each step in the average after all: of a network that is the unit vector e_t after step t."""
    average, network = nn.Linear(steps, 1, bias=False), nn.Linear(steps, 1, bias=False)
    for step in range(steps):
        network.weight.data = nn.functional.one_hot(torch.tensor([step]), steps).float()
        update_power_average(average, network, length, step)
    return average.weight.detach()[0]


def test_the_power_is_that_of_the_papers_lengths():
    assert power_of(0.05) == pytest.approx(16.97, abs=0.005)
    assert power_of(0.10) == pytest.approx(6.94, abs=0.005)
    for length in (0.01, 0.15, 0.28):
        gamma = power_of(length)
        assert gamma >= 0
        assert ((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))) ** 0.5 == pytest.approx(length)


@pytest.mark.parametrize("length", [0.05, 0.2])
def test_the_weights_of_steps_follow_the_power_and_are_as_wide_as_asked_for(length):
    steps = 400
    weights, power = profile(length, steps), power_of(length) + 1
    ends = torch.arange(steps + 1) / steps
    torch.testing.assert_close(weights, ends[1:] ** power - ends[:-1] ** power, atol=1e-5, rtol=1e-3)
    times = (torch.arange(steps) + 0.5) / steps
    mean = (weights * times).sum()
    assert ((weights * (times - mean).square()).sum() ** 0.5).item() == pytest.approx(length, rel=0.01)


def test_nothing_is_left_of_the_start():
    average, network = nn.Linear(2, 2), nn.Linear(2, 2)
    update_power_average(average, network, 0.2, 0)
    assert torch.equal(average.weight, network.weight)
