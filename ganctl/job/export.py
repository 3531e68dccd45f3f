"""`ganctl export RUN`: a folder with which others draw from a trained generator without ganctl."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.nn import functional

from ganctl import build, checkpoint
from ganctl.contract import Given, Sourced
from ganctl.export import card
from ganctl.export.description import Description, filled
from ganctl.export.onnx_model import OPSET, runner, write_onnx
from ganctl.export.recording import Recording, record
from ganctl.export.source import lines_of
from ganctl.files import atomic_write_text, write_json
from ganctl.forms import node, printable, whole
from ganctl.job.new_folder import new_folder
from ganctl.record.console import Console
from ganctl.record.image_grid import save_grid
from ganctl.report.recorded import Recorded, read_run
from ganctl.tensor_files import write_tensors
from ganctl.trained import Trained, open_trained
from ganctl.training.device import open_device

LARGEST_DIFFERENCE = 1e-3
"""Of a pixel in [-1, 1] from the run's own; a grey level of 8 bits is 0.0078."""
_PICTURES = 64
_BATCHES = (1, 2, 7)  # numbers of images that the copies are compared on
_MOST = 50  # images of a batch with all classes

Batch = tuple[Given, Tensor]
"""What a generator is given, and the images that the run's own makes of it."""


def export_run(config: DictConfig, target: Path) -> int:
    """Writes what `config` (export.yaml) asks for and says how far the copies are from the run's own network.

    Returns the exit code. Raises ValueError, in one line, for a network that cannot be followed, and for a copy whose
    pixels are others.
    """
    with Console(None) as console:
        device = open_device(type="cpu", channels_last=False)
        trained = open_trained(target, config.weights, device, list(config.trust))
        with new_folder(config.output, checkpoint.run_folder(trained.path), "export") as (folder, final):
            console.progress("following the network", 0, 0)
            batches = _batches(trained)
            recording = record(trained.drawer.network, batches[-1][0])
            if recording.multiple:
                batches = [*_of_other_sizes(trained, recording.multiple), *batches]
            described = _description(recording, trained)
            _write_network(recording, described, folder)
            differences = {"generator.py": _difference("generator.py", _of_source(folder), batches)}
            onnx = None
            if config.onnx:
                console.progress("writing ONNX", 0, 0)
                write_onnx(recording, folder / "model.onnx")
                worst = _difference("model.onnx", runner(folder / "model.onnx"), batches)
                differences["model.onnx"], onnx = worst, {"opset": OPSET, "largest_difference": float(f"{worst:.2g}")}
            _write_words(trained, described, onnx, folder)
            files = ", ".join(sorted(path.name for path in folder.iterdir()))
        counts = ", ".join(str(len(images)) for _, images in batches)
        rows = {
            "checkpoint": f"{trained.path} (step {trained.step:,}, {trained.weights} weights)",
            "folder": str(final),
            "files": files,
            **{name: f"pixels within {worst:.2g} of the run's own, in [-1, 1]" for name, worst in differences.items()},
            "compared on": f"batches of {counts} images" + (", every class" if trained.is_conditional else ""),
            **({"sources": described.words()["sides"]} if described.translates else {}),
        }
        console.summary({}, rows, {})
    return 0


def _batches(trained: Trained) -> list[Batch]:
    """Some images of the seed 0, and one of each class where classes can be asked for."""
    classes = (trained.spec.num_classes or 0) if trained.is_conditional else 0
    counts = [*_BATCHES, *(min(_MOST, classes - first) for first in range(0, classes, _MOST)), 3]
    batches, first = [], 0
    for place, count in enumerate(counts):
        given = trained.drawer.task.samples(0, first, count)
        if classes:
            first_label = max(0, place - len(_BATCHES)) * _MOST
            given["labels"] = (torch.arange(count) + first_label) % classes
        images = trained.drawer.draw(given)
        batches.append(({name: rows for name, rows in given.items() if name != "labels" or classes}, images))
        first += count
    return batches


def _of_other_sizes(trained: Trained, multiple: int) -> list[Batch]:
    """A source that is a little higher than the run's own and twice as wide, and one more than twice as high."""
    source = trained.drawer.task.samples(0, 0, 1)["source"]
    height, width = source.shape[2:]
    batches = []
    for sides in ((height + multiple, 2 * width), (2 * height + multiple, width)):
        given = {"source": functional.interpolate(source, size=sides, mode="nearest")}
        batches.append((given, trained.drawer.draw(given)))
    return batches


