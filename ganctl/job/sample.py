"""`ganctl sample RUN`: pictures from a trained generator, as a grid, files, an array, class folders, or a walk."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from ganctl import build, checkpoint
from ganctl.contract import Given, Sourced
from ganctl.files import write_json
from ganctl.job import sample_inputs
from ganctl.job.class_folders import save_classes
from ganctl.job.new_folder import new_folder
from ganctl.record.console import Console
from ganctl.record.image_grid import save_gif, save_grid, save_images, save_npz, to_uint8
from ganctl.record.video import save_mp4
from ganctl.trained import Trained, open_trained

_FRAME_IMAGES = 36  # at most so many pictures side by side in an interpolation
_STOPS = 4  # latents that each of them passes through
_CHUNK = 1000
_MOST_IN_GRID = 1024


@dataclass(frozen=True)
class _Drawing:
    """One call: what was asked for, of which generator, from which seeds, and the folder to write to."""

    config: DictConfig
    trained: Trained
    console: Console
    classes: list[int]
    seeds: list[int]
    count: int
    folder: Path


def draw_samples(config: DictConfig, target: Path) -> int:
    """Draws what `config` (sample.yaml) asks for and says where it is. Returns the exit code."""
    _check(config)
    with Console(None) as console:
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        classes = sample_inputs.classes(config, trained)
        seeds, count, source = sample_inputs.source(config, trained, len(classes))
        if config.interpolate and "latents" not in trained.drawer.task.samples(0, 0, 1):
            raise ValueError(f"interpolate={config.interpolate}: this generator has no latents to walk through")
        sample_inputs.check_truncation(config.truncation, trained)
        with new_folder(config.output, checkpoint.run_folder(trained.path), "drawn") as (folder, final):
            drawing = _Drawing(config, trained, console, classes, seeds, count, folder)
            facts = {
                "checkpoint": str(trained.path),
                "step": trained.step,
                "weights": trained.weights,
                "seed": seeds[0] if config.seeds is None else None,
                "seeds": None if config.seeds is None else seeds,
                "num_images": count,
                "classes": classes,
                "truncation": config.truncation,
                **(_save_classes(drawing) if config.per_class else _save(drawing)),
            }
            write_json(folder / "sample.json", facts)
            written = sorted(path.name for path in folder.iterdir() if path.name != "sample.json")
        rows = {"checkpoint": f"{trained.path} (step {trained.step:,}, {trained.weights} weights)", **source}
        if config.per_class:
            rows["class folders"] = f"{final}: {config.per_class:,} pictures of each of {len(written)} classes"
        else:
            rows |= {name: str(final / name) for name in written}
        console.summary({}, rows, {})
    return 0


def _check(config: DictConfig) -> None:
    """Raises ValueError, in one line, for wishes that do not go together, before anything is read."""
    others = {key: config[key] for key in ("images", "npz", "interpolate", "seeds") if config[key]}
    if config.per_class and others:
        key, value = next(iter(others.items()))
        raise ValueError(f"per_class={config.per_class}: writes class folders alone; leave out {key}={value}")
    if not (config.grid or config.images or config.npz or config.interpolate or config.per_class):
        raise ValueError("grid=false: nothing is left to write; set one of grid, images, npz, interpolate, per_class")


def _save_classes(drawing: _Drawing) -> dict[str, Any]:
    folders = save_classes(
        drawing.trained,
        drawing.folder,
        list(dict.fromkeys(drawing.classes)),
        count=drawing.config.per_class,
        seed=drawing.seeds[0],
        truncation=drawing.config.truncation,
        progress=drawing.console.progress,
    )
    return {"per_class": drawing.config.per_class, "folders": folders}


def _save(drawing: _Drawing) -> dict[str, Any]:
    """Writes grid, files, array and walk, those that are asked for. Returns what sample.json says of them."""
    config, trained, classes, count = drawing.config, drawing.trained, drawing.classes, drawing.count
    given = sample_inputs.given(trained, drawing.seeds, count, classes)
    given = sample_inputs.truncated(given, config.truncation, trained)
    if config.grid:
        columns = len(classes) if len(classes) > 1 and count >= len(classes) else None
        task, most = trained.drawer.task, _MOST_IN_GRID
        if isinstance(task, Sourced):
            most = task.num_samples()
        first = {name: rows[:most] for name, rows in given.items()}
        images = trained.drawer.draw(first)
        if isinstance(task, Sourced):
            images, columns = task.pictures(first, images.cpu())
        save_grid(images, drawing.folder / "grid.png", columns=columns)
    if config.images or config.npz:
        _save_all(drawing, given)
    if not config.interpolate:
        return {}
    _save_walk(drawing, given)
    return {"walk": config.walk, "fps": config.fps}


def _save_all(drawing: _Drawing, given: Given) -> None:
    config, trained, count = drawing.config, drawing.trained, drawing.count
    parts = []
    for start in range(0, count, _CHUNK):
        drawing.console.progress("drawing", start, count)
        images = trained.drawer.draw({name: rows[start : start + _CHUNK] for name, rows in given.items()})
        if config.images:
            save_images(images, drawing.folder / "images", start=start)
        if config.npz:
            parts.append(to_uint8(images))
    drawing.console.progress("drawing", count, count)
    if config.npz:
        labels = given["labels"] if trained.is_conditional else None
        save_npz(torch.cat(parts), drawing.folder / "images.npz", labels)


def _save_walk(drawing: _Drawing, given: Given) -> None:
    """A closed walk through four images a picture; each picture keeps its class.

    Of asked seeds it is one picture that passes through all of them.
    """
    config, trained = drawing.config, drawing.trained
    if config.seeds is not None:
        stops = given["latents"].unsqueeze(1)
    else:
        pictures = math.isqrt(min(_FRAME_IMAGES, len(given["latents"]))) ** 2
        samples = trained.drawer.task.samples(drawing.seeds[0], 0, _STOPS * pictures)
        stops = sample_inputs.truncated(samples, config.truncation, trained)["latents"].view(_STOPS, pictures, -1)
    between = max(1, round(config.interpolate / len(stops)))
    walk = trained.drawer.walk(stops, given["labels"][: stops.shape[1]], between, straight=config.walk == "linear")
    frames: Any = _counted(walk, between * len(stops), drawing.console)
    if config.video == "both":
        frames = [to_uint8(frame) for frame in frames]
    if config.video in ("mp4", "both"):
        save_mp4(frames, drawing.folder / "interpolation.mp4", fps=config.fps)
    if config.video in ("gif", "both"):
        save_gif(frames, drawing.folder / "interpolation.gif", fps=config.fps)


def _counted(frames: Iterator[Tensor], total: int, console: Console) -> Iterator[Tensor]:
    for number, frame in enumerate(frames):
        console.progress("drawing frames", number, total)
        yield frame
    console.progress("drawing frames", total, total)
