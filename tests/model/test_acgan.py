"""AC-GAN's discriminator: the layers of its paper's table, and a second head that says the class."""

from __future__ import annotations

import pytest
import torch
from torch import nn

LABELS = torch.zeros(4, dtype=torch.int64)


def test_it_has_the_layers_and_the_parameters_of_the_papers_second_table(build):
    network = build("discriminator", "acgan", 32, 3, num_classes=10)
    layers = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
    assert [(layer.out_channels, layer.kernel_size, layer.stride) for layer in layers] == [
        (16, (3, 3), (2, 2)),
        (32, (3, 3), (1, 1)),
        (64, (3, 3), (2, 2)),
        (128, (3, 3), (1, 1)),
        (256, (3, 3), (2, 2)),
        (512, (3, 3), (1, 1)),
    ]
    assert network.head.out_features == 11
    convolutions = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 16
    batch_norms, linear = 2 * (32 + 64 + 128 + 256 + 512), (512 * 4 * 4 + 1) * 11
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + batch_norms + linear
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.5] * 6


@pytest.mark.parametrize("size", [28, 32, 64, (28, 45)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_logit_and_one_of_each_class_are_said_of_the_same_features(build, size, channels):
    network = build("discriminator", "acgan", size, channels, num_classes=7, width=4).eval()
    images = torch.randn(4, channels, *((size, size) if isinstance(size, int) else size))
    logits, classes = network(images, LABELS), network(images, LABELS, classes=True)
    assert logits.shape == (4,) and classes.shape == (4, 7)
    assert torch.equal(torch.cat([logits[:, None], classes], 1), network.head(network.layers(images)))


def test_it_is_not_told_the_class_that_it_has_to_say(build):
    network = build("discriminator", "acgan", num_classes=3, width=4).eval()
    images = torch.randn(4, 1, 28, 28)
    for said in ({}, {"classes": True}):
        assert torch.equal(network(images, LABELS, **said), network(images, LABELS + 2, **said))
