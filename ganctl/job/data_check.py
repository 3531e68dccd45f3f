"""`ganctl data check PATH`: what there is in a folder or zip of pictures, and what to do before a training."""

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy

from ganctl.configuration.names import quote
from ganctl.dataset.image_folder import EXTENSIONS, MAX_BROKEN, ImageFolder, most_broken
from ganctl.dataset.pairing import Pairing, pairing
from ganctl.dataset.size import Resolution, Size, as_typed
from ganctl.dataset.survey import Survey, survey
from ganctl.files import one_line, write_json, write_new
from ganctl.forms import printable
from ganctl.invocation.arguments import about_path
from ganctl.record.console import Console
from ganctl.record.image_grid import grid_png
from ganctl.record.wording import counted

FEW = 100  # images that a generator learns by heart
_UNEQUAL = 5  # times that the largest class is larger than the smallest, from which on it is said
_NAMED = 3
_BATCH = 32  # images, as model=projected takes, which data sets in colour choose
_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
_SHEET = 64  # pictures of the contact sheet


def check(path: str, *, resolution: Resolution = 64, sources: str | None = None, json: Path | None = None) -> int:
    """Says what there is at `path`. Returns the exit code: 0 if a training on it can begin and learn something.

    `sources` are pictures that those at `path` are to be made of, and perhaps belong to.

    Raises ValueError, in one line, where there is no folder or zip.
    """
    with about_path(), Console(None) as console:
        folder = ImageFolder(path=path, resolution=resolution)
        found = survey(path, EXTENSIONS, console.progress)
        console.header(_rows(found), title=printable(found.name))
        faults = list(_faults(found))
        pairs = None
        if sources is not None:
            others = survey(sources, EXTENSIONS, console.progress)
            console.header(_rows(others), title=f"{printable(others.name)} (sources)")
            faults += [f"sources: {fault}" for fault in _faults(others)]
            pairs = pairing(found.looks, others.looks)
            console.header(_pair_rows(pairs), title="together")
        assert folder.size is not None
        advice = [*faults, *_advice(found, folder.size), *(_pair_advice(pairs) if pairs else _side_by_side(found))]
        for text in faults:
            console.warn(text)
        for text in advice[len(faults) :]:
            console.note(f"- {text}")
        files = {} if not found.looks else {"contact sheet": _sheet(folder)}
        command = None if faults else _command(path, found, folder.size)
        if command and pairs and sources:
            command = _translation_command(path, sources, pairs, folder.size)
        if json:
            record = _record(path, found, resolution) | {"advice": advice, "usable": not faults, "command": command}
            files["all names"] = _write_json(json, record)
        console.summary({}, files, {"train": command} if command else {})
    return 1 if faults else 0


