"""Sample grids for a page: evenly chosen, made small, and put into the page itself as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ganctl.report.recorded import Recorded

MOST_GRIDS = 40
"""Of one run: a slider with more stops shows no more."""

MOST_PICTURES = 160
"""Of one page, all runs together; at 40 kB each that is about 8 MB, once they are text."""

MOST_RUNS = 8
"""Side by side under one slider."""

WIDEST = 600
"""Pixels; wider grids are shrunk."""

_LARGEST = 40_000  # bytes that a picture should not exceed; noise, as the first grids are, hardly shrinks
_ATTEMPTS = ((85, 1), (65, 1), (45, 1), (65, 2))  # WebP's quality, and how many times smaller; tried in turn

Item = TypeVar("Item")


@dataclass(frozen=True)
class Picture:
    """A picture in the page: its data URI and its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Timeline:
    """A run's grids over steps (`steps` and `pictures` are alike long), how many it had, and its best's.

    `nearest` is what `ganctl evaluate` drew last: samples over the real images that are nearest to them.
    """

    label: str
    steps: list[int]
    pictures: list[Picture]
    num_grids: int
    best: Picture | None
    unreadable: int = 0
    nearest: Picture | None = None


def timeline(run: Recorded, most: int = MOST_GRIDS) -> Timeline:
    """At most `most` grids of the run, the first and the last among them. Files that are no pictures are counted."""
    grids = run.grids()
    steps, pictures = [], []
    chosen = evenly(grids, most)
    for step, path in chosen:
        if (picture := embed(path)) is not None:
            steps.append(step)
            pictures.append(picture)
    best = embed(run.folder / "samples" / "best.png")
    drawn = sorted(run.folder.glob("scores-*.png"))
    nearest = embed(drawn[-1]) if drawn else None
    return Timeline(run.label, steps, pictures, len(grids), best, len(chosen) - len(pictures), nearest)


def grids_each(runs: int) -> int:
    """How many grids each of so many runs may show."""
    return max(2, min(MOST_GRIDS, MOST_PICTURES // max(runs, 1)))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items, evenly spaced, with the first and the last."""
    if len(items) <= most:
        return list(items)
    if most < 2:
        return list(items[-1:])
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def embed(path: Path) -> Picture | None:
    """The picture as a data URI, at most `WIDEST` pixels wide; None where there is none, or none that can be read."""
    from PIL import Image

    if not path.is_file():
        return None
    try:
        with Image.open(path) as opened:
            picture = opened if opened.mode in ("L", "RGB") else opened.convert("RGB")
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if picture.width > WIDEST:
        height = max(1, round(picture.height * WIDEST / picture.width))
        picture = picture.resize((WIDEST, height), Image.Resampling.BOX)
    kind, data = _encoded(picture)
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(uri, picture.width, picture.height)


def _encoded(picture: object) -> tuple[str, bytes]:
    """WebP without loss where that is small, else with as little loss as need be; PNG where Pillow has no WebP."""
    from PIL import Image, features

    assert isinstance(picture, Image.Image)
    if not features.check("webp"):
        return "png", _written(picture, "PNG", optimize=True)
    data = _written(picture, "WEBP", lossless=True, quality=60, method=4)
    for quality, smaller in _ATTEMPTS:
        if len(data) > _LARGEST:
            data = _written(picture.reduce(smaller), "WEBP", quality=quality, method=4)
    return "webp", data


def _written(picture: object, kind: str, **options: object) -> bytes:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
