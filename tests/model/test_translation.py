"""The networks of translations and enlargements: their sizes in the papers' code, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.model.fastgan import EnlargingConv2d
from tests.model.conftest import class_of, settings_of

NAMES = ("unet", "resnet_translator")


def network(kind: str, name: str, size: int | tuple[int, int] = 32, factor: int = 1, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    sides = (size, size) if isinstance(size, int) else size
    shapes = {"image_shape": (3, *sides), "source_shape": (3, *(side // factor for side in sides))}
    settings = {key: value for key, value in settings_of(kind, name).items() if key != "_target_"}
    return class_of(kind, name)(**{**shapes, **settings, **options})


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_networks_have_the_papers_sizes() -> None:
    assert count(network("generator", "unet", 256, upsampling="transposed")) == 54_413_955
    assert count(network("generator", "resnet_translator", 256, upsampling="transposed")) == 11_378_179
    assert count(network("discriminator", "patchgan", 256)) == 2_768_705
    assert count(network("discriminator", "patchgan", 256, source_shape=None)) == 2_765_633
    assert count(network("generator", "srresnet", 64, 4)) == 1_517_590


@pytest.mark.parametrize("option", NAMES)
@pytest.mark.parametrize("size", [(16, 16), (32, 48), (64, 32)])
@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
def test_a_translation_keeps_height_and_width(option: str, size: tuple[int, int], upsampling: str) -> None:
    translator = network("generator", option, size, width=8, upsampling=upsampling)
    images = translator(torch.randn(2, 3, *size))
    assert images.shape == (2, 3, *size) and images.abs().max() <= 1


@pytest.mark.parametrize("option", NAMES)
def test_its_output_is_a_function_of_the_source_when_it_is_evaluated(option: str) -> None:
    translator = network("generator", option, width=8).eval()
    source = torch.randn(2, 3, 32, 32)
    assert torch.equal(translator(source), translator(source))


def test_a_unet_repeats_pixels_where_its_maps_are_smaller_than_its_kernels() -> None:
    doublings = [each for each in network("generator", "unet", 32).modules() if isinstance(each, EnlargingConv2d)]
    assert [each.repeat for each in doublings] == [True, True, True, False, False]  # from 1, 2, 4, 8, 16 pixels a side


def test_a_residual_translator_begins_by_copying_and_then_leaves_its_source() -> None:
    translator = network("generator", "resnet_translator", width=8, residual=True)
    source = torch.rand(2, 3, 32, 32) * 2 - 1
    assert torch.equal(translator(source), source)
    optimizer = torch.optim.SGD(translator.parameters(), lr=1.0)
    (translator(source) - 1).square().mean().backward()
    optimizer.step()
    assert translator(source).mean() > source.mean() and translator.eval()(source).abs().max() <= 1
    with pytest.raises(ArgumentError, match=r"^residual=true: needs sources of as many channels"):
        network("generator", "resnet_translator", residual=True, source_shape=(1, 32, 32))


def test_dropout_is_noise_in_training() -> None:
    source = torch.randn(2, 3, 32, 32)
    translator = network("generator", "unet", width=8, norm="instance")
    assert not torch.equal(translator(source), translator(source))


@pytest.mark.parametrize("option", [*NAMES, "patchgan"])
def test_every_parameter_of_theirs_learns(option: str) -> None:
    kind = "discriminator" if option == "patchgan" else "generator"
    module = network(kind, option, width=8)
    inputs = [torch.randn(4, 3, 32, 32)] * (1 + (kind == "discriminator"))
    module(*inputs).square().sum().backward()
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize(("halvings", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_has_the_stated_size(halvings: int, pixels: int) -> None:
    judge = network("discriminator", "patchgan", 128, source_shape=None, width=4, halvings=halvings, norm="none")
    for layer in judge.modules():
        if isinstance(layer, nn.Conv2d):  # so that no two ways cancel
            nn.init.constant_(layer.weight, 0.1)
    images = torch.ones(1, 3, 128, 128, requires_grad=True)
    logits = judge(images)
    (slope,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], images)
    seen = slope[0, 0].nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [pixels, pixels]


def test_a_smaller_source_is_seen_beside_the_image() -> None:
    judge = network("discriminator", "patchgan", 32, 4, width=4, norm="none")
    images, source = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 8, 8)
    logits = judge(images, source)
    assert torch.equal(logits, judge(images, source.repeat_interleave(4, 2).repeat_interleave(4, 3)))
    assert not torch.equal(logits, judge(images, 1 - source)), "and matters"


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_an_enlargement_begins_with_the_bicubic_one(factor: int) -> None:
    enlarger = network("generator", "srresnet", 64, factor, width=8, blocks=1).eval()
    source = functional.interpolate(torch.rand(2, 3, 4, 4), size=64 // factor) * 2 - 1
    expected = functional.interpolate(source, scale_factor=factor, mode="bicubic").clamp(-1, 1)
    torch.testing.assert_close(enlarger(source), expected, atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda: network("generator", "unet", halvings=6), "halvings"),
        (lambda: network("generator", "unet", 30), "image_shape"),
        (lambda: network("generator", "unet", 32, 2), "image_shape"),
        (lambda: network("generator", "unet", upsampling="odd"), "upsampling"),
        (lambda: network("generator", "unet", norm="odd"), "norm"),
        (lambda: network("generator", "resnet_translator", 30), "image_shape"),
        (lambda: network("generator", "srresnet", 32), "image_shape"),
        (lambda: network("discriminator", "patchgan", 16), "halvings"),
    ],
)
def test_what_does_not_fit_is_refused(build: Callable[[], nn.Module], argument: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        build()
    assert refused.value.argument == argument and "\n" not in str(refused.value)


def test_patches_are_unit_vectors_of_the_same_places() -> None:
    translator = network("generator", "resnet_translator", width=8, blocks=3, projection=16)
    found, places = translator.patches(torch.randn(2, 3, 32, 32), 10)
    again, same = translator.patches(torch.randn(2, 3, 32, 32), 10, places)
    assert [each.shape for each in found] == [each.shape for each in again] == [(2, 10, 16)] * 5
    assert all(torch.equal(a, b) for a, b in zip(places, same, strict=True))
    for each in found:
        torch.testing.assert_close(each.norm(dim=2), torch.ones(2, 10))
