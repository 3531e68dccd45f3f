"""A difference in place of the gradient: that it means the same, for networks and critics of every kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganctl.contract import Critic, Verdict
from ganctl.gradient import squared_difference, squared_slope
from ganctl.regularizer import R1, R2

STEP = 0.01
SHAPE = (2, 4, 6)


def verdict(critic: Critic, images: Tensor) -> Verdict:
    images = images.clone().requires_grad_()
    return Verdict(images, {}, critic(images))


def linear(weight: Tensor) -> Critic:
    return lambda images, **shown: (images * weight).sum((1, 2, 3))


def convolutional() -> Critic:
    """A network of two layers whose gradient depends on the image."""
    layers = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(6 * 24, 1))
    return lambda images, **shown: layers(images).squeeze(1)


def test_of_a_linear_critic_it_is_the_squared_length_of_the_weight_in_expectation_and_scatters_by_root_two():
    torch.manual_seed(0)
    weight = torch.randn(SHAPE)
    critic = linear(weight)
    found = squared_difference(verdict(critic, torch.zeros(20_000, *SHAPE)), critic, STEP).detach()
    length = weight.square().sum()
    assert float(found.mean() / length) == pytest.approx(1, abs=0.05)
    assert float(found.std() / length) == pytest.approx(2**0.5, abs=0.1)


def test_of_a_small_network_it_is_the_squared_gradient_of_each_image_in_expectation():
    torch.manual_seed(0)
    critic = convolutional()
    images = torch.randn(3, *SHAPE)
    exact = squared_slope(verdict(critic, images), critic, 0.0)
    found = squared_slope(verdict(critic, images.repeat(8000, 1, 1, 1)), critic, STEP).view(8000, 3).mean(0)
    assert exact.max() > 1.2 * exact.min(), "images differ"
    torch.testing.assert_close(found, exact, rtol=0.08, atol=0)


def test_its_slope_by_the_weight_is_that_of_the_exact_penalty_in_expectation():
    torch.manual_seed(0)
    weight = torch.randn(SHAPE, requires_grad=True)
    critic, images = linear(weight), torch.zeros(20_000, *SHAPE)
    real, fake = verdict(critic, images), verdict(critic, images)
    for kind in (R1, R2):
        term = kind(weight=3.0, finite_step=STEP).discriminator_penalty(real, fake, critic)
        (slope,) = torch.autograd.grad(term.mean(), weight, retain_graph=True)
        assert (slope - 3 * weight).norm().item() < 0.15 * 3 * weight.norm().item()


def test_of_patches_the_sum_is_meant_as_with_the_gradient():
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 1, 3)
    images = torch.zeros(20_000, *SHAPE)
    exact = squared_slope(verdict(layer, images[:1]), layer, 0.0).detach()
    found = squared_slope(verdict(layer, images), layer, STEP).detach()
    assert found.shape == (20_000,)
    assert float(found.mean() / exact) == pytest.approx(1, abs=0.05)


def test_a_critic_that_draws_judges_both_images_with_the_same_draws():
    torch.manual_seed(0)
    weight, calls = torch.randn(SHAPE), []

    def drawing(images: Tensor, **shown: Tensor) -> Tensor:
        calls.append(len(images))
        return linear(weight)(images + torch.randn_like(images)) * torch.rand(len(images))

    found = squared_difference(verdict(drawing, torch.zeros(500, *SHAPE)), drawing, STEP).detach()
    assert calls == [500] * 3
    assert found.mean() < 2 * weight.square().sum(), "and not a difference of draws over a small step"


def test_a_critic_that_draws_nothing_is_asked_once_more_only():
    torch.manual_seed(0)
    calls, weight = [], torch.randn(SHAPE)

    def counting(images: Tensor, **shown: Tensor) -> Tensor:
        calls.append(images)
        return linear(weight)(images)

    real = verdict(counting, torch.zeros(5, *SHAPE))
    assert not R1(finite_step=STEP).needs_image_gradient and R1().needs_image_gradient
    R1(finite_step=STEP).discriminator_penalty(real, real, counting)
    assert len(calls) == 2
    assert float(calls[1].std()) == pytest.approx(STEP, rel=0.2)


def test_under_autocast_the_difference_is_still_that_of_float32():
    torch.manual_seed(0)
    critic, images = convolutional(), torch.randn(5, *SHAPE)
    torch.manual_seed(1)
    exact = squared_difference(verdict(critic, images), critic, STEP)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        found = squared_difference(verdict(critic, images), critic, STEP)
    torch.testing.assert_close(found, exact)
