"""The recording as ONNX, and how far another program's arithmetic with it is from torch's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ganctl.contract import Given
from ganctl.export.recording import Recording, quiet

OPSET = 18


def write_onnx(recording: Recording, path: Path) -> None:
    """Writes ONNX of opset `OPSET`: inputs by their names, any number of rows, to `images` (N, C, H, W) float32.

    Raises ValueError, in one line, for an operation that ONNX has no counterpart of.
    """
    try:
        with quiet():
            program = torch.onnx.export(
                recording.program,
                input_names=list(recording.names),
                output_names=["images"],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            assert program is not None
            _name_sizes(program)
            program.save(path)
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(f"onnx=true: {recording.network} cannot be written: {said[:200]}; try onnx=false") from None


def runner(path: Path) -> Callable[[Given], Tensor]:
    """What onnxruntime draws with the file, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def draw(given: Given) -> Tensor:
        (images,) = session.run(None, {name: rows.numpy() for name, rows in given.items()})
        return torch.from_numpy(images)

    return draw


def _name_sizes(program: torch.onnx.ONNXProgram) -> None:
    """Calls the number of images `batch`, and sides that are free by their names, where torch has symbols for them."""
    graph = program.model.graph
    for value in (*graph.inputs, *graph.outputs):
        if value.shape is None:
            continue
        value.shape[0] = "batch"
        names = ("height", "width") if value in graph.inputs else ("image_height", "image_width")
        for axis, name in enumerate(names, 2):
            if len(value.shape) == 4 and not isinstance(value.shape[axis], int):
                value.shape[axis] = name
