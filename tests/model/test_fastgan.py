"""FastGAN's generator: where excitation reaches, and what the latents' length means."""

from __future__ import annotations

import pytest
import torch

from ganctl.model.fastgan import Excitation


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
