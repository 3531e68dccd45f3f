"""The projected discriminator: what is frozen stays frozen, and the image's gradient goes through it."""

from __future__ import annotations

import pytest
import torch

from ganctl.model.projected import Discriminator
from ganctl.pretrained import LITE0, efficientnet_lite

SETTINGS = {"image_shape": (3, 64, 64), "num_classes": None, "channels": 8, "width": 8, "size": None}
LABELS = torch.zeros(2, dtype=torch.int64)


@pytest.fixture
def network() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(**SETTINGS)


def test_only_the_heads_learn_and_the_checkpoint_holds_what_no_package_has(network: Discriminator) -> None:
    assert all(name.startswith("heads.") for name, _ in network.named_parameters())
    parts = {name.split(".")[0] for name in network.state_dict()}
    assert parts == {"across", "down", "heads"}
    network.requires_grad_(False).requires_grad_(True)  # as the step does around the generator's update
    before = {name: value.clone() for name, value in network.named_buffers() if not name.startswith("heads.")}
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    network(torch.rand(2, 3, 64, 64), LABELS).sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers() if name in before)


def test_what_sees_the_image_is_the_network_of_imagenet(network: Discriminator) -> None:
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    for scale, maps in efficientnet_lite(LITE0).maps(images).items():
        torch.testing.assert_close(network.seeing.maps(images)[scale], maps)
        assert maps.shape == (1, LITE0.scales[scale], 64 // scale, 64 // scale)


def test_every_place_of_every_head_judges_and_tells_the_image_how_to_change(network: Discriminator) -> None:
    images = torch.rand(2, 3, 64, 64, requires_grad=True)
    logits = network(images, LABELS)
    assert logits.shape == (2, 16 + 16 + 16 + 4)  # strides 4 and 8 are halved to 4x4, 16 is 4x4, 32 is 2x2
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()


def test_a_checkpoint_makes_another_discriminator_the_same(network: Discriminator) -> None:
    torch.manual_seed(1)
    other = Discriminator(**SETTINGS)
    images = torch.rand(2, 3, 64, 64)
    assert not torch.equal(other.eval()(images, LABELS), network.eval()(images, LABELS))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(images, LABELS), network(images, LABELS))


def test_grey_images_and_other_sizes_are_seen_too() -> None:
    for size, shape in ((None, (1, 28, 28)), (64, (3, 32, 32)), (None, (3, 48, 96))):
        network = Discriminator(**SETTINGS | {"image_shape": shape, "size": size, "num_classes": 3})
        logits = network(torch.rand(2, *shape), torch.tensor([0, 2]))
        assert logits.shape[0] == 2 and logits.isfinite().all()


def test_heads_that_see_their_batch_judge_it_by_its_company() -> None:
    torch.manual_seed(0)
    network = Discriminator(**SETTINGS, minibatch_deviation=True).eval()
    images = torch.rand(2, 3, 64, 64)
    apart = torch.cat([network(image[None], LABELS[:1]) for image in images])
    assert not torch.allclose(network(images, LABELS), apart)
    alone = Discriminator(**SETTINGS).eval()
    torch.testing.assert_close(
        alone(images, LABELS), torch.cat([alone(image[None], LABELS[:1]) for image in images]), atol=1e-4, rtol=1e-4
    )


def test_without_classes_nobody_is_asked_for_labels() -> None:
    network = Discriminator(**{key: value for key, value in SETTINGS.items() if key != "num_classes"}).eval()
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(network(images), network(images, LABELS))
