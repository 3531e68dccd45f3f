from __future__ import annotations

import math

import pytest
import torch

from ganctl.feature.convnet import ConvNet, accuracy, random_affine, train_classifier


def bars(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy images with a bright left half (class 0) or top half (class 1)."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 60, (count, 1, 12, 12), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    images[labels == 0, :, :, :6] += 150
    images[labels == 1, :, :6, :] += 150
    return images, labels


def test_network_has_the_stated_size_and_shapes():
    network = ConvNet(channels=3, num_classes=7).eval()
    features, logits = network(torch.zeros(2, 3, 16, 16))
    assert features.shape == (2, 128) and logits.shape == (2, 7)
    assert (features >= 0).all()
    assert 160_000 < sum(parameter.numel() for parameter in ConvNet().parameters()) < 180_000


def trained(seed: int) -> tuple[ConvNet, list[float]]:
    images, labels = bars(32)
    torch.manual_seed(0)
    network = ConvNet(num_classes=2)
    losses: list[float] = []
    train_classifier(
        network,
        images,
        labels,
        epochs=25,
        batch_size=16,
        seed=seed,
        bf16=False,
        progress=lambda step, steps, loss: losses.append(loss),
    )
    return network, losses


def test_training_separates_two_classes_and_repeats_itself():
    (network, losses), (again, _) = trained(seed=0), trained(seed=0)
    assert accuracy(network, *bars(64)) == 1
    assert len(losses) == 50 and not math.isnan(losses[-1]) and math.isnan(losses[-2])
    for first, second in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(first, second)


def test_one_step_already_changes_the_weights():
    images, labels = bars(16)
    torch.manual_seed(0)
    network = ConvNet(num_classes=2)
    before = network.head.weight.clone()
    train_classifier(network, images, labels, epochs=1, batch_size=16, bf16=False)
    assert not torch.equal(network.head.weight, before)


def test_fewer_images_than_a_batch_are_refused():
    images, labels = bars(8)
    with pytest.raises(ValueError, match="cannot be trained on 8 images"):
        train_classifier(ConvNet(num_classes=2), images, labels, epochs=1, batch_size=16)


def test_accuracy_is_the_share_of_right_answers():
    images, labels = bars(64)
    torch.manual_seed(0)
    network = ConvNet(num_classes=2)
    right = accuracy(network, images, labels, batch_size=7)
    assert accuracy(network, images, 1 - labels) == pytest.approx(1 - right)


def test_affine_without_bounds_changes_nothing_and_with_them_keeps_the_background():
    images, _ = bars(8)
    scaled = images.float() / 127.5 - 1
    generator = torch.Generator().manual_seed(0)
    same = random_affine(scaled, generator, degrees=0, scale=0, shift=0)
    assert torch.allclose(same, scaled, atol=1e-5)
    moved = random_affine(torch.full((8, 1, 12, 12), -1.0), generator)
    assert torch.allclose(moved, torch.tensor(-1.0), atol=1e-5)
    assert not torch.allclose(random_affine(scaled, generator), scaled, atol=0.1)
