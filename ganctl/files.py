"""Files that are there whole or not at all: a run may be killed at any instant and must leave readable results."""

import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from torch import Tensor

_ABANDONED_SECONDS = 24 * 3600


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
        raise ValueError(f"{path}: there is no such home folder; give the whole path") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be looked at ({error.strerror}); choose another") from None
    if "\0" in str(place):
        raise ValueError(f"{path}: holds a NUL character, as no path does; choose another")
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
    temporary = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        yield temporary
    finally:
        _remove(temporary)


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A free name to make a file under; `path` becomes it when the block ends, and keeps its old content if it raises.

    Makes the folder where it is missing. `sync` waits until the disk has it, so that a power cut cannot undo it either.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path) as temporary:
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


def sweep(folder: Path) -> None:
    """Removes what processes that were killed a day ago or earlier left unfinished in `folder`."""
    for left in folder.glob(".*.unfinished"):
        with suppress(OSError):
            paths = [left, *left.iterdir()] if left.is_dir() else [left]
            if max(path.stat().st_mtime for path in paths) < time.time() - _ABANDONED_SECONDS:
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


def atomic_write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Writes `text` to `path` as UTF-8: at any instant it is the old file or the new one."""
    atomic_write_bytes(path, text.encode(), sync=sync)


def write_json(path: Path, data: object, *, sync: bool = True) -> None:
    """Writes `data` (see `plain`) to `path` as indented JSON: at any instant it is the old file or the new one."""
    atomic_write_text(path, json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n", sync=sync)


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


def read_tensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]] | None:
    """The tensors of a safetensors file and its metadata; None where there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: dict[str, str]) -> None:
    """Puts tensors at `path` in the format of safetensors, whole or not at all, and sweeps the folder."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)
    sweep(path.parent)


def one_line(error: Exception) -> str:
    """What an error says of a file, in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__


def unused(path: Path) -> Path:
    """`path`, or where it is taken the first of `name-2.end`, `name-3.end`, ... that is not."""
    number, free = 1, path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
