"""What every network promises, run over all YAML files of generators and discriminators."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from ganctl.contract import ArgumentError
from ganctl.model.layers import LabelledLatents, LogitHead

LABELS = torch.arange(6) % 3
SHAPES = [(16, 3), (28, 1), (32, 3), (40, 1), (96, 3), ((32, 48), 3), ((112, 64), 1), ((16, 60), 3)]
REMEDIES = (
    {"spectral_norm": False},
    {"spectral_norm": False, "minibatch_kernels": 3},
    {"spectral_norm": True},
)


def inputs_of(kind: str) -> torch.Tensor:
    return torch.randn(6, 100) if kind == "generator" else torch.rand(6, 1, 28, 28) * 2 - 1


def judged(network: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """All that the network says of the inputs, decoders included, as one number to be differentiated."""
    total = network(given, LABELS).square().mean()
    if "reconstruct" in inspect.signature(network.forward).parameters:
        errors = [network(given, LABELS, reconstruct=True).mean() for _ in range(8)]  # the parts are drawn at random
        total = total + torch.stack(errors).mean()
    return total


def sides_of(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def has_ganctls_layers(network: nn.Module) -> bool:
    """Whether the network promises what those of ganctl do: that labels count, and float32 whatever is inside."""
    return any(isinstance(layer, LabelledLatents | LogitHead) for layer in network.modules())


@pytest.mark.parametrize(("size", "channels"), SHAPES)
def test_a_generators_images_have_the_shape_and_range_of_the_data(narrow, generator_name, size, channels):
    network = narrow("generator", generator_name, size, channels).eval()  # while training, nothing need bound them
    images = network(torch.randn(2, 100) * 30, torch.zeros(2).long())
    assert images.shape == (2, channels, *sides_of(size))
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert images.std() > 0


@pytest.mark.parametrize(("size", "channels"), SHAPES)
def test_a_discriminator_gives_logits_an_image(narrow, discriminator_name, size, channels):
    images = torch.rand(2, channels, *sides_of(size)) * 2 - 1
    logits = narrow("discriminator", discriminator_name, size, channels)(images, torch.zeros(2).long())
    assert logits.shape[:1] == (2,)
    assert logits.dtype == torch.float32
    assert (logits[0] != logits[1]).any()


def test_labels_change_nothing_without_classes(narrow, kind, name):
    network = narrow(kind, name).eval()
    given = inputs_of(kind)
    assert torch.equal(network(given, LABELS), network(given, LABELS.flip(0)))
    assert not any(
        name.endswith("classes") for name, layer in network.named_modules() if isinstance(layer, nn.Embedding)
    )


def test_labels_change_the_output_with_classes(narrow, kind, name):
    network = narrow(kind, name, num_classes=3).eval()
    if not has_ganctls_layers(network):
        pytest.skip("a network may look at no labels")
    given = inputs_of(kind)
    first, second = network(given, LABELS), network(given, torch.zeros_like(LABELS))
    same = LABELS == 0
    torch.testing.assert_close(first[same], second[same])
    differing = (first != second).reshape(len(LABELS), -1).any(1)
    assert torch.equal(differing, ~same)


@pytest.mark.settings("dropout", "initialisation")
def test_dropout_acts_only_in_training(narrow, kind, name):
    network = narrow(kind, name, dropout=0.5, initialisation="he")
    given = inputs_of(kind)
    assert not torch.equal(network(given, LABELS), network(given, LABELS))
    network.eval()
    assert torch.equal(network(given, LABELS), network(given, LABELS))


def test_channels_last_changes_no_value(narrow, kind, name):
    network = narrow(kind, name)
    other = copy.deepcopy(network).to(memory_format=torch.channels_last)
    given = inputs_of(kind)
    relaid = given.to(memory_format=torch.channels_last) if given.ndim == 4 else given
    torch.testing.assert_close(other(relaid, LABELS), network(given, LABELS), atol=1e-4, rtol=1e-4)


def test_bf16_autocast_trains_and_gives_float32(narrow, kind, name):
    network = narrow(kind, name)
    given = inputs_of(kind)
    exact = network(given, LABELS)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(given, LABELS)
    assert rough.dtype == torch.float32 or not has_ganctls_layers(network)
    assert (rough - exact).abs().max() < 0.1 * (1 + exact.abs().max())
    with torch.autocast("cpu", torch.bfloat16):
        judged(network, given).backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_every_parameter_learns(narrow, kind, name):
    network = narrow(kind, name, num_classes=3)
    for parameter in network.parameters():
        if parameter.ndim in (0, 4) and not parameter.any():  # the end of a block that begins as the identity
            nn.init.normal_(parameter, 0, 0.1)
    judged(network, inputs_of(kind)).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, key


@pytest.mark.settings("spectral_norm", "minibatch_kernels", "initialisation")
@pytest.mark.parametrize("options", REMEDIES, ids=str)
def test_the_double_backward_pass_is_the_derivative_of_the_gradients_norm(narrow, discriminator_name, options):
    discriminator = narrow("discriminator", discriminator_name, initialisation="default", **options).double()
    discriminator.train(not options["spectral_norm"])  # whose power iteration would go on between the two passes
    images = inputs_of("discriminator").double()

    def penalty() -> torch.Tensor:
        x = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x, LABELS).sum(), x, create_graph=True)
        return gradient.square().sum()

    weight = next(p for p in discriminator.parameters() if p.ndim == 4)
    (slope,) = torch.autograd.grad(penalty(), weight)
    index, step = (0, 0, 1, 1), 1e-6
    with torch.no_grad():
        weight[index] += step
    above = penalty().item()
    with torch.no_grad():
        weight[index] -= 2 * step
    below = penalty().item()
    assert slope[index].item() == pytest.approx((above - below) / (2 * step), rel=1e-3, abs=1e-9)


@pytest.mark.settings("spectral_norm")
def test_spectral_norm_is_put_on_every_weight(narrow, discriminator_name):
    plain = narrow("discriminator", discriminator_name, num_classes=3, spectral_norm=False)
    normalised = narrow("discriminator", discriminator_name, num_classes=3, spectral_norm=True)
    weights = {
        f"{key.removesuffix('.weight')}.parametrizations.weight.original"
        for key, p in plain.named_parameters()
        if p.ndim > 1
    }
    assert weights == {key for key, p in normalised.named_parameters() if p.ndim > 1}


@pytest.mark.settings("spectral_norm", "minibatch_kernels", "initialisation")
def test_minibatch_kernels_compare_the_images_of_a_batch(narrow, discriminator_name):
    discriminator = narrow(
        "discriminator", discriminator_name, minibatch_kernels=7, spectral_norm=False, initialisation="he"
    ).eval()
    images = inputs_of("discriminator")
    alone, together = discriminator(images[:1], LABELS[:1]), discriminator(images[:1].repeat(6, 1, 1, 1), LABELS)
    (head,) = (layer for layer in discriminator.modules() if isinstance(layer, LogitHead))
    crowding = 5 * head.linear.weight[0, -7:].sum()
    torch.testing.assert_close(together, (alone + crowding).expand(6))


@pytest.mark.settings("initialisation")
def test_the_weights_are_drawn_by_the_scheme_asked_for(narrow, kind, name):
    drawn = []
    for scheme in ("normal", "he"):
        torch.manual_seed(0)
        drawn.append(parameters_to_vector(narrow(kind, name, initialisation=scheme).parameters()))
    assert not torch.equal(*drawn)
    with pytest.raises(ArgumentError, match=r"^initialisation=zero: "):
        narrow(kind, name, initialisation="zero")
