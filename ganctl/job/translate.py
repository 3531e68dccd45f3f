"""`ganctl translate RUN IMAGES...`: what a trained translation or enlargement makes of pictures of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy
import torch
from omegaconf import DictConfig
from PIL import Image

from ganctl import build, checkpoint
from ganctl.contract import ArgumentError, Sourced
from ganctl.dataset.decode import opened, quiet_pillow
from ganctl.dataset.image_folder import EXTENSIONS
from ganctl.dataset.listing import Archive, Entry, Folder, name_in_one_line, open_source
from ganctl.files import given_path, one_line
from ganctl.job.new_folder import new_folder
from ganctl.record.console import Console
from ganctl.record.wording import counted
from ganctl.tiling import in_tiles
from ganctl.trained import Trained, open_trained

_NAMED = 5  # pictures left out that are named on the screen


@dataclass(frozen=True)
class Picture:
    """One of the pictures: where it is read, and the name that its translation gets."""

    source: Folder | Archive
    entry: Entry
    name: str


def translate(config: DictConfig, target: Path, images: Sequence[str]) -> int:
    """Writes a picture for each of `images`; 1 if some had to be left out, else 0.

    Raises ValueError in one line where nothing is to be translated, or by a run that does not start from pictures.
    """
    with Console(None) as console:
        pictures = listed(images)
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        if not isinstance(trained.drawer.task, Sourced):
            raise ValueError(f"{target}: draws from noise, not from pictures; try ganctl sample {target}")
        left_out: list[str] = []
        with new_folder(config.output, checkpoint.run_folder(trained.path), "translated") as (folder, final):
            with quiet_pillow():
                for number, picture in enumerate(pictures):
                    console.progress("translating", number, len(pictures))
                    try:
                        result = translated(picture, trained, tile=config.tile, overlap=config.overlap)
                    except ValueError as error:
                        left_out.append(f"{name_in_one_line(picture.entry.name)} {one_line(error)}")
                        continue
                    path = folder / picture.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    result.save(path, "PNG")
            console.progress("translating", len(pictures), len(pictures))
            if len(left_out) == len(pictures):
                raise ValueError(f"none of {counted(len(pictures), 'picture')} could be translated: {left_out[0]}")
        for line in left_out[:_NAMED]:
            console.warn(f"left out: {line}")
        if len(left_out) > _NAMED:
            console.warn(f"left out: {len(left_out) - _NAMED} more")
        rows = {
            "checkpoint": f"{trained.path} (step {trained.step:,}, {trained.weights} weights)",
            "translated": f"{counted(len(pictures) - len(left_out), 'picture')} of {len(pictures):,}",
            "folder": str(final),
        }
        console.summary({}, rows, {})
    return 1 if left_out else 0


def listed(images: Sequence[str]) -> list[Picture]:
    """Every picture of the files, folders and zips. Raises ValueError where there are none, or two of a name."""
    found: dict[str, Picture] = {}
    for text in images:
        for source, entry in _entries(text):
            name = str(PurePosixPath(entry.name).with_suffix(".png"))
            if name in found:
                other = f"{found[name].source.name}/{found[name].entry.name}"
                raise ValueError(
                    f"{text}: {entry.name} would be written to {name} as {other} would; rename one of them"
                )
            found[name] = Picture(source, entry, name)
    return list(found.values())


def _entries(text: str) -> Iterator[tuple[Folder | Archive, Entry]]:
    path = given_path(text)
    if path.is_file() and path.suffix.lower().lstrip(".") in EXTENSIONS:
        status = path.stat()
        yield Folder(path.parent), Entry(path.name, status.st_size, status.st_mtime_ns)
        return
    try:
        source = open_source(text)
        entries = source.entries(EXTENSIONS)
    except ArgumentError as error:
        raise ValueError(f"{text}: {error.need}") from None
    except Exception as error:  # whatever a damaged zip leads its reader into
        raise ValueError(f"{text}: cannot be read ({one_line(error)})") from None
    if not entries:
        raise ValueError(f"{text}: holds no file that ends in .{', .'.join(EXTENSIONS)}")
    for entry in entries:
        yield source, entry


def translated(picture: Picture, trained: Trained, *, tile: int, overlap: int) -> Image.Image:
    """The translation, with the picture's transparency. Raises ValueError for what cannot be read or has 16 bits."""
    with picture.source.reader() as read:
        pixels, alpha = opened(read(picture.entry))
    network, device = trained.drawer.network, trained.drawer.device
    channels = (trained.drawer.task.spec.source_shape or trained.spec.image_shape)[0]
    image = Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")
    rows = torch.from_numpy(numpy.array(image)).to(device.torch_device)
    source = (rows[None] if channels == 1 else rows.permute(2, 0, 1))[None].float() / 127.5 - 1
    with torch.no_grad():
        made = in_tiles(
            lambda part: network(source=part).float(),
            source,
            tile=tile,
            overlap=min(overlap, tile // 2),
            multiple=getattr(network, "multiple", 1),
        )
    levels = made[0].add(1).mul(127.5).add(0.5).clamp(0, 255).to(torch.uint8).cpu().numpy()
    result = Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
    if alpha is not None:
        mask = Image.fromarray(alpha)
        result.putalpha(mask if mask.size == result.size else mask.resize(result.size, Image.Resampling.BICUBIC))
    return result
