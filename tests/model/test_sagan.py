"""SAGAN's networks: as many parameters as its authors', attention where it was asked for, spectral norm in both."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganctl.contract import ArgumentError
from ganctl.model.attention import SelfAttention
from ganctl.model.sagan import GBlock

LABELS = torch.arange(6) % 3


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("size", "options", "num_classes", "of_generator", "of_discriminator"),
    [
        (128, {"width": 64, "max_width": 1024, "attention": 32}, 1000, 42_078_852, 39_463_618),
        (32, {"width": 256, "max_width": 256, "attention": 0}, 10, 4_304_387, 4_207_361),
    ],
    ids=["ImageNet", "CIFAR-10"],
)
def test_the_authors_widths_have_as_many_parameters_as_theirs(
    build, size, options, num_classes, of_generator, of_discriminator
):
    """Counted in ajbrock/BigGAN-PyTorch, whose launch_SAGAN and launch_cifar scripts build these networks.

    The first is brain-research/self-attention-gan's, with the attention at 32 pixels, the second SNGAN's with classes.
    """
    flat = 1 if size == 128 else 2
    with torch.device("meta"):
        generator = build("generator", "sagan", size, 3, latent_size=128, num_classes=num_classes, **options)
        discriminator = build(
            "discriminator", "sagan", size, 3, num_classes=num_classes, flat_blocks=flat, spectral_norm=False, **options
        )
    assert [parameters_of(generator), parameters_of(discriminator)] == [of_generator, of_discriminator]


@pytest.mark.parametrize("size", [28, 32, 64, (32, 48)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_grey_and_coloured_images_are_made_and_judged_with_and_without_classes(narrow, size, channels, num_classes):
    images = narrow("generator", "sagan", size, channels, num_classes=num_classes)(torch.randn(6, 100), LABELS)
    assert images.shape == (6, channels, *((size, size) if isinstance(size, int) else size))
    assert narrow("discriminator", "sagan", size, channels, num_classes=num_classes)(images, LABELS).shape == (6,)


def sides_attended(network: nn.Module, *given: torch.Tensor) -> list[int]:
    """The sides of the maps behind which the network's attention stands, on a pass through it."""
    found = list[int]()
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            layer.register_forward_hook(lambda _, inputs, __: found.append(inputs[0].shape[-1]))
    network(*given)
    return found


@pytest.mark.parametrize(
    ("size", "attention", "of_generator", "of_discriminator"),
    [(28, 32, [28], [14]), (32, 16, [16], [16]), (64, 32, [32], [32]), (64, 8, [8], [8]), (32, 0, [], [])],
)
def test_attention_stands_at_the_size_asked_for(narrow, size, attention, of_generator, of_discriminator):
    generator = narrow("generator", "sagan", size, 3, attention=attention)
    discriminator = narrow("discriminator", "sagan", size, 3, attention=attention)
    assert sides_attended(generator, torch.randn(6, 100), LABELS) == of_generator
    assert sides_attended(discriminator, torch.randn(6, 3, size, size), LABELS) == of_discriminator


@pytest.mark.parametrize(("network", "smallest"), [("generator", 14), ("discriminator", 7)])
def test_attention_at_maps_that_there_are_not_is_refused(narrow, network, smallest):
    with pytest.raises(ArgumentError, match=f"^attention=6: .* {smallest} pixels a side; try attention={smallest}$"):
        narrow(network, "sagan", attention=6)


def test_spectral_norm_is_put_on_the_generators_layers_but_not_on_its_classes(narrow):
    network = narrow("generator", "sagan", 32, 3, num_classes=3)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            assert parametrize.is_parametrized(layer, "weight"), name
        if isinstance(layer, nn.Embedding):
            assert not parametrize.is_parametrized(layer), name
    plain = narrow("generator", "sagan", 32, 3, num_classes=3, spectral_norm=False)
    assert not any(parametrize.is_parametrized(layer) for layer in plain.modules())


def test_a_class_changes_the_images_once_its_scales_have_learned(narrow):
    network = narrow("generator", "sagan", num_classes=3).eval()
    latents = torch.randn(1, 100).expand(3, -1)
    same = network(latents, torch.arange(3))
    torch.testing.assert_close(same, same[:1].expand(3, -1, -1, -1))
    block = next(layer for layer in network.modules() if isinstance(layer, GBlock))
    nn.init.normal_(block.first_norm.gain.weight)
    assert (network(latents, torch.arange(3)).diff(dim=0).abs().flatten(1).amax(1) > 0).all()


@pytest.mark.parametrize(("flat_blocks", "side"), [(1, 4), (2, 8)])
def test_flat_blocks_leave_as_many_pixels_as_the_papers_have(narrow, flat_blocks, side):
    network = narrow("discriminator", "sagan", 32, 3, flat_blocks=flat_blocks)
    assert network.layers(torch.randn(2, 3, 32, 32)).shape[2:] == (side, side)
