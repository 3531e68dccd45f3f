"""Many pictures of each class, in a folder a class: training data as torchvision's ImageFolder and ganctl read them."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch

from ganctl.contract import Progress
from ganctl.job.sample_inputs import class_names, truncated
from ganctl.record.image_grid import save_images
from ganctl.trained import Trained

_CHUNK = 500
_LONGEST = 60  # characters of a folder's name
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # by Windows


def save_classes(
    trained: Trained,
    folder: Path,
    classes: Sequence[int],
    *,
    count: int,
    seed: int,
    truncation: float | None,
    progress: Progress,
) -> dict[str, str]:
    """Writes FOLDER/CLASS/00001.png and on, `count` of each of `classes`; returns the folder of each class by its name.

    The pictures are the samples 0, 1, ... of `seed`, class after class, at their own size. Raises ValueError for a
    generator that has diverged.
    """
    names = class_names(trained)
    folders = dict(zip(classes, folder_names([names[label] for label in classes]), strict=True))
    for place, label in enumerate(classes):
        for start in range(0, count, _CHUNK):
            progress("drawing", place * count + start, len(classes) * count)
            number = min(_CHUNK, count - start)
            given = trained.drawer.task.samples(seed, place * count + start, number)
            given["labels"] = torch.full((number,), label)
            images = trained.drawer.draw(truncated(given, truncation, trained))
            if not images.isfinite().all():
                raise ValueError(f"{trained.path}: has NaN or infinite pixels; the generator has diverged")
            save_images(images, folder / folders[label], start=start + 1, digits=5)
    progress("drawing", len(classes) * count, len(classes) * count)
    return {names[label]: name for label, name in folders.items()}


def folder_names(names: Sequence[str]) -> list[str]:
    """A name for a folder for each class: its own, without what some file system does not take.

    Where two would be the same on some file system, or one would be no name, all have their number in front.
    """
    safe = [re.sub(r"[^\w .+()-]", "_", name)[:_LONGEST].strip(" .") for name in names]
    are_names = all(name and not _RESERVED.fullmatch(name) for name in safe)
    if are_names and len({name.casefold() for name in safe}) == len(safe):
        return safe
    return [f"{number:03d}-{name}" for number, name in enumerate(safe)]
