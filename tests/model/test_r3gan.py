"""R3GAN's networks: the sizes of its authors' presets, their way of drawing weights, their resampling."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganctl.contract import ArgumentError
from ganctl.model.geometry import DOUBLING_SIZES
from ganctl.model.r3gan import Block, Resampling

LABELS = torch.arange(4) % 3
PRESETS = [
    (32, 768, None, 20_732_160, 20_683_776),  # CIFAR10
    (32, 768, 10, 20_781_952, 21_280_512),  # CIFAR10 with --cond=1
    (64, 384, None, 22_429_824, 22_381_440),  # FFHQ-64
    (256, 96, None, 23_057_952, 23_009_568),  # FFHQ-256
]
"""Size, our width and classes for presets of the authors' train.py, and the parameters that their classes have then."""


@pytest.mark.parametrize(("size", "width", "num_classes", "of_generator", "of_discriminator"), PRESETS)
def test_the_authors_widths_have_as_many_parameters_as_theirs(
    build, size, width, num_classes, of_generator, of_discriminator
):
    options = {"width": width, "max_width": 768, "num_classes": num_classes}
    with torch.device("meta"):
        generator = build("generator", "r3gan", size, 3, latent_size=64, **options)
        discriminator = build("discriminator", "r3gan", size, 3, **options)
    count = [sum(parameter.numel() for parameter in network.parameters()) for network in (generator, discriminator)]
    assert count == [of_generator, of_discriminator]


def test_every_legal_size_is_made_and_judged(build):
    for size in DOUBLING_SIZES:
        with torch.device("meta"):
            images = build("generator", "r3gan", size, 3)(torch.empty(2, 100), torch.zeros(2, dtype=torch.int64))
            logits = build("discriminator", "r3gan", size, 3)(images, torch.zeros(2, dtype=torch.int64))
        assert images.shape == (2, 3, size, size) and logits.shape == (2,)


def test_weights_are_drawn_for_all_blocks_together_and_each_block_begins_as_the_identity(build):
    network = build("generator", "r3gan", 32, 3, width=64, max_width=64)
    blocks = [layer for layer in network.modules() if isinstance(layer, Block)]
    assert len(blocks) == 8, "two a stage, at 4, 8, 16 and 32 pixels"
    gain = math.sqrt(2 / 1.04) * 8**-0.25
    for inputs, layers in ((64, 0), (16 * 9, 2)):
        weights = torch.stack([block.layers[layers].weight.flatten() for block in blocks])
        assert float(weights.detach().std()) == pytest.approx(gain / math.sqrt(inputs), rel=0.02)
    assert {block.layers[2].groups for block in blocks} == {8}, "128 channels in groups of 16"
    maps = torch.randn(2, 64, 5, 5)
    assert all(torch.equal(block(maps), maps) for block in blocks)


def test_the_basis_is_of_the_first_pixels_and_each_map_is_weighed_by_the_latents(build):
    network = build("generator", "r3gan", 28, 1).eval()
    assert network.basis.shape == (64, 7, 7)
    latents = torch.randn(3, 100)
    torch.testing.assert_close(network(2e-3 * latents, LABELS[:3]), 2 * network(1e-3 * latents, LABELS[:3]))


def test_resampling_is_the_convolution_with_one_two_one_after_doubling_and_before_halving():
    maps = torch.randn(2, 3, 6, 8)
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = torch.outer(taps, taps).repeat(3, 1, 1, 1)
    doubled = F.conv2d(F.interpolate(maps, scale_factor=2), kernel, padding=1, groups=3)
    torch.testing.assert_close(Resampling(3, up=True)(maps), doubled)
    halved = F.avg_pool2d(F.conv2d(maps, kernel, padding=1, groups=3), 2)
    torch.testing.assert_close(Resampling(3, up=False)(maps), halved)


def test_images_are_kept_in_range_by_clamping_and_only_when_not_training(build):
    network, latents = build("generator", "r3gan", 28, 1), torch.randn(4, 100) * 30
    free, kept = network(latents, LABELS), network.eval()(latents, LABELS)
    assert free.abs().max() > 1
    assert torch.equal(kept, free.clamp(-1, 1))


def test_a_class_enters_the_logit_by_an_inner_product_alone(build):
    network = build("discriminator", "r3gan", 28, 1, num_classes=3)
    images = torch.randn(4, 1, 28, 28)
    network.classes.weight.data[2] = 2 * network.classes.weight.data[1]
    one, other = network(images, LABELS * 0 + 1), network(images, LABELS * 0 + 2)
    torch.testing.assert_close(other, 2 * one)
    assert network.linear.weight.shape == (64, 64) and network.linear.bias is None


def test_class_vectors_are_drawn_as_a_linear_layer_of_one_hot_labels_would_be(build):
    generator = build("generator", "r3gan", 28, 1, num_classes=400)
    discriminator = build("discriminator", "r3gan", 28, 1, num_classes=400)
    assert float(generator.latents.classes.weight.detach().std()) == pytest.approx(1 / 20, rel=0.05)
    assert float(discriminator.classes.weight.detach().std()) == pytest.approx(1 / 20 / 8, rel=0.05)


def test_each_image_is_judged_alone_and_nothing_is_normalised(build):
    network, images = build("discriminator", "r3gan", 28, 1), torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(network(images, LABELS)[:1], network(images[:1], LABELS[:1]))
    assert not any(isinstance(layer, nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm) for layer in network.modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 12}, "width=12: 2 times 12 channels make no whole groups of 16; try width=8"),
        (
            {"width": 8, "max_width": 20},
            "max_width=20: 2 times 20 channels make no whole groups of 16; try max_width=16",
        ),
    ],
)
def test_channels_that_make_no_whole_groups_are_refused_with_a_number_that_does(build, options, message):
    for kind in ("generator", "discriminator"):
        with pytest.raises(ArgumentError, match=f"^{message}$"):
            build(kind, "r3gan", 32, 3, **options)
