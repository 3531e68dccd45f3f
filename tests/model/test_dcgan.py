"""The DCGAN family: its sizes, parameters and options."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from ganctl.contract import ArgumentError
from ganctl.model.geometry import DOUBLING_SIZES


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_every_legal_size_is_made_and_judged(build):
    for size, channels in product(DOUBLING_SIZES, (1, 3)):
        with torch.device("meta"):
            generator = build("generator", "dcgan", size, channels)
            discriminator = build("discriminator", "dcgan", size, channels)
            images = generator(torch.empty(2, 100), torch.zeros(2, dtype=torch.int64))
            logits = discriminator(images, torch.zeros(2, dtype=torch.int64))
        assert images.shape == (2, channels, size, size)
        assert logits.shape == (2,)


def test_parameters_at_28_pixels_are_those_of_two_levels(build):
    generator, discriminator = build("generator", "dcgan"), build("discriminator", "dcgan")
    projection, bn = 100 * 128 * 7 * 7, 2 * (128 + 64)
    assert parameters_of(generator) == projection + bn + 128 * 64 * 16 + 64 * 16 + 1 == 759_681
    convolutions = 64 * 16 + 64 + 64 * 128 * 16
    assert parameters_of(discriminator) == convolutions + 2 * 128 + 128 * 7 * 7 + 1 == 138_689


def test_at_64_pixels_the_widths_are_the_papers_halved(build):
    generator = build("generator", "dcgan", 64, 3, width=128, max_width=1024)
    widths = [layer.in_channels for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert widths == [1024, 512, 256, 128]


def test_max_width_caps_every_layer(build):
    discriminator = build("discriminator", "dcgan", 64, width=16, max_width=48)
    widths = [layer.out_channels for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert widths == [16, 32, 48, 48]


def test_an_impossible_size_is_refused_by_the_network_too(build):
    for kind in ("generator", "discriminator"):
        with pytest.raises(ValueError, match=r"^image_shape=\(1, 30, 30\): "):
            build(kind, "dcgan", 30)


def test_without_batch_norm_the_discriminator_judges_each_image_alone(build):
    discriminator = build("discriminator", "dcgan", batch_norm=False)
    images, labels = torch.randn(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())
    assert all(layer.bias is not None for layer in discriminator.modules() if isinstance(layer, nn.Conv2d))
    torch.testing.assert_close(discriminator(images, labels)[:1], discriminator(images[:1], labels[:1]))


def test_batch_norm_stands_neither_at_the_generators_output_nor_at_the_discriminators_input(build):
    *_, last, _ = build("generator", "dcgan").layers
    assert isinstance(last, nn.ConvTranspose2d)
    assert last.bias is not None
    first, second, *_ = build("discriminator", "dcgan").layers
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.LeakyReLU)


def test_extra_layers_deepen_both_networks_at_the_smallest_size(build):
    generator = build("generator", "dcgan", 28, width=32, extra_layers=1)
    discriminator = build("discriminator", "dcgan", 28, width=32, extra_layers=1)
    images = generator(torch.randn(2, 100), torch.zeros(2).long())
    assert images.shape == (2, 1, 28, 28) and discriminator(images, torch.zeros(2).long()).shape == (2,)
    added = [
        layer
        for network in (generator, discriminator)
        for layer in network.layers
        if repr(layer).find("kernel_size=(3, 3)") > 0
    ]
    assert [(layer.in_channels, layer.out_channels, layer.stride) for layer in added] == [
        (128, 64, (1, 1)),
        (64, 128, (1, 1)),
    ]


def test_a_pack_is_judged_as_one_image_with_the_channels_of_all(build):
    packing = build("discriminator", "dcgan", 32, 3, batch_norm=False, pack=2)
    alone = build("discriminator", "dcgan", 32, 6, batch_norm=False)
    alone.load_state_dict(packing.state_dict())
    images, labels = torch.randn(6, 3, 32, 32), torch.zeros(6, dtype=torch.int64)
    logits = packing(images, labels)
    assert logits.shape == (3,) and packing(images, labels, features=True).shape[0] == 3
    torch.testing.assert_close(logits[1:2], alone(torch.cat([images[2:3], images[3:4]], dim=1), labels[:1]))


def test_packs_of_labelled_images_are_refused(build):
    with pytest.raises(ArgumentError, match=r"^pack=2: a pack has the labels .*; try pack=1$"):
        build("discriminator", "dcgan", num_classes=10, pack=2)
