from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor

from ganctl.contract import DataSpec, FeatureExtractor
from ganctl.feature.inception import Inception, fold_batch_norms
from ganctl.metric.frechet import FrechetDistance


@pytest.fixture(scope="module")
def inception(weights_file: Path) -> Inception:
    return Inception(weights=str(weights_file), device="cpu")


def rgb(count: int, height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def reference(weights_file: Path) -> torch.nn.Module:
    """pytorch-fid's own network with the same file in the place of its download."""
    from pytorch_fid import inception

    state = torch.load(weights_file, weights_only=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda url, progress: state)
        return inception.InceptionV3([3]).eval()


@pytest.mark.parametrize("size", [(40, 48), (299, 299)])
def test_features_equal_those_of_pytorch_fid(size: tuple[int, int], inception: Inception, reference: torch.nn.Module):
    images = rgb(2, *size)
    features, _ = inception(images)
    with torch.no_grad():
        expected = reference((images + 1) / 2)[0].squeeze(3).squeeze(2)
    assert features.shape == (2, 2048)
    assert expected.std() > 0.01 and not torch.allclose(expected[0], expected[1], rtol=1e-2)
    assert (features - expected).abs().max() < 2e-5 * expected.std()  # folding batch norms: 4e-6 measured


def test_bfloat16_is_near_and_named_apart(inception: Inception, weights_file: Path):
    rough = Inception(weights=str(weights_file), precision="bf16")
    assert (
        rough.name == f"{inception.name}_bf16"
        and FrechetDistance().declare(rough.name, 0)[0].name == f"fd_{rough.name}"
    )
    assert rough.weights_hash != inception.weights_hash and len(rough.weights_hash) == 64
    (features, logits), (expected, _) = rough(rgb(2)), inception(rgb(2))
    assert features.dtype == logits.dtype == torch.float32
    assert 0 < (features - expected).abs().max() < 0.2 * expected.std()
    with pytest.raises(ValueError, match=r"^precision=fp16: must be fp32 or bf16"):
        Inception(weights=str(weights_file), precision="fp16")


def test_a_surrounding_autocast_is_ignored(inception: Inception):
    with torch.autocast("cpu", torch.bfloat16):
        features, _ = inception(rgb(1))
    assert torch.equal(features, inception(rgb(1))[0])


def test_folding_takes_batch_norms_away_and_keeps_what_they_did():
    block = torchvision.models.inception.BasicConv2d(3, 5, kernel_size=3)
    for value in block.bn.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 2, generator=torch.Generator().manual_seed(0))
    block.bn.state_dict()["running_var"][0] = 1e-4  # eps decides here
    network = torch.nn.Sequential(block).eval()
    images = rgb(2)
    expected = network(images)
    fold_batch_norms(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert torch.allclose(network(images), expected, rtol=1e-4, atol=1e-5) and expected.std() > 0.1


def test_logits_are_the_last_layer_of_the_file_on_the_features(inception: Inception, weights_file: Path):
    state = torch.load(weights_file, weights_only=True)
    features, logits = inception(rgb(2))
    assert logits.shape == (2, inception.num_classes) == (2, 1008)
    assert torch.allclose(logits, features @ state["fc.weight"].T + state["fc.bias"], rtol=1e-4, atol=1e-4)


def test_grey_images_are_repeated_to_three_channels(inception: Inception):
    grey = rgb(1)[:, :1]
    assert torch.equal(inception(grey)[0], inception(grey.repeat(1, 3, 1, 1))[0])


def test_other_weights_than_pytorch_fids_show_in_the_name(inception: Inception, weights_file: Path):
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    assert isinstance(inception, FeatureExtractor)
    assert inception.weights_hash == digest
    assert inception.name == f"inception_{digest[:8]}"


def test_pytorch_fids_own_weights_give_the_plain_name(weights_file: Path, monkeypatch: pytest.MonkeyPatch):
    """Their file is not at hand here, so this one's hash stands for theirs."""
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    monkeypatch.setattr("ganctl.feature.inception.HASH_PREFIX", digest[:8])
    assert Inception(weights=str(weights_file)).name == "inception"


def test_building_and_running_it_leaves_the_random_state_alone(weights_file: Path):
    before = torch.get_rng_state()
    Inception(weights=str(weights_file))(rgb(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_channels_other_than_one_or_three_are_refused(inception: Inception):
    inception.check(DataSpec("mine", (1, 28, 28), 10))
    inception.check(DataSpec("mine", (3, 64, 32), None))
    with pytest.raises(ValueError, match=r"^judges .* mine has 4"):
        inception.check(DataSpec("mine", (4, 32, 32), None))


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(ValueError, match="not the weights of pytorch-fid's InceptionV3") as error:
        Inception(weights=str(path))
    assert "\n" not in str(error.value)


def test_an_untrained_network_serves_to_measure_time_and_cannot_be_mistaken():
    untrained = Inception.untrained()
    features, logits = untrained(rgb(1))
    assert features.shape == (1, 2048) and logits.shape == (1, 1008)
    assert untrained.name != "inception"
