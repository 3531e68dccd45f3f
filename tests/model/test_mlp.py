"""The dense generator: exact parameters, range and shapes."""

from __future__ import annotations

import pytest
import torch


def test_layers_have_the_published_parameters(build):
    first, second = (layer for layer in build("generator", "mlp").layers if isinstance(layer, torch.nn.Linear))
    assert [p.numel() for p in first.parameters()] == [12_800, 128]
    assert sum(p.numel() for p in first.parameters()) == 12_928
    assert sum(p.numel() for p in second.parameters()) == 101_136


def test_the_sigmoid_is_mapped_to_the_range_of_pixels(build):
    generator = build("generator", "mlp")
    latents, labels = torch.randn(8, 100), torch.zeros(8, dtype=torch.int64)
    first, second = (layer for layer in generator.layers if isinstance(layer, torch.nn.Linear))
    sigmoid = torch.sigmoid(second(torch.relu(first(latents))))
    torch.testing.assert_close(generator(latents, labels), (2 * sigmoid - 1).view(8, 1, 28, 28))


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (30, 1), ((5, 9), 3)])
def test_any_shape_is_made(build, size, channels):
    images = build("generator", "mlp", size, channels)(torch.randn(2, 100), torch.zeros(2, dtype=torch.int64))
    height, width = (size, size) if isinstance(size, int) else size
    assert images.shape == (2, channels, height, width)
