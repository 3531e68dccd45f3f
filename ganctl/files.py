"""Files that are there whole or not at all: a run may be killed at any instant and must leave readable results."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A binary file to write; `path` becomes it when the block ends, and keeps its old content when the block raises.

    Makes the folder where it is missing. `sync` waits until the disk has it, so that a power cut cannot undo it either.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if sync:
        _sync_folder(path.parent)


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

    JSON has no word for numbers that are not finite: they become the strings "NaN", "Infinity" and "-Infinity", which
    Python's and JavaScript's conversions of text to number understand. Raises TypeError for anything else.
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


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unused(path: Path) -> Path:
    """`path`, or where it is taken the first of `name-2.end`, `name-3.end`, ... that is not."""
    number, found = 1, path
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
