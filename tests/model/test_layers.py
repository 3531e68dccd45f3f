"""Initialisation, spectral norm, minibatch discrimination and labels against their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganctl.model.layers import (
    ConditionalBatchNorm,
    LabelledLatents,
    LogitHead,
    MinibatchDeviation,
    MinibatchDiscrimination,
    drop,
    fans,
    initialise,
    inner_features,
    normalise_spectra,
)


def large_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = (
        nn.Linear(200, 300),
        nn.Conv2d(48, 64, 4, 2, 1),
        nn.ConvTranspose2d(64, 48, 4, 2, 1),
        nn.BatchNorm2d(5000),
    )
    return nn.Sequential(*layers)


def weights_of(network: nn.Sequential) -> list[torch.Tensor]:
    return [layer.weight.detach() for layer in network if not isinstance(layer, nn.BatchNorm2d)]


def test_normal_draws_a_deviation_of_a_fiftieth_around_zero_and_around_one_for_batch_norm():
    network = large_network()
    initialise(network, "normal")
    for weight in weights_of(network):
        assert weight.mean().abs() < 5 * 0.02 / math.sqrt(weight.numel())
        assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[3].weight.mean().item() == pytest.approx(1, abs=0.002)
    assert network[3].weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_orthogonal_rows_or_columns_are_orthonormal():
    network = large_network()
    initialise(network, "orthogonal")
    for weight in weights_of(network):
        matrix = weight.flatten(1)
        matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-5, rtol=0)


def test_xavier_is_uniform_with_variance_two_over_inputs_plus_outputs():
    network = large_network()
    initialise(network, "xavier")
    for layer, weight in zip(network, weights_of(network), strict=False):
        variance = 2 / sum(fans(layer))
        assert weight.var().item() == pytest.approx(variance, rel=0.03)
        assert weight.abs().max().item() == pytest.approx(math.sqrt(3 * variance), rel=0.001)


def test_he_keeps_the_second_moment_through_a_relu_layer():
    network = large_network()
    initialise(network, "he")
    for layer in network[:3]:
        assert layer.weight.var().item() == pytest.approx(2 / fans(layer)[0], rel=0.03)
    image = torch.randn(8, 64, 16, 16)
    inside = network[2](image.relu())[:, :, 1:-1, 1:-1]
    assert inside.square().mean().item() == pytest.approx(image.square().mean().item(), rel=0.1)


def test_fans_count_the_connections_that_there_are():
    for layer, shape in [(nn.Conv2d(3, 5, 4, 2, 1), (1, 3, 16, 16)), (nn.ConvTranspose2d(3, 5, 4, 2, 1), (1, 3, 8, 8))]:
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
        inputs = torch.ones(shape, requires_grad=True)
        outputs = layer(inputs)
        outputs.sum().backward()
        assert fans(layer) == (outputs[0, 0, 4, 4].item(), inputs.grad[0, 0, 4, 4].item())


def test_biases_become_zero_except_by_default():
    for scheme, zero in [("normal", True), ("orthogonal", True), ("xavier", True), ("he", True), ("default", False)]:
        network = large_network()
        before = weights_of(network)[0].clone()
        initialise(network, scheme)
        assert (network[0].bias == 0).all().item() is zero
        assert torch.equal(before, network[0].weight) is not zero


def test_an_unknown_scheme_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^initialisation=zero: is none of normal, .*; try initialisation=normal$"):
        initialise(large_network(), "zero")


def test_spectral_norm_makes_every_largest_singular_value_one():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.Flatten(), nn.Linear(256, 5)
    )
    torch.manual_seed(0)
    initialise(network, "he")
    normalise_spectra(network)
    with torch.no_grad():
        for _ in range(200):
            network(torch.zeros(1, 3, 4, 4))
    for layer in (network[0], network[1], network[3]):
        matrix = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        assert torch.linalg.matrix_norm(matrix.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)


def normalised(maps: torch.Tensor) -> torch.Tensor:
    variance, mean = torch.var_mean(maps, (0, 2, 3), keepdim=True, correction=0)
    return (maps - mean) / (variance + 1e-5).sqrt()


def test_batch_norm_by_class_has_a_scale_and_a_shift_for_each_class_that_begin_as_one_and_zero():
    torch.manual_seed(0)
    layer, maps, labels = ConditionalBatchNorm(3, 2), torch.randn(4, 3, 5, 5) * 4 + 1, torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(layer(maps, labels), normalised(maps))
    nn.init.normal_(layer.gain.weight)
    nn.init.normal_(layer.shift.weight)
    images = [
        (1 + layer.gain.weight[label])[:, None, None] * image + layer.shift.weight[label][:, None, None]
        for image, label in zip(normalised(maps), labels, strict=True)
    ]
    torch.testing.assert_close(layer(maps, labels), torch.stack(images))


def test_batch_norm_by_a_vector_has_scales_around_one_and_shifts_that_are_linear_in_it():
    torch.manual_seed(0)
    layer, maps, vector = ConditionalBatchNorm(3, size=4), torch.randn(2, 3, 5, 5) - 2, torch.randn(2, 4)
    gain, shift = vector @ layer.gain.weight.T, vector @ layer.shift.weight.T
    by_hand = normalised(maps) * (1 + gain)[:, :, None, None] + shift[:, :, None, None]
    torch.testing.assert_close(layer(maps, vector), by_hand)
    assert not any(name.endswith("bias") for name, _ in layer.named_parameters())


def test_batch_norm_without_a_condition_is_plain():
    torch.manual_seed(0)
    layer, plain, maps = ConditionalBatchNorm(3), nn.BatchNorm2d(3), torch.randn(2, 3, 5, 5)
    for each in (layer.norm, plain):
        nn.init.constant_(each.weight, 2.0)
    assert torch.equal(layer(maps, torch.zeros(2)), plain(maps))


def test_minibatch_discrimination_is_its_formula():
    torch.manual_seed(0)
    layer, features = MinibatchDiscrimination(4, kernels=3, kernel_size=2), torch.randn(5, 4)
    tensor = layer.projection.weight.T.view(4, 3, 2)
    matrices = torch.einsum("na,abc->nbc", features, tensor)
    closeness = torch.zeros(5, 3)
    for i in range(5):
        for j in range(5):
            closeness[i] += torch.exp(-(matrices[i] - matrices[j]).abs().sum(1))
    torch.testing.assert_close(layer(features), torch.cat([features, closeness], dim=1))


def test_minibatch_discrimination_in_closed_form():
    layer = MinibatchDiscrimination(1, kernels=1, kernel_size=1)
    nn.init.ones_(layer.projection.weight)
    one_apart = layer(torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(one_apart[:, 1], torch.full((2,), 1 + math.exp(-1)))
    collapsed = layer(torch.zeros(7, 1))
    torch.testing.assert_close(collapsed[:, 1], torch.full((7,), 7.0))


def test_the_deviation_of_a_batch_is_one_number_for_all_of_it():
    maps = torch.randn(5, 3, 4, 6)
    seen = MinibatchDeviation()(maps)
    assert torch.equal(seen[:, :3], maps) and seen.shape == (5, 4, 4, 6)
    expected = maps.std(0, correction=0).mean()
    torch.testing.assert_close(seen[:, 3], expected.expand(5, 4, 6))
    alike = MinibatchDeviation()(maps[:1].expand(5, -1, -1, -1))
    assert alike[:, 3].amax() < 1e-3, "a collapsed batch"


def test_a_logit_knows_the_deviation_of_its_batch_beside_the_other_features():
    torch.manual_seed(0)
    head = LogitHead(6, None, minibatch_kernels=0, minibatch_kernel_size=1, minibatch_deviation=True)
    features, labels = torch.randn(4, 6), torch.zeros(4, dtype=torch.int64)
    deviation = features.std(0, correction=0).mean().expand(4, 1)
    expected = head.linear(torch.cat([features, deviation], dim=1)).squeeze(1)
    torch.testing.assert_close(head(features, labels), expected)
    (slope,) = torch.autograd.grad(head(features, labels).sum(), head.linear.weight)
    torch.testing.assert_close(slope[0, 6], 4 * deviation[0, 0])


def test_the_projection_adds_the_inner_product_with_the_labels_vector():
    torch.manual_seed(0)
    head = LogitHead(6, num_classes=3, minibatch_kernels=0, minibatch_kernel_size=1)
    features, labels = torch.randn(4, 6), torch.tensor([0, 2, 1, 2])
    expected = [head.linear(f).squeeze() + f @ head.classes.weight[y] for f, y in zip(features, labels, strict=True)]
    torch.testing.assert_close(head(features, labels), torch.stack(expected))


def test_a_labels_vector_follows_the_latents():
    inputs = LabelledLatents(3, num_classes=2, label_size=4)
    latents, labels = torch.randn(2, 3), torch.tensor([1, 0])
    assert inputs.size == 7
    assert torch.equal(inputs(latents, labels), torch.cat([latents, inputs.classes.weight[[1, 0]]], dim=1))


def test_without_classes_nothing_is_built_for_labels():
    inputs = LabelledLatents(3, num_classes=None, label_size=4)
    head = LogitHead(6, num_classes=None, minibatch_kernels=0, minibatch_kernel_size=1)
    latents = torch.randn(2, 3)
    assert inputs(latents, torch.tensor([1, 0])) is latents
    assert not list(inputs.parameters())
    assert sum(p.numel() for p in head.parameters()) == 7


def test_latents_of_a_mixture_lie_around_the_mean_of_the_component_that_the_first_of_them_chooses():
    torch.manual_seed(0)
    inputs = LabelledLatents(3, num_classes=None, label_size=4, mixture=4)
    latents = torch.randn(200, 3)
    quartile = (latents[:, 0] * 0.5**0.5).erf().add(1).div(2).mul(4).floor().long()
    expected = inputs.means.weight[quartile] + 0.5 * latents
    assert inputs.size == 3
    torch.testing.assert_close(inputs(latents, torch.zeros(200).long()), expected)
    assert quartile.bincount(minlength=4).min() > 30, "components are drawn alike"


def test_the_farthest_latents_have_a_component_too():
    inputs = LabelledLatents(1, num_classes=None, label_size=4, mixture=3)
    far = inputs(torch.tensor([[-40.0], [40.0]]), torch.zeros(2).long())
    torch.testing.assert_close(far - torch.tensor([[-20.0], [20.0]]), inputs.means.weight[[0, 2]])


def test_means_and_scales_of_a_mixture_are_learned_and_labels_still_follow():
    inputs = LabelledLatents(3, num_classes=2, label_size=4, mixture=5)
    found = inputs(torch.randn(50, 3), torch.arange(50) % 2)
    assert found.shape == (50, 7)
    found.square().sum().backward()
    assert inputs.means.weight.grad.abs().sum() > 0 and inputs.log_scales.weight.grad.abs().sum() > 0


def test_no_dropout_layer_stands_where_nothing_is_dropped():
    assert drop(0.0) == []
    assert [layer.p for layer in drop(0.25)] == [0.25]


def test_inner_features_weigh_each_layer_alike_whatever_its_size() -> None:
    layers = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 2, 3, 2, 1), nn.LeakyReLU(0.2))
    first, second = torch.randn(2, 3, 1, 8, 8)
    difference = (inner_features(layers, first) - inner_features(layers, second)).abs().sum(1)
    shallow = (layers[:2](first) - layers[:2](second)).abs().flatten(1).mean(1)
    deep = (layers(first) - layers(second)).abs().flatten(1).mean(1)
    torch.testing.assert_close(difference, shallow + deep)
