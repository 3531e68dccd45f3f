"""`ganctl sample RUN`: pictures from a trained generator, as a grid, files, an array, or a walk through latents."""

import contextlib
import itertools
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from ganctl import build, checkpoint
from ganctl.bounded import read_json
from ganctl.contract import Given
from ganctl.files import write_json
from ganctl.forms import node, whole
from ganctl.record.console import Console
from ganctl.record.image_grid import save_gif, save_grid, save_images, save_npz, to_uint8
from ganctl.trained import Trained, open_trained

_FRAME_IMAGES = 36  # at most so many pictures side by side in an interpolation
_STOPS = 4  # latents that each of them passes through
_CHUNK = 1000
_MOST_IN_GRID = 1024
_LARGEST_SEED, _MOST_SEEDS = 2**32 - 1, 100_000


def draw_samples(config: DictConfig, target: Path) -> int:
    """Draws what `config` (sample.yaml) asks for and says where it is. Returns the exit code."""
    if not (config.grid or config.images or config.npz or config.interpolate):
        raise ValueError("grid=false: nothing is left to write; set one of grid, images, npz, interpolate")
    with Console(None) as console:
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        classes = _classes(config, trained)
        seeds, count, source = _source(config, trained)
        given = _given(trained, seeds, count, classes)
        if config.interpolate and "latents" not in given:
            raise ValueError(f"interpolate={config.interpolate}: this generator has no latents to walk through")
        folder = _output_folder(config, trained)
        written = []
        if config.grid:
            columns = len(classes) if len(classes) > 1 and count >= len(classes) else None
            first = {name: rows[:_MOST_IN_GRID] for name, rows in given.items()}
            save_grid(trained.drawer.draw(first), folder / "grid.png", columns=columns)
            written.append(folder / "grid.png")
        if config.images or config.npz:
            written += _save_all(config, trained, folder, given, count, console)
        if config.interpolate:
            written.append(_save_walk(config, trained, folder, given, seeds))
        facts = {
            "checkpoint": str(trained.path),
            "step": trained.step,
            "weights": trained.weights,
            "seed": seeds[0] if config.seeds is None else None,
            "seeds": None if config.seeds is None else seeds,
            "num_images": count,
            "classes": classes,
        }
        write_json(folder / "sample.json", facts)
        rows = {"checkpoint": f"{trained.path} (step {trained.step:,}, {trained.weights} weights)", **source}
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


def _source(config: DictConfig, trained: Trained) -> tuple[list[int], int, dict[str, str]]:
    """The seeds to draw with, how many pictures in all, and a line that says so."""
    if config.seeds is not None:
        if config.seed is not None:
            raise ValueError(f"seed={config.seed}: seeds={config.seeds} is set as well; leave out one of the two")
        seeds = _seeds(config.seeds)
        return seeds, len(seeds), {"seeds": f"{_ranges(seeds)}, a picture of each"}
    if config.seed is not None:
        return [config.seed], config.num_images, {"seed": f"{config.seed}, its pictures 0 to {config.num_images - 1:,}"}
    own: Any = trained.config.get("seed")
    drawn: set[int | None] = set()
    for file in checkpoint.run_folder(trained.path).glob("drawn-*/sample.json"):
        with contextlib.suppress(ValueError):  # of no drawing that can be known
            drawn.add(whole((node(read_json(file)) or {}).get("seed")))
    first = own + 1 if isinstance(own, int) else 0  # the run itself has drawn with its own
    seed = next(number for number in itertools.count(first) if number not in drawn)
    return [seed], config.num_images, {"seed": f"{seed}, not drawn before; for the same pictures again: seed={seed}"}


def _seeds(asked: Any) -> list[int]:
    """The seeds of `0-63`, `7` or a list of such, in its order. Raises ValueError in one line."""
    seeds: list[int] = []
    for part in asked if OmegaConf.is_list(asked) else [asked]:
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", str(part))
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if not 0 <= first <= last <= _LARGEST_SEED or len(seeds) + last - first >= _MOST_SEEDS:
            text = f"seeds={part}: not a range of seeds, FIRST-LAST in [0, {_LARGEST_SEED}], of {_MOST_SEEDS:,} at most"
            raise ValueError(f"{text}; try seeds=0-63 or seeds=[3,7,20-29]")
        seeds += range(first, last + 1)
    if not seeds:
        raise ValueError("seeds=[]: names no seed; try seeds=0-63")
    return seeds


def _ranges(seeds: list[int]) -> str:
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds)) if len(seeds) <= 12 else f"{seeds[0]} ... {seeds[-1]}, {len(seeds):,} of them"


def _given(trained: Trained, seeds: list[int], count: int, classes: list[int]) -> Given:
    """The samples 0 to `count` - 1 of one seed, or number 0 of each of several."""
    samples = trained.drawer.task.samples
    rows = [samples(seed, 0, count // len(seeds)) for seed in seeds]
    given = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
    if classes:
        given["labels"] = torch.tensor(classes)[torch.arange(count) % len(classes)]
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


def _save_all(
    config: DictConfig, trained: Trained, folder: Path, given: Given, count: int, console: Console
) -> list[Path]:
    parts = []
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


def _save_walk(config: DictConfig, trained: Trained, folder: Path, given: Given, seeds: list[int]) -> Path:
    """A closed walk on great circles through four images a picture; each picture keeps its class.

    Of asked `seeds` it is one picture that passes through all of them.
    """
    if config.seeds is not None:
        stops = given["latents"].unsqueeze(1)
    else:
        pictures = math.isqrt(min(_FRAME_IMAGES, len(given["latents"]))) ** 2
        stops = trained.drawer.task.samples(seeds[0], 0, _STOPS * pictures)["latents"].view(_STOPS, pictures, -1)
    between = max(1, round(config.interpolate / len(stops)))
    path = folder / "interpolation.gif"
    save_gif(trained.drawer.walk(stops, given["labels"][: stops.shape[1]], between), path)
    return path
