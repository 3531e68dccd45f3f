"""Files that are there whole or not at all: a run may be killed at any instant and must leave readable results."""

import errno
import hashlib
import json
import math
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from io import FileIO
from itertools import count
from pathlib import Path
from typing import BinaryIO

from ganctl.forms import printable

_ABANDONED_SECONDS = 24 * 3600
_UNFINISHED = re.compile(r"\.(?:([0-9a-f]{8})-(\d+)-)?[0-9a-f]{16}\.unfinished")  # once without machine and process
_CURES = {
    errno.ENOSPC: "free some",
    errno.EDQUOT: "free some of it",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EIO: "check the disk",
    errno.EROFS: "choose a folder on another",
}


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; what is no path at all, or too long for one, is none."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def given_path(path: str | os.PathLike[str]) -> Path:
    """The path that a user has typed, with ~ replaced. Raises ValueError in one line for what can be no path here."""
    try:
        place = Path(path).expanduser()
        place.exists()
    except RuntimeError:
        raise ValueError(f"{printable(path)}: there is no such home folder; give the whole path") from None
    except OSError as error:
        raise ValueError(f"{printable(path)}: cannot be looked at ({error.strerror}); choose another") from None
    if "\0" in str(place):
        raise ValueError(f"{printable(path)}: holds a NUL character, as no path does; choose another")
    return place


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Inside, `folder` is there; if the block raises, what was made for it goes again, unless something is in it.

    Raises OSError where it cannot be made or written to.
    """
    missing = []
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished(folder / "try") as file:
            file.touch()
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A free name beside `path`, to make a file or folder under; what still has it when the block ends is removed."""
    temporary = path.with_name(f".{_machine()}-{os.getpid()}-{secrets.token_hex(8)}.unfinished")
    try:
        yield temporary
    finally:
        _remove(temporary)


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A free name to make a file under; `path` becomes it when the block ends, and keeps its old content if it raises.

    Makes the folder where it is missing. `sync` waits until the disk has it, so that a power cut cannot undo it either.
    """
    with naming(path), unfinished(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if sync:
            to_disk(temporary)
        temporary.replace(path)
    if sync:
        to_disk(path.parent)


@contextmanager
def atomic_file(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A binary file to write, otherwise as `atomic_path`."""
    with atomic_path(path, sync=sync) as temporary, temporary.open("xb") as file:
        yield file


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Inside, an error of the operating system that names no file, or an unfinished one, is one of `path`."""
    try:
        yield
    except OSError as error:
        nameless = error.filename is None or _UNFINISHED.fullmatch(Path(os.fsdecode(error.filename)).name)
        if nameless and error.errno is not None:
            error.filename = str(path)
        raise


def disk_fault(error: BaseException) -> str | None:
    """What is to be said, in one line with the cure, of a disk that is full, broken or read-only; None of all else."""
    if not isinstance(error, OSError) or error.errno not in _CURES:
        return None
    place = error.filename if isinstance(error.filename, str) else "a file"
    what = (error.strerror or str(error)).lower()
    goes_on = "what had begun goes on, a run by --resume, a preparation of pictures by the same command"
    return f"{place}: cannot be written, {what}; {_CURES[error.errno]} ({goes_on})"


def sweep(folder: Path) -> None:
    """Removes what killed processes left unfinished in `folder`.

    Whether a process is still there is known of those of this machine; what others left goes when it is a day old.
    """
    for left in folder.glob(".*.unfinished"):
        if match := _UNFINISHED.fullmatch(left.name):
            with suppress(OSError):
                is_own = os.name == "posix" and match[1] == _machine()
                if not _is_alive(int(match[2])) if is_own else _is_old(left):
                    _remove(left)


def to_disk(path: Path) -> None:
    """Waits until the disk has the file, or a folder's list of names."""
    if path.is_dir() and os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write_bytes(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Writes `data` to `path`: at any instant it is the old file or the new one."""
    with atomic_file(path, sync=sync) as file:
        file.write(data)


def append(file: FileIO, data: bytes) -> None:
    """Writes all of `data` to an unbuffered file; on a disk that gets full, what fits of it."""
    with naming(Path(file.name)):
        while data:
            data = data[file.write(data) :]


def atomic_write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Writes `text` to `path` as UTF-8: at any instant it is the old file or the new one."""
    atomic_write_bytes(path, text.encode(), sync=sync)


def write_json(path: Path, data: object, *, sync: bool = True) -> None:
    """Writes `as_json(data)` to `path`: at any instant it is the old file or the new one."""
    atomic_write_text(path, as_json(data), sync=sync)


def as_json(data: object) -> str:
    """`data` (see `plain`) as indented JSON."""
    return json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: object) -> object:
    """`value` as what JSON can hold: tensors and arrays become numbers or lists, paths text, keys text.

    What is not finite becomes the strings "NaN", "Infinity" and "-Infinity", which Python and JavaScript convert to
    numbers. Raises TypeError for anything else.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    to_list = getattr(value, "tolist", None)
    if to_list is None:
        raise TypeError(f"a {type(value).__name__} is not plain data")
    return plain(to_list())


def one_line(error: Exception) -> str:
    """What an error says of a file, in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__


def write_new(path: Path, data: bytes) -> Path:
    """Writes `data` to `path`, or where that is taken to the first of `name-2.end`, `name-3.end`, ... that is not.

    Two processes never get the same file, and no half of one is ever seen. Returns the file.
    """
    with unfinished(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        to_disk(temporary)
        for number in count(1):
            target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            with suppress(FileExistsError):
                give_new_name(temporary, target)
                return target
    raise AssertionError("there is always a next number")


def give_new_name(temporary: Path, target: Path) -> None:
    """Gives a file that is whole its name, which nothing has yet. Raises FileExistsError where something has."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        target.open("xb").close()
        temporary.replace(target)


@contextmanager
def unreadable_in_one_line() -> Iterator[None]:
    """Inside, a file or folder that the system refuses is a ValueError of one line that names it."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{printable(error.filename)}: cannot be read ({error.strerror})") from None


@cache
def _machine() -> str:
    """This machine, or container: where numbers of processes mean the same processes."""
    numbered = Path("/proc/self/ns/pid")
    with suppress(OSError):  # not Linux
        numbered = numbered.readlink()
    return hashlib.sha256(f"{platform.node()} {numbered}".encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _is_old(left: Path) -> bool:
    paths = [left, *left.iterdir()] if left.is_dir() else [left]
    return max(path.stat().st_mtime for path in paths) < time.time() - _ABANDONED_SECONDS


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
