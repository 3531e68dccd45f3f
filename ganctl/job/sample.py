"""`ganctl sample RUN`: pictures from a trained generator, as a grid, files, an array, or a walk through latents."""

import math
from datetime import datetime
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganctl import build, checkpoint
from ganctl.contract import Given
from ganctl.files import write_json
from ganctl.record.console import Console
from ganctl.record.image_grid import save_gif, save_grid, save_images, save_npz, to_uint8
from ganctl.trained import Trained, open_trained

_FRAME_IMAGES = 36  # at most so many pictures side by side in an interpolation
_STOPS = 4  # latents that each of them passes through
_CHUNK = 1000
_MOST_IN_GRID = 1024


def draw_samples(config: DictConfig, target: Path) -> int:
    """Draws what `config` (sample.yaml) asks for and says where it is. Returns the exit code."""
    if not (config.grid or config.images or config.npz or config.interpolate):
        raise ValueError("grid=false: nothing is left to write; set one of grid, images, npz, interpolate")
    with Console(None) as console:
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        classes = _classes(config, trained)
        given = _given(config, trained, classes)
        if config.interpolate and "latents" not in given:
            raise ValueError(f"interpolate={config.interpolate}: this generator has no latents to walk through")
        folder = _output_folder(config, trained)
        written = []
        if config.grid:
            columns = len(classes) if len(classes) > 1 and config.num_images >= len(classes) else None
            first = {name: rows[:_MOST_IN_GRID] for name, rows in given.items()}
            save_grid(trained.drawer.draw(first), folder / "grid.png", columns=columns)
            written.append(folder / "grid.png")
        if config.images or config.npz:
            written += _save_all(config, trained, folder, given, console)
        if config.interpolate:
            written.append(_save_walk(config, trained, folder, given["labels"]))
        facts = {
            "checkpoint": str(trained.path),
            "step": trained.step,
            "weights": trained.weights,
            "seed": config.seed,
            "num_images": config.num_images,
            "classes": classes,
        }
        write_json(folder / "sample.json", facts)
        rows = {"checkpoint": f"{trained.path} (step {trained.step:,}, {trained.weights} weights)"}
        console.summary({}, rows | {path.name: str(path) for path in written}, {})
    return 0


def _classes(config: DictConfig, trained: Trained) -> list[int]:
    """The class numbers asked for: all by default, none of an unconditional run. Names are understood too."""
    asked = config.classes
    asked = list(asked) if OmegaConf.is_list(asked) else [] if asked is None else [asked]
    number = trained.spec.num_classes or 0
    if trained.drawer.task.asked_labels(0, 1) is None:
        if asked:
            raise ValueError(
                f"classes={asked[0]}: {checkpoint.run_folder(trained.path)} was trained without labels, so it has no "
                "classes to ask for; train with conditional=true"
            )
        return []
    names = trained.class_names or [str(place) for place in range(number)]
    chosen = []
    for label in asked or range(number):
        if str(label) in names:
            chosen.append(names.index(str(label)))
        elif isinstance(label, int) and 0 <= label < number:
            chosen.append(label)
        else:
            raise ValueError(f"classes={label}: there is no such class; choose from {', '.join(names)}")
    return chosen


def _given(config: DictConfig, trained: Trained, classes: list[int]) -> Given:
    given = trained.drawer.task.samples(config.seed, 0, config.num_images)
    if classes:
        given["labels"] = torch.tensor(classes)[torch.arange(config.num_images) % len(classes)]
    return given


def _output_folder(config: DictConfig, trained: Trained) -> Path:
    """A folder of its own for these pictures; one that has something in it already is refused."""
    if config.output is not None:
        folder = Path(config.output)
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ValueError(f"output={folder}: is there already and not empty; choose another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"output={folder}: cannot be made ({error.strerror}); choose another folder") from None
        return folder
    parent = checkpoint.run_folder(trained.path)
    stem = f"drawn-{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for number in range(1, 1000):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise ValueError(
                f"{parent}: cannot write there ({error.strerror}); choose a folder with output=FOLDER"
            ) from None
    raise ValueError(f"{parent}: holds 1,000 folders of this second already; choose one with output=FOLDER")


def _save_all(config: DictConfig, trained: Trained, folder: Path, given: Given, console: Console) -> list[Path]:
    parts, count = [], config.num_images
    for start in range(0, count, _CHUNK):
        console.progress("drawing", start, count)
        images = trained.drawer.draw({name: rows[start : start + _CHUNK] for name, rows in given.items()})
        if config.images:
            save_images(images, folder / "images", start=start)
        if config.npz:
            parts.append(to_uint8(images))
    console.progress("drawing", count, count)
    written = [folder / "images"] if config.images else []
    if config.npz:
        labels = given["labels"] if trained.drawer.task.asked_labels(0, 1) is not None else None
        save_npz(torch.cat(parts), folder / "images.npz", labels)
        written.append(folder / "images.npz")
    return written


def _save_walk(config: DictConfig, trained: Trained, folder: Path, labels: Tensor) -> Path:
    """A closed walk on great circles through four images a picture; each picture keeps its class."""
    pictures = math.isqrt(min(_FRAME_IMAGES, config.num_images)) ** 2
    latents = trained.drawer.task.samples(config.seed, 0, _STOPS * pictures)["latents"]
    between = max(1, round(config.interpolate / _STOPS))
    path = folder / "interpolation.gif"
    save_gif(trained.drawer.walk(latents.view(_STOPS, pictures, -1), labels[:pictures], between), path)
    return path