def _rows(found: Survey) -> dict[str, str]:
    """What there is, a line a fact; where nothing is to be said, no line."""
    rows = {"images": f"{len(found.looks):,} ({_shares(found.formats)}), {found.num_bytes / 1e6:,.1f} MB"}
    if found.sizes:
        smallest, median, largest = (f"{w}x{h}" for w, h in (found.sizes[i] for i in (0, len(found.sizes) // 2, -1)))
        rows["sizes"] = smallest if smallest == largest else f"{smallest} to {largest}, median {median}"
        rows["shapes"] = _shares(found.shapes)
        rows["pixels"] = _shares(found.kinds)
    if found.classes:
        rows["classes"] = f"{len(found.classes):,}: {_some([f'{n} {c:,}' for n, c in found.classes.most_common()], 8)}"
    if found.duplicates:
        extra = sum(len(group) - 1 for group in found.duplicates)
        rows["equal"] = f"{extra:,} too many: {_some([' = '.join(group[:_NAMED]) for group in found.duplicates])}"
    if found.near_duplicates:
        pairs = [f"{first} ~ {second}" for first, second in found.near_duplicates]
        rows["nearly equal"] = f"{counted(len(pairs), 'pair')}: {_some(pairs)}"
    if found.broken:
        rows["unreadable"] = f"{len(found.broken):,}: {_some([f'{name} {why}' for name, why in found.broken.items()])}"
    for name, names in (("left out", found.other), ("lead out of it", found.outside)):
        if names:
            rows[name] = f"{counted(len(names), 'file')}: {_some(names)}"
    if found.linked:
        rows["linked"] = f"{counted(found.linked, 'image')} outside the folder"
    return rows


def _faults(found: Survey) -> Iterator[str]:
    """Why a training would be refused, or learn a single picture."""
    total = len(found.looks) + len(found.broken)
    if not total:
        yield f"there is no image: no file ends in .{', .'.join(EXTENSIONS)}; choose another folder"
    elif len(found.broken) > most_broken(total, MAX_BROKEN):
        share = f"more than dataset.max_broken={MAX_BROKEN} lets pass"
        yield f"{len(found.broken):,} of {counted(total, 'file')} cannot be read, {share}; repair or remove them"
    elif found.num_different == 1:
        yield "all images are the same; there must be two different ones at least, and some hundred to learn from"


def _advice(found: Survey, size: Size) -> Iterator[str]:
    count, (height, width) = len(found.looks), size
    small = [image for image in found.sizes if image[0] < width or image[1] < height]
    if 0 < found.num_different < FEW:
        yield (
            f"{counted(found.num_different, 'different picture')}: so few are learned by heart; add some, or double "
            "them by their mirror images with training.flip=true where left and right do not matter"
        )
    if small:
        lower = 2 ** int(math.log2(max(4, numpy.percentile([min(size) for size in found.sizes], 5))))
        cure = f"; try resolution={lower}" if height == width and 8 <= lower < height else ""
        pixels = f"{height}" if height == width else f"{width}x{height}"
        yield f"{len(small):,} of {count:,} are smaller than {pixels} pixels and will be blurred by enlarging{cure}"
    if others := count - found.num_shaped(width, height):
        shape = "square" if height == width else f"shaped as {width}x{height}"
        yield (
            f"{others:,} of {count:,} are not {shape}: the middle is kept; dataset.fit=pad keeps all and adds white "
            "(look at the contact sheet)"
        )
    if found.duplicates or found.near_duplicates:
        yield (
            "equal and nearly equal pictures are learned as often as they come, and look like copies to the scores: "
            "look at some pairs, and remove what is not wanted"
        )
    if splits := _SPLITS & {name.lower() for name in found.classes}:
        yield f"sub-folders called {' and '.join(sorted(splits))}: if they are no classes, take one as the path"
    elif found.classes:
        yield "the sub-folders are classes: conditional=true draws the one that is asked for"
        (large, most), (rare, fewest) = found.classes.most_common()[0], found.classes.most_common()[-1]
        if most > _UNEQUAL * fewest:
            yield f"the classes are unequal: {large} has {most:,}, {rare} {fewest:,}; the rare ones will be drawn worse"
    if 0 < len(found.broken) <= most_broken(count + len(found.broken), MAX_BROKEN):
        yield f"{counted(len(found.broken), 'file')} cannot be read and will be left out; better repair or remove them"


def _command(path: str, found: Survey, size: Size) -> str:
    is_grey = set(found.kinds) & {"grey", "colour"} == {"grey"}
    words = ["training.flip=true"] if found.num_different < FEW else []
    if (count := len(found.looks)) < _BATCH:  # a batch has no image twice
        words.append(f"training.batch_size={2 ** int(math.log2(count))}")
    words += ["conditional=true"] if found.classes and not _SPLITS & {name.lower() for name in found.classes} else []
    return training_command(path, size, 1 if is_grey else 3, *words)


def _pair_rows(pairs: Pairing) -> dict[str, str]:
    rows = {"pairs": f"{len(pairs.both):,} names in both"}
    for name, names in (("no source", pairs.without_source), ("no image", pairs.without_image)):
        if names:
            rows[name] = f"{counted(len(names), 'name')}: {_some(names)}"
    if pairs.unequal:
        rows["unequal"] = f"{counted(len(pairs.unequal), 'pair')} of two sizes: {_some(pairs.unequal)}"
    return rows


def _pair_advice(pairs: Pairing) -> Iterator[str]:
    if not pairs.both:
        yield "no name is in both: these are two collections, for model=cyclegan or model=cut"
    elif not pairs.are_pairs:
        yield "some names have no partner: rename or remove them, or take both as two collections for model=cut"
    if pairs.unequal:
        yield "some pairs differ in size: each side is cropped and scaled by itself, so they may not lie on each other"


def _side_by_side(found: Survey) -> Iterator[str]:
    if found.sizes and found.num_shaped(2, 1) == len(found.sizes):
        yield "all are twice as wide as high: if each holds a pair side by side, take dataset=paired_folder"


def _translation_command(path: str, sources: str, pairs: Pairing, size: Size) -> str:
    """What to type for a training from the pictures at `sources` to those at `path`."""
    model, data = ("pix2pix", "paired_folder") if pairs.are_pairs else ("cut", "unpaired_folder")
    paths = [f"dataset.{key}={_typed(place)}" for key, place in (("path", path), ("sources", sources))]
    words = [f"model={model}", f"dataset={data}", *paths, f"dataset.resolution={as_typed(size)}"]
    return shlex.join(["ganctl", "train", *words])


def _typed(path: str) -> str:
    return path if re.fullmatch(r"[\w./-]*[A-Za-z/][\w./-]*", path) else quote(path)


def training_command(path: str, size: Size, channels: int, *words: str) -> str:
    """What to type for a training on the pictures at `path`."""
    settings = [f"dataset.path={_typed(path)}", f"dataset.resolution={as_typed(size)}"]
    settings += [] if channels == 3 else [f"dataset.channels={channels}"]
    return shlex.join(["ganctl", "train", "dataset=image_folder", *settings, *words])


def _sheet(folder: ImageFolder) -> str:
    """Writes some of the pictures, chosen by chance but always the same, as a training would see them."""
    here = Path.cwd().resolve()
    data = Path(folder.path).expanduser().resolve()
    if data == here or data in here.parents:
        return "not written, for this is the folder of the pictures; call from another"
    pixels = folder.some(_SHEET)
    try:
        return str(write_new(Path("contact_sheet.png"), grid_png(pixels.transpose(0, 2, 3, 1))))
    except OSError as error:
        return f"not written ({one_line(error)})"


def _record(path: str, found: Survey, resolution: Resolution) -> dict[str, Any]:
    """Everything found, with all names, as plain data."""
    facts = {"path": path, "resolution": resolution, "num_images": len(found.looks), "bytes": found.num_bytes}
    facts |= {name: dict(getattr(found, name)) for name in ("formats", "shapes", "kinds", "classes")}
    facts |= {name: getattr(found, name) for name in ("broken", "other", "outside", "linked")}
    facts |= {"duplicates": found.duplicates, "near_duplicates": found.near_duplicates}
    return facts | {"images": {name: asdict(look) for name, look in found.looks.items()}}


def _write_json(path: Path, record: dict[str, Any]) -> str:
    try:
        write_json(path, record)
    except OSError as error:
        raise ValueError(f"--json={path}: cannot be written ({error.strerror}); choose another place") from None
    return str(path)


def _shares(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counter.most_common()) or "none"


def _some(names: list[str], most: int = _NAMED) -> str:
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(printable(name, 120) for name in names[:most]) + more
