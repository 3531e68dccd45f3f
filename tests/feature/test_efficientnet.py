"""The judge of pictures: how it looks at them, and that its scores grow with what is done to them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganctl.contract import DataSpec, FeatureExtractor
from ganctl.feature.efficientnet import EfficientNet
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.kid import KernelDistance
from ganctl.pretrained import LITE0, efficientnet_lite


@pytest.fixture(scope="module")
def efficientnet() -> EfficientNet:
    return EfficientNet()


def rgb(count: int, height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_it_is_a_feature_extractor_whose_protocol_says_the_size(efficientnet: EfficientNet) -> None:
    assert isinstance(efficientnet, FeatureExtractor)
    features, logits = efficientnet(rgb(2))
    assert features.shape == (2, 1280) and logits.shape == (2, efficientnet.num_classes) == (2, 1000)
    assert features.dtype == logits.dtype == torch.float32
    size = efficientnet.size
    assert efficientnet.resizing == f"bicubic with antialiasing to {size}x{size}"
    assert EfficientNet(size=32).weights_hash != efficientnet.weights_hash == EfficientNet(size=size).weights_hash


def test_scores_are_named_after_it_and_none_is_called_fid(efficientnet: EfficientNet) -> None:
    (distance,) = FrechetDistance().declare(efficientnet.name, efficientnet.num_classes)
    kernel, *_ = KernelDistance().declare(efficientnet.name, efficientnet.num_classes)
    assert (distance.name, kernel.name) == ("fd_efficientnet", "kd_efficientnet")


def test_the_larger_variant_is_another_judge_under_its_own_name(efficientnet: EfficientNet) -> None:
    larger = EfficientNet(lite=2, size=efficientnet.size)
    assert (larger.name, larger.pretrained) == ("efficientnet_lite2", "efficientnet_lite2") != efficientnet.pretrained
    assert EfficientNet(lite=2, precision="bf16", size=32).name == "efficientnet_lite2_bf16"
    assert larger.weights_hash != efficientnet.weights_hash
    (features, logits), (others, _) = larger(rgb(3)), efficientnet(rgb(3))
    assert features.shape == (3, 1280) and logits.shape == (3, 1000)
    assert not torch.allclose(features, others, atol=0.1)
    with pytest.raises(ValueError, match=r"^lite=1: must be 0 or 2"):
        EfficientNet(lite=1)


def test_images_of_its_own_size_reach_the_network_as_they_are() -> None:
    images = rgb(2, 64, 64)
    assert torch.equal(EfficientNet(size=64)(images)[0], efficientnet_lite(LITE0)(images)[0])


def test_large_images_are_averaged_down_not_sampled(efficientnet: EfficientNet) -> None:
    """A chequered pattern of single pixels is the same grey as a plain image: sampling would see black or white."""
    side = 8 * efficientnet.size
    chequers = (torch.arange(side)[:, None] + torch.arange(side)).remainder(2).mul(2.0).sub(1).expand(1, 3, -1, -1)
    found, expected = efficientnet(chequers)[0], efficientnet(torch.zeros(1, 3, side, side))[0]
    assert (found - expected).abs().max() < 0.01 * expected.std()


def test_features_do_not_depend_on_the_batch_they_came_in(efficientnet: EfficientNet) -> None:
    together = efficientnet(rgb(5))[0]
    alone = torch.cat([efficientnet(image[None])[0] for image in rgb(5)])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_grey_images_are_repeated_to_three_channels(efficientnet: EfficientNet) -> None:
    grey = rgb(1)[:, :1]
    assert torch.equal(efficientnet(grey)[0], efficientnet(grey.repeat(1, 3, 1, 1))[0])


def test_channels_other_than_one_or_three_are_refused(efficientnet: EfficientNet) -> None:
    efficientnet.check(DataSpec("mine", (1, 28, 28), 10))
    efficientnet.check(DataSpec("mine", (3, 64, 32), None))
    with pytest.raises(ValueError, match=r"^judges .* mine has 4"):
        efficientnet.check(DataSpec("mine", (4, 32, 32), None))


def test_bfloat16_is_near_and_named_apart(efficientnet: EfficientNet) -> None:
    rough = EfficientNet(precision="bf16")
    assert rough.name == "efficientnet_bf16" and rough.weights_hash != efficientnet.weights_hash
    found, expected = rough(rgb(2))[0], efficientnet(rgb(2))[0]
    assert found.dtype == torch.float32 and 0 < (found - expected).abs().mean() < 0.1 * expected.std()
    with pytest.raises(ValueError, match=r"^precision=fp16: must be fp32 or bf16"):
        EfficientNet(precision="fp16")


def test_a_surrounding_autocast_is_ignored(efficientnet: EfficientNet) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        features, _ = efficientnet(rgb(1))
    assert torch.equal(features, efficientnet(rgb(1))[0])
