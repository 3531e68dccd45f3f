"""Sample grids for a page: evenly chosen, made small, and put into the page itself as data URIs."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ganctl.report.facts import UNFINISHED, best, status
from ganctl.report.recorded import Recorded

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_GRIDS = 40  # of one run: a slider with more stops shows no more
MOST_PICTURES = 160  # of one page, all runs together; at 40 kB each that is about 8 MB, once they are text
MOST_RUNS = 8  # side by side under one slider
WIDEST = 600  # pixels; wider grids are shrunk
TALLEST = 6000  # pixels; WebP has no more than 16383
LARGEST = 2**26  # pixels of a file, which take 0.2 GB; a grid has fewer than a tenth of it

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
    """A run's grids over steps (`steps` and `pictures` are alike long), how many there were, and its best's.

    `real` are real images of the data, where the run drew them.
    `nearest` is what `ganctl evaluate` drew last: samples over the real images that are nearest to them.
    """

    steps: list[int]
    pictures: list[Picture]
    num_grids: int
    best: Picture | None
    unreadable: int = 0
    nearest: Picture | None = None
    real: Picture | None = None


def timeline(run: Recorded, most: int = MOST_GRIDS) -> Timeline:
    """At most `most` grids of the run, the first and the last among them. Files that are no pictures are counted."""
    grids = run.grids()
    chosen = [(step, embed(path)) for step, path in evenly(grids, most)]
    pictures = {step: picture for step, picture in chosen if picture is not None}
    judged = best(run) is not None and status(run) != UNFINISHED  # else the picture is of an earlier stretch
    return Timeline(
        steps=list(pictures),
        pictures=list(pictures.values()),
        num_grids=len(grids),
        best=embed(run.folder / "samples" / "best.png") if judged else None,
        unreadable=len(chosen) - len(pictures),
        nearest=next((embed(path) for path in sorted(run.folder.glob("scores-*.png"))[-1:]), None),
        real=embed(run.folder / "samples" / "real.png"),
    )


def grids_a_run(runs: int) -> int:
    """How many grids one of so many runs may have."""
    return max(2, min(MOST_GRIDS, MOST_PICTURES // max(runs, 1)))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` (2 or more) of the items, evenly spaced, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def embed(path: Path) -> Picture | None:
    """The picture as a data URI, at most `WIDEST` pixels wide; None where there is none, or none that can be read."""
    from PIL import Image as pillow

    picture = _read(path) if path.is_file() else None
    if picture is None:
        return None
    if picture.width > WIDEST:
        height = max(1, round(picture.height * WIDEST / picture.width))
        picture = picture.resize((WIDEST, height), pillow.Resampling.BOX)
    if picture.height > TALLEST:
        width = max(1, round(picture.width * TALLEST / picture.height))
        picture = picture.resize((width, TALLEST), pillow.Resampling.BOX)
    kind, data = _encoded(picture)
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(uri, picture.width, picture.height)


def _read(path: Path) -> Image | None:
    """The pixels of a PNG file, grey or in colours; None for what is none, or none of ganctl's."""
    from PIL import Image as pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd palettes, and of sizes that are refused below
            with pillow.open(path, formats=["PNG"]) as file:
                if file.width * file.height > LARGEST:
                    return None
                picture = file if file.mode in ("L", "RGB") else file.convert("RGB")
                picture.load()
                return picture
    except Exception:  # Pillow raises almost anything on a damaged file
        return None


def _encoded(picture: Image) -> tuple[str, bytes]:
    """WebP without loss where that is small, else with as little loss as need be; PNG where Pillow has no WebP."""
    from PIL import features

    file = io.BytesIO()
    if not features.check("webp"):
        picture.save(file, "PNG", optimize=True)
        return "png", file.getvalue()
    picture.save(file, "WEBP", lossless=True, quality=60, method=4)
    for quality, smaller in _ATTEMPTS:
        if file.getbuffer().nbytes > _LARGEST:
            file = io.BytesIO()
            picture.reduce(smaller).save(file, "WEBP", quality=quality, method=4)
    return "webp", file.getvalue()
