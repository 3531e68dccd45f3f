"""Every generator there is can be written as plain Python and as ONNX that draw the same pictures."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganctl.export.description import Description, filled
from ganctl.export.onnx_model import runner, write_onnx
from ganctl.export.recording import record
from ganctl.export.source import lines_of
from tests.model.conftest import build, options_of, settings_of

CLASSES = 3


def inputs(count: int, num_classes: int | None) -> dict[str, Tensor]:
    labels = {} if num_classes is None else {"labels": torch.arange(count) % num_classes}
    return {"latents": torch.randn(count, 8, generator=torch.Generator().manual_seed(count)), **labels}


def generator_of(name: str, num_classes: int | None) -> nn.Module:
    """A small generator with weights and statistics that make pictures of more than one grey, always the same."""
    torch.manual_seed(0)
    few = {key: 8 for key in ("width", "max_width", "hidden") if key in settings_of("generator", name)}
    network = build("generator", name, 16, 1, latent_size=8, num_classes=num_classes, **few)
    noise = 0.05 if name == "r3gan" else 0.2  # nothing in it normalises, so that more makes it white or black
    for tensor_name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and "running_var" not in tensor_name:
            tensor += noise * torch.randn(tensor.shape)
    return network.eval().requires_grad_(False)


def as_python(network: nn.Module, given: dict[str, Tensor], folder: Path) -> Any:
    """The class of generator.py, with the network's weights."""
    recording = record(network, given)
    described = Description(
        recording.network, {name: tuple(rows.shape[1:]) for name, rows in given.items()}, (1, 16, 16), None, None,
        "data", 1, "ema", "2",
    )  # fmt: skip
    rows = {name: (f'"{name}"', tuple(rows.shape), str(rows.dtype)) for name, rows in recording.tensors.items()}
    words = {
        "arguments": list(described.arguments()),
        "names": recording.names,
        "parameters": [row for name, row in rows.items() if name in recording.learned],
        "buffers": [row for name, row in rows.items() if name not in recording.learned],
        "lines": lines_of(recording),
    }
    (folder / "generator.py").write_text(filled("generator.py.j2", described.words() | words))
    generator = runpy.run_path(str(folder / "generator.py"))["Generator"]()
    generator.load_state_dict(recording.tensors)
    return generator


@pytest.mark.parametrize("num_classes", [None, CLASSES])
@pytest.mark.parametrize("name", options_of("generator"))
def test_plain_python_draws_the_same_pictures_bit_for_bit(name: str, num_classes: int | None, tmp_path: Path) -> None:
    network = generator_of(name, num_classes)
    generator = as_python(network, inputs(3, num_classes), tmp_path)
    for count in (1, 2, 7):
        given = inputs(count, num_classes)
        images = network(given["latents"], given.get("labels", torch.zeros(count, dtype=torch.int64)))
        assert images.std() > 0.05, "there is something to see"
        assert torch.equal(generator(**given), images)


@pytest.mark.slow
@pytest.mark.parametrize("name", options_of("generator"))
def test_onnx_draws_the_same_pictures_for_any_number_and_class(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    network = generator_of(name, CLASSES)
    write_onnx(record(network, inputs(3, CLASSES)), tmp_path / "model.onnx")
    draw = runner(tmp_path / "model.onnx")
    for count in (1, 2, 7):
        given = inputs(count, CLASSES)
        assert (draw(given) - network(**given)).abs().max() < 1e-4  # of a grey level's 0.008


class Constant(nn.Module):
    """Keeps a tensor that no state dict has, and one that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.full((1,), 0.25)
        self.register_buffer("scale", torch.full((1,), 0.5), persistent=False)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return (latents * self.scale + self.shift).tanh()[:, :, None, None]


def test_tensors_that_no_state_dict_has_are_written_as_well(tmp_path: Path) -> None:
    network = Constant()
    given = inputs(5, None)
    generator = as_python(network, inputs(3, None), tmp_path)
    assert torch.equal(generator(**given), network(given["latents"], torch.zeros(5)))


class Undecided(nn.Module):
    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return latents if latents.sum() > 0 else -latents


class Counting(nn.Module):
    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return latents + torch.ones(len(latents), 1)


@pytest.mark.parametrize("network", [Undecided(), Counting()])
def test_a_network_whose_course_depends_on_its_numbers_is_refused_in_one_line(network: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"torch\.export cannot follow it") as refusal:
        record(network, inputs(3, None))
    assert "\n" not in str(refusal.value) and type(network).__name__ in str(refusal.value)
