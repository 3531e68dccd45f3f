"""Generators that start from pictures, as plain Python and as ONNX: the same pictures at any size that they take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganctl.export.onnx_model import runner, write_onnx
from ganctl.export.recording import record
from tests.export.test_recording import as_python
from tests.model.test_translation import network

NETWORKS = {
    "unet to one pixel": ("unet", 1, {}),
    "unet of the paper": ("unet", 1, {"halvings": 2, "norm": "instance", "upsampling": "transposed"}),
    "resnet_translator": ("resnet_translator", 1, {"blocks": 1}),
    "resnet_translator with projection": ("resnet_translator", 1, {"blocks": 1, "projection": 8}),
    "srresnet": ("srresnet", 4, {"blocks": 1}),
}
MULTIPLES = {"unet to one pixel": 32, "unet of the paper": 4, "srresnet": 1}


def generator_of(name: str) -> tuple[nn.Module, int]:
    """A small generator with weights that show, and the side of its sources."""
    module, factor, options = NETWORKS[name]
    generator = network("generator", module, 32, factor, width=8, **options)
    for tensor_name, tensor in generator.state_dict().items():
        if tensor.is_floating_point() and "running_var" not in tensor_name:
            tensor += 0.1 * torch.randn(tensor.shape)
    return generator.eval().requires_grad_(False), 32 // factor


def sources(side: int, multiple: int) -> list[dict[str, Tensor]]:
    """At the sides that the network was built for, and at others, one higher and one wider."""
    sizes = [(1, side, side), (7, side, side), (2, side + multiple, side), (1, side, 3 * side)]
    return [{"source": torch.rand(count, 3, height, width) * 2 - 1} for count, height, width in sizes]


@pytest.mark.parametrize("name", NETWORKS)
def test_plain_python_makes_the_same_pictures_bit_for_bit_at_any_size(name: str, tmp_path: Path) -> None:
    generator, side = generator_of(name)
    recording = record(generator, {"source": torch.rand(3, 3, side, side)})
    assert recording.multiple == MULTIPLES.get(name, 4)
    assert not any("projections" in key for key in recording.tensors), "what only training uses is left out"
    copy = as_python(generator, {"source": torch.rand(3, 3, side, side)}, tmp_path)
    for given in sources(side, recording.multiple):
        images = generator(**given)
        assert images.std() > 0.05 and torch.equal(copy(**given), images), given["source"].shape


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_makes_the_same_pictures_at_any_size(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    generator, side = generator_of(name)
    recording = record(generator, {"source": torch.rand(3, 3, side, side)})
    write_onnx(recording, tmp_path / "model.onnx")
    draw = runner(tmp_path / "model.onnx")
    for given in sources(side, MULTIPLES.get(name, 4)):
        assert (draw(given) - generator(**given)).abs().max() < 1e-4, given["source"].shape


class OfOneSize(nn.Module):
    """Adds a picture of its own, which fits sources of 8x8 pixels alone."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.rand(1, 8, 8))

    def forward(self, source: Tensor) -> Tensor:
        return source + self.shift


def test_a_network_of_one_size_is_followed_at_that_size_and_says_so(tmp_path: Path) -> None:
    given = {"source": torch.rand(3, 1, 8, 8)}
    assert record(OfOneSize(), given).multiple is None
    module = OfOneSize().requires_grad_(False)
    assert torch.equal(as_python(module, given, tmp_path)(**given), module(**given))