def _difference(name: str, draw: Callable[[Given], Tensor], batches: list[Batch]) -> float:
    """The largest distance of a pixel from the run's own. Raises ValueError where it is too large, or no number."""
    distances = [float((draw(given) - images).abs().max()) for given, images in batches]
    worst = max(distances, key=lambda distance: distance if distance == distance else float("inf"))
    if not worst <= LARGEST_DIFFERENCE:
        cure = "; try onnx=false" if name == "model.onnx" else ""
        raise ValueError(
            f"{name}: draws pixels up to {worst:.3g} from the run's own, more than {LARGEST_DIFFERENCE:g}, as a "
            f"network does that draws numbers of its own or has diverged; nothing was written{cure}"
        )
    return worst


def _of_source(folder: Path) -> Callable[[Given], Tensor]:
    """Draws with generator.py and the weights beside it."""
    spec = importlib.util.spec_from_file_location("generator_of_an_export", folder / "generator.py")
    assert spec and spec.loader, "the file was just written"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    generator = module.load(folder)
    return torch.no_grad()(lambda given: generator(**given))


def _description(recording: Recording, trained: Trained) -> Description:
    given = trained.drawer.task.samples(0, 0, 1)
    conditional = trained.is_conditional
    return Description(
        network=recording.network,
        inputs={name: tuple(given[name].shape[1:]) for name in recording.names},
        image_shape=trained.spec.image_shape,
        num_classes=trained.spec.num_classes if conditional else None,
        class_names=tuple(trained.class_names) if conditional and trained.class_names else None,
        data=printable(trained.spec.name),
        step=trained.step,
        weights=trained.weights,
        torch=str(torch.__version__),
        multiple=recording.multiple,
    )


def _write_network(recording: Recording, described: Description, folder: Path) -> None:
    """Writes model.safetensors and generator.py."""
    write_tensors(folder / "model.safetensors", recording.tensors, {"format": "pt"})
    tensors = [(name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in recording.tensors.items()]
    words = {
        "arguments": list(described.arguments()),
        "names": recording.names,
        "parameters": [(json.dumps(name), *facts) for name, *facts in tensors if name in recording.learned],
        "buffers": [(json.dumps(name), *facts) for name, *facts in tensors if name not in recording.learned],
        "lines": lines_of(recording),
    }
    atomic_write_text(folder / "generator.py", filled("generator.py.j2", described.words() | words))


def _write_words(trained: Trained, described: Description, onnx: dict[str, Any] | None, folder: Path) -> None:
    """Writes samples.png, config.json and README.md."""
    task = trained.drawer.task
    given, columns = task.grid(whole(trained.config.get("seed")) or 0, _PICTURES)
    images = trained.drawer.draw(given)
    if isinstance(task, Sourced):
        images, columns = task.pictures(given, images)
    save_grid(images, folder / "samples.png", columns=columns)
    write_json(folder / "config.json", described.config(onnx))
    run = _record_of(trained)
    choices = {group: printable(name) for group, name in (run.choices if run else {}).items() if isinstance(name, str)}
    evaluation = card.scores(run, trained.step, trained.weights)
    words = {
        "onnx": onnx,
        "onnx_example": described.onnx_example(),
        "conditional": trained.is_conditional,
        "title": card.title(trained.spec, choices, translates=described.translates),
        "tags": card.tags(onnx=onnx is not None, conditional=trained.is_conditional, translates=described.translates),
        "class_names": card.class_names(described.class_names or ()),
        "training": card.training(trained.config, trained.step, trained.weights, _parts(trained) | choices, run),
        "scores": card.rows(evaluation) if evaluation else [],
        "protocol": card.protocol(evaluation) if evaluation else "",
    }
    atomic_write_text(folder / "README.md", filled("README.md.j2", described.words() | words))


def _parts(trained: Trained) -> dict[str, str]:
    """Short names of what the run was made of, by the classes."""
    groups = ("game", "generator", "discriminator", "loss", "optimizer")
    nodes = {group: node(trained.config.get(group)) for group in groups}
    return {group: printable(build.name_of(found)) for group, found in nodes.items() if found and "_target_" in found}


def _record_of(trained: Trained) -> Recorded | None:
    """What the run has recorded; None where the checkpoint lies alone."""
    folder = checkpoint.run_folder(trained.path)
    return read_run(folder) if (folder / "metrics.jsonl").is_file() else None
