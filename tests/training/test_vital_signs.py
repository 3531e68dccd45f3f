"""What is measured of a run between its steps, at known gradients and pictures."""

from __future__ import annotations

import pytest
import torch

from ganctl.training.vital_signs import BatchSigns, gradient_norms
from tests.training import helpers


def test_the_norm_of_a_gradient_is_that_of_all_of_a_sides_parameters_together():
    state = helpers.state()
    parameters = list(state.networks["generator"].parameters())
    for parameter in parameters[:2]:
        parameter.grad = torch.full_like(parameter, 2.0)
    count = sum(parameter.numel() for parameter in parameters[:2])
    assert gradient_norms(state) == {
        "gradient_generator": pytest.approx(2 * count**0.5),
        "gradient_discriminator": 0.0,
    }


def test_a_step_leaves_the_gradients_that_it_followed():
    state = helpers.state()
    helpers.game().step(state, helpers.CPU, [helpers.feed().batch(0)])
    assert all(norm > 0 for norm in gradient_norms(state).values())


def test_pictures_are_measured_by_the_side_of_real_ones():
    real = torch.rand(64, 1, 4, 4) * 1.8 - 0.9
    signs = BatchSigns(real)
    assert signs.of(real) == {"out_of_range": 0.0, "variety": pytest.approx(1.0), "saturation": 0.0}
    assert signs.of(real / 2)["variety"] == pytest.approx(0.5)
    assert signs.of(real[:1].expand(64, -1, -1, -1)) == {"out_of_range": 0.0, "variety": 0.0, "saturation": 0.0}
    half = torch.where(torch.arange(16).view(1, 1, 4, 4) < 8, torch.tensor(1.0), real)
    assert signs.of(half)["saturation"] == pytest.approx(0.5)
    assert signs.of(torch.where(half == 1, 1.2, half))["out_of_range"] == 0.5


def test_saturation_is_what_midtones_are_missing_beside_real_pictures_that_are_mostly_black():
    real = torch.full((8, 1, 4, 4), -1.0)
    real[:, :, 0] = torch.linspace(-0.5, 0.5, 32).view(8, 1, 4)
    assert BatchSigns(real).of(real)["saturation"] == 0.0
    assert BatchSigns(real).of(real.sign())["saturation"] == 1.0


def test_what_real_pictures_say_nothing_of_is_not_measured():
    black = torch.full((8, 1, 4, 4), -1.0)
    assert BatchSigns(black).of(torch.zeros(8, 1, 4, 4)) == {"out_of_range": 0.0}
