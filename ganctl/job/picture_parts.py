"""The pictures of a preparation that are ready, in a hidden folder beside the new zip: what a killed one goes on after.

Each part is a zip of PNG files for a stretch of the listing, `000000512-000001024.zip`, there as a whole or not at all.
A picture is named by its place in the listing; in the stead of a file that cannot be read stands a text that says why.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ganctl.contract import Progress
from ganctl.dataset.image_folder import ImageFolder
from ganctl.dataset.listing import num_threads
from ganctl.files import atomic_path, sweep
from ganctl.invocation.lock import locked
from ganctl.record.image_grid import image_png

_FORMAT = 1  # of a part; another number leaves all older ones unread
_PART = re.compile(r"(\d+)-(\d+)\.zip")
_FOLDER = re.compile(r"\.(.+)\.[0-9a-f]{16}\.unfinished")


def parts_folder(images: ImageFolder, output: Path) -> Path:
    """The folder beside `output` for these pictures with these options: no two that would give other pixels share it.

    `max_broken` has no part in it: pictures that are ready stay so when more faults are let pass.
    """
    key = {**images.key, "channels": images.channels, "size": images.size, "format": _FORMAT}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return output.with_name(f".{output.name}.{digest}.unfinished")


def parts_folders(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each folder of parts in `folder`, with the zip that they are to become."""
    for parts in folder.glob(".*.unfinished"):
        if (match := _FOLDER.fullmatch(parts.name)) and parts.is_dir():
            yield parts, parts.with_name(match[1])


def remove_spent(folder: Path) -> None:
    """Removes the parts of zips that are there, which nothing will overwrite, unless a process is at work on them."""
    for parts, output in list(parts_folders(folder)):
        if output.exists():
            with suppress(ValueError), locked(parts, f"OUT={output}"):
                for path in (*parts.glob("*.zip"), *parts.glob(".*.unfinished")):
                    path.unlink(missing_ok=True)
            with suppress(OSError):
                parts.rmdir()


class Parts:
    """The parts in `folder`, which is locked. `faults`: what is wrong with the files that cannot be read, by place.

    Parts that are damaged or out of date are removed, with those behind them.
    """

    def __init__(self, folder: Path, images: ImageFolder) -> None:
        self.folder, self.images = folder, images
        self.faults: dict[int, str] = {}
        sweep(folder)
        whole = dict(_whole(folder))
        before = {place: fault for faults in whole.values() for place, fault in faults.items()}
        now = images.faults(before) if before else {}
        is_sound = True
        for path in sorted(folder.glob("*.zip")):
            faults = whole.get(path, {})
            mended = any(now.get(place) != fault for place, fault in faults.items())  # by other rights, for instance
            is_sound = is_sound and path in whole and not mended
            if is_sound:
                self.faults |= faults
            else:
                path.unlink()

    @property
    def end(self) -> int:
        """How many files of the listing the parts cover: all in front of this place."""
        return max((end for _, end in _chain(self.folder)), default=0)

    def complete(self, progress: Progress) -> None:
        """Makes the parts that are missing. Raises ArgumentError for too many files that cannot be read."""
        what, first, total = f"reading {self.images.source.name}", self.end, len(self.images.entries)
        progress(what, 0, total - first)
        with ThreadPoolExecutor(num_threads()) as pool:
            for places, pixels in self.images.blocks(self.faults, first):
                self._add(dict(zip(places, pool.map(image_png, pixels), strict=True)))
                progress(what, self.end - first, total - first)

    def pictures(self) -> Iterator[tuple[int, bytes]]:
        """Place and PNG file of each, in order. Raises ValueError for a part that is damaged."""
        for path, _ in _chain(self.folder):
            try:
                with ZipFile(path) as part:
                    for name in part.namelist():
                        if name.endswith(".png"):
                            yield int(name.removesuffix(".png")), part.read(name)
            except BadZipFile as error:
                raise ValueError(f"{path}: is damaged ({error}); remove it, and give the same command again") from None

    def _add(self, pictures: dict[int, bytes]) -> None:
        begin, end = self.end, max(pictures) + 1
        path = self.folder / f"{begin:09}-{end:09}.zip"
        with atomic_path(path) as temporary, ZipFile(temporary, "x") as part:
            for place in range(begin, end):
                if place in pictures:
                    part.writestr(f"{place}.png", pictures[place])
                else:
                    part.writestr(f"{place}.txt", self.faults[place].encode("utf-8", "surrogatepass"))


def _chain(folder: Path) -> Iterator[tuple[Path, int]]:
    """The parts that follow each other from the first picture on, each with the place where it ends."""
    last = 0
    for path in sorted(folder.glob("*.zip")):
        if (match := _PART.fullmatch(path.name)) and int(match[1]) == last:
            last = int(match[2])
            yield path, last


def _whole(folder: Path) -> Iterator[tuple[Path, dict[int, str]]]:
    """The parts of the chain up to one that is damaged, each with its faults by place."""
    with suppress(BadZipFile):
        for path, _ in _chain(folder):
            with ZipFile(path) as part:
                places = [int(name.removesuffix(".txt")) for name in part.namelist() if name.endswith(".txt")]
                yield path, {place: part.read(f"{place}.txt").decode("utf-8", "surrogatepass") for place in places}
