"""Which images a folder or a zip holds, in a fixed order, and how to read one: the same for both."""

import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ganctl.contract import ArgumentError
from ganctl.dataset.store import expanded, stamp

MAX_FILE_BYTES = 256 << 20  # no single image is larger


@dataclass(frozen=True, order=True)
class Entry:
    """A file that holds an image. `name` is relative to the source, with slashes; `state` changes with its contents."""

    name: str
    size: int
    state: int


@dataclass(frozen=True)
class Folder:
    """A folder, with all below it."""

    path: Path

    def entries(self, extensions: Sequence[str] | None) -> list[Entry]:
        """The files with one of the lower-case `extensions` (None: all), hidden ones left out, sorted by name.

        Links are followed; one that leads nowhere is an entry that cannot be read. Raises OSError where a folder cannot
        be read.
        """
        return sorted(_walk(self.path, "", extensions, set()))

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def num_linked(self, entries: Sequence[Entry]) -> int:
        """How many of the entries lie outside the folder, behind a link."""
        root = os.path.realpath(self.path)
        places = (Path(os.path.realpath(self.path / entry.name)) for entry in entries)
        return sum(not place.is_relative_to(root) for place in places)

    def state(self) -> list[str | int]:
        """What tells this source from others, besides its entries."""
        return [str(self.path.resolve())]

    @contextmanager
    def reader(self) -> Iterator[Callable[[Entry], bytes]]:
        """A function that reads an entry, for use by several threads."""
        yield lambda entry: _content((self.path / entry.name).open("rb"), entry)


@dataclass(frozen=True)
class Archive:
    """The part of a zip file below the folder `inside` ("" for all). It is never unpacked to disk."""

    path: Path
    inside: str = ""

    def entries(self, extensions: Sequence[str] | None) -> list[Entry]:
        """As for `Folder`; names that lead out of the zip (../) count where `extensions` is None only.

        Raises OSError or zipfile.BadZipFile if the zip cannot be read.
        """
        with zipfile.ZipFile(self.path) as archive:
            inside = self.inside + "/" if self.inside else ""
            return sorted(
                Entry(info.filename.removeprefix(inside), info.file_size, info.CRC)
                for info in {info.filename: info for info in archive.infolist()}.values()
                if info.filename.startswith(inside)
                and not info.is_dir()
                and (extensions is None or _extension(info.filename) in extensions)
                and not any(
                    _hidden(part) and (extensions is not None or part != "..")
                    for part in info.filename.removeprefix(inside).split("/")
                )
            )

    @property
    def name(self) -> str:
        """The zip's name without its ending, and that of the folder inside."""
        return "-".join([self.path.stem, *PurePosixPath(self.inside).parts])

    def num_linked(self, entries: Sequence[Entry]) -> int:
        """None: a link in a zip is a file that holds the other's name."""
        return 0

    def state(self) -> list[str | int]:
        """As for `Folder`."""
        return [*stamp(self.path), self.inside]

    @contextmanager
    def reader(self) -> Iterator[Callable[[Entry], bytes]]:
        """A function that reads an entry, for use by several threads; at most `MAX_FILE_BYTES` are decompressed."""
        with zipfile.ZipFile(self.path) as archive:
            inside = self.inside + "/" if self.inside else ""
            yield lambda entry: _content(archive.open(inside + entry.name), entry)


def open_source(path: str) -> Folder | Archive:
    """The folder or zip at `path`, or the folder inside photos.zip that photos.zip/train names; else ArgumentError."""
    place = expanded("path", path)
    if place.is_dir():
        return Folder(place)
    for candidate in (place, *place.parents):
        if candidate.is_file():
            if not zipfile.is_zipfile(candidate):
                raise ArgumentError("path", path, f"{candidate} is no zip file; give a folder or .zip of images")
            inside = place.relative_to(candidate).as_posix()
            return Archive(candidate, "" if inside == "." else inside)
    raise ArgumentError("path", path, "does not exist; give a folder or .zip of images")


def digest(entries: Sequence[Entry]) -> str:
    """SHA-256 of the names, sizes and states of `entries`: another one where a file has changed, come or gone."""
    sha = hashlib.sha256()
    for entry in entries:
        sha.update(f"{entry.name}\0{entry.size}\0{entry.state}\0".encode("utf-8", "surrogateescape"))
    return sha.hexdigest()


def classes(names: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """The class of each file and the names of the classes: its folder, where the folders are classes.

    They are if every file lies exactly one level below the deepest folder that holds all, in two folders or more.
    Otherwise all labels are 0 and there are no classes.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shared = 0
    while all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    if any(len(parts) != shared + 1 for parts in folders):
        return [0] * len(names), ()
    class_names = sorted({parts[shared] for parts in folders})
    number = {name: index for index, name in enumerate(class_names)}
    return [number[parts[shared]] for parts in folders], tuple(class_names)


def name_in_one_line(name: str) -> str:
    """A file's name, whatever bytes are in it."""
    return " ".join(name.encode(errors="backslashreplace").decode().split())


def num_threads() -> int:
    """How many threads read and decode: Pillow and zlib let others work meanwhile."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(8, len(affinity(0)) if affinity else os.cpu_count() or 1)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _extension(name: str) -> str:
    _, dot, end = name.rpartition(".")
    return end.lower() if dot else ""


def _walk(folder: Path, above: str, extensions: Sequence[str] | None, seen: set[tuple[int, int]]) -> Iterator[Entry]:
    """The images of `folder`, whose name relative to the source is `above`; folders in `seen` are left out."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:  # a link to where we have been
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as scan:
        children = sorted((child for child in scan if not _hidden(child.name)), key=lambda child: child.name)
    for child in children:
        if _leads_to_folder(child):
            yield from _walk(folder / child.name, f"{above}{child.name}/", extensions, seen)
        elif extensions is None or _extension(child.name) in extensions:
            try:
                status = child.stat()
            except OSError:  # a link that leads nowhere, or in a circle: reading it says so
                yield Entry(above + child.name, 0, 0)
                continue
            if stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
                yield Entry(above + child.name, status.st_size, status.st_mtime_ns)


def _leads_to_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link in a circle
        return False


def _content(file: IO[bytes], entry: Entry) -> bytes:
    with file:
        if entry.size > MAX_FILE_BYTES or len(content := file.read(MAX_FILE_BYTES + 1)) > MAX_FILE_BYTES:
            raise ValueError(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
        return content
