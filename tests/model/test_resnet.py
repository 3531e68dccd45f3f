"""The residual family: its paper's table, its shortcuts' shortcuts, its sizes."""

from __future__ import annotations

from itertools import product

import torch
from torch import nn
from torch.nn import functional as F

from ganctl.model.geometry import DOUBLING_SIZES
from ganctl.model.resnet import DBlock, GBlock


def test_every_legal_size_is_made_and_judged(build):
    for size, channels in product(DOUBLING_SIZES, (1, 3)):
        with torch.device("meta"):
            generator = build("generator", "resnet", size, channels)
            discriminator = build("discriminator", "resnet", size, channels, spectral_norm=False)
            images = generator(torch.empty(2, 100), torch.zeros(2, dtype=torch.int64))
            logits = discriminator(images, torch.zeros(2, dtype=torch.int64))
        assert images.shape == (2, channels, size, size)
        assert logits.shape == (2,)


def test_at_32_pixels_the_blocks_are_those_of_the_papers_third_table(build):
    with torch.device("meta"):
        generator = build("generator", "resnet", 32, 3, latent_size=128)
        discriminator = build("discriminator", "resnet", 32, 3, spectral_norm=False)
        image, shapes = torch.empty(1, 3, 32, 32), []
        for block in discriminator.layers:
            image = block(image)
            shapes.append((type(block).__name__, *image.shape[1:]))
        latent, made = torch.empty(1, 128), []
        latent = generator.project(latent)
        for block in generator.layers:
            latent = block(latent)
            made.append((type(block).__name__, *latent.shape[1:]))
    assert made[:4] == [
        ("Unflatten", 256, 4, 4),
        ("GBlock", 256, 8, 8),
        ("GBlock", 256, 16, 16),
        ("GBlock", 256, 32, 32),
    ]
    assert made[4:] == [("BatchNorm2d", 256, 32, 32), ("ReLU", 256, 32, 32), ("Conv2d", 3, 32, 32), ("Tanh", 3, 32, 32)]
    assert shapes[:2] == [("DBlock", 128, 16, 16), ("DBlock", 128, 8, 8)]
    assert shapes[2:] == [("DBlock", 128, 8, 8), ("DBlock", 128, 8, 8), ("ReLU", 128, 8, 8)]


def test_the_cheaper_order_of_the_shortcuts_gives_the_papers_values():
    torch.manual_seed(0)
    up, down, images = GBlock(3, 5, 0.0), DBlock(3, 5, 0.0), torch.randn(2, 3, 8, 8)
    convolved = up.shortcut[0](F.interpolate(images, scale_factor=2))
    torch.testing.assert_close(up.shortcut(images), convolved)
    torch.testing.assert_close(down.shortcut(images), F.avg_pool2d(down.shortcut[1](images), 2))


def test_blocks_leave_their_input_as_it_was():
    for block in (GBlock(3, 5, 0.0), DBlock(3, 5, 0.0), DBlock(3, 5, 0.0, first=True)):
        images = torch.randn(2, 3, 8, 8)
        before = images.clone()
        block(images)
        assert torch.equal(images, before)


def test_the_discriminator_sums_over_pixels_and_judges_each_image_alone(build):
    discriminator = build("discriminator", "resnet", width=8).eval()
    images, labels = torch.randn(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64)
    together = discriminator(images, labels)
    torch.testing.assert_close(together[:1], discriminator(images[:1], labels[:1]))
    features = discriminator.layers(images).sum((2, 3))
    torch.testing.assert_close(together, discriminator.head.linear(features).squeeze(1))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())
