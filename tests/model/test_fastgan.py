"""FastGAN's generator: where excitation reaches, and what the latents' length means."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ganctl.model.fastgan import EnlargingConv2d, Excitation, Gate


@pytest.mark.parametrize(
    ("size", "reached"), [(32, []), (64, ["4"]), (128, ["4", "5"]), (256, ["4", "5", "6"]), (96, ["4"])]
)
def test_a_map_is_weighed_by_the_one_a_sixteenth_its_size(build, size: int, reached: list[str]) -> None:
    assert list(build("generator", "fastgan", size, 3).excitations) == reached
    assert not build("generator", "fastgan", size, 3, excitation=False).excitations


def test_its_size_at_64_pixels(build) -> None:
    network = build("generator", "fastgan", 64, 3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_325_651


def test_only_the_direction_of_the_latents_counts(build) -> None:
    network, labels = build("generator", "fastgan", 32, 3).eval(), torch.zeros(2, dtype=torch.int64)
    latents = torch.randn(2, 100)
    torch.testing.assert_close(network(latents, labels), network(3 * latents, labels))


def test_excitation_is_a_gate_for_each_channel() -> None:
    weights = Excitation(6, 5)(torch.randn(2, 6, 4, 7))
    assert weights.shape == (2, 5, 1, 1) and weights.min() > 0 and weights.max() < 1


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 2)])
def test_the_enlarging_convolution_is_nearest_upsampling_and_a_convolution(size: tuple[int, int], repeat: bool) -> None:
    layer = EnlargingConv2d(3, 5, 3, 1, 1, repeat=repeat).double()
    maps = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    plain = functional.conv2d(functional.interpolate(maps, scale_factor=2.0), layer.weight, layer.bias, padding=1)
    direction, wanted = torch.randn_like(plain), [maps, layer.weight]
    torch.testing.assert_close(layer(maps), plain)
    for ours, theirs in zip(
        torch.autograd.grad(layer(maps), wanted, direction), torch.autograd.grad(plain, wanted, direction), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_an_enlarging_convolution_keeps_what_a_convolution_keeps() -> None:
    assert EnlargingConv2d(3, 5, 3, 1, 1).state_dict().keys() == torch.nn.Conv2d(3, 5, 3, 1, 1).state_dict().keys()


def test_the_gate_is_torchs_and_keeps_the_memory_format_of_gradients() -> None:
    maps = torch.randn(2, 6, 4, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    gated = Gate()(maps)
    torch.testing.assert_close(gated, functional.glu(maps, dim=1))
    (gradient,) = torch.autograd.grad(gated, maps, torch.ones_like(gated))
    assert gradient.is_contiguous(memory_format=torch.channels_last)
