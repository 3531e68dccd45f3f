"""The pooling discriminator: the shapes between its layers and exact parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn


def shapes_inside(layers: nn.Sequential, images: torch.Tensor) -> list[tuple[int, ...]]:
    shapes = []
    for layer in layers:
        images = layer(images)
        if not isinstance(layer, nn.LeakyReLU):
            shapes.append(tuple(images.shape[1:]))
    return shapes


def test_28_pixels_become_14_then_7_then_3136_features_then_128(build):
    discriminator = build("discriminator", "cnn")
    shapes = shapes_inside(discriminator.layers, torch.randn(2, 1, 28, 28))
    assert shapes == [(64, 14, 14), (64, 7, 7), (3136,), (128,)]
    assert discriminator(torch.randn(2, 1, 28, 28), torch.zeros(2, dtype=torch.int64)).shape == (2,)


def test_parameters_are_640_and_401_536_and_129(build):
    discriminator = build("discriminator", "cnn")
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [sum(p.numel() for p in layer.parameters()) for layer in layers] == [640, 401_536, 129]


@pytest.mark.parametrize("name", ["cnn", "strided_cnn"])
def test_a_side_that_is_no_multiple_of_four_is_refused(build, name):
    with pytest.raises(ValueError, match=r"^image_shape=\(1, 30, 30\): "):
        build("discriminator", name, 30)


@pytest.mark.parametrize("name", ["cnn", "strided_cnn"])
def test_oblong_images_are_judged(build, name):
    logits = build("discriminator", name, (28, 36), 3)(torch.randn(4, 3, 28, 36), torch.zeros(4, dtype=torch.int64))
    assert logits.shape == (4,)
