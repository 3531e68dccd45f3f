"""The striding discriminator: the shapes between its layers and exact parameters."""

from __future__ import annotations

import torch
from torch import nn


def test_28_pixels_become_14_then_7_then_6272_features(build):
    discriminator = build("discriminator", "strided_cnn")
    images, shapes = torch.randn(2, 1, 28, 28), []
    for layer in discriminator.layers:
        images = layer(images)
        shapes.append((type(layer).__name__, *images.shape[1:]))
    assert shapes == [
        ("Conv2d", 64, 14, 14),
        ("LeakyReLU", 64, 14, 14),
        ("Conv2d", 128, 7, 7),
        ("BatchNorm2d", 128, 7, 7),
        ("LeakyReLU", 128, 7, 7),
        ("Flatten", 6272),
    ]


def test_parameters_are_those_of_two_convolutions_and_a_logit(build):
    discriminator = build("discriminator", "strided_cnn")
    layers = [layer for layer in discriminator.modules() if list(layer.parameters(recurse=False))]
    counts = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    assert counts == [64 * 9 + 64, 64 * 128 * 9, 2 * 128, 6272 + 1]


def test_the_slope_is_a_fifth(build):
    slopes = [m.negative_slope for m in build("discriminator", "strided_cnn").modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2]
