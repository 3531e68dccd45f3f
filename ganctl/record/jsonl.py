"""metrics.jsonl: one JSON object a line, appended as the run goes, readable at any instant and after any kill."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganctl.bounded import parse_json
from ganctl.files import append, atomic_write_bytes, plain
from ganctl.forms import printable

LONGEST_LINE = 4 * 2**20  # bytes; the scores of a thousand classes take a tenth of it
LARGEST_LOG = 2**30  # bytes; ten million lines of losses

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class MetricsLog:
    """Appends records to `path`, each line in one write to the operating system, so that only the last can be torn.

    Opening an existing file first removes what a kill left of a line. Numbers that are not finite are written as the
    strings "NaN", "Infinity" and "-Infinity". Raises ValueError, in one line, where there is no file but a folder, say.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            _keep_until(path, math.inf)
        self._file = path.open("ab", buffering=0)

    def append(self, record: Mapping[str, object]) -> None:
        """Writes one line. Numbers, text, tensors and arrays are welcome as values."""
        append(self._file, json.dumps(plain(record), ensure_ascii=False, allow_nan=False).encode() + b"\n")

    def truncate_after(self, step: int) -> int:
        """Forgets the lines whose "step" is later than `step`, for a run that goes on from there; returns how many.

        The file is replaced at once. Lines without a step stay; lines that are not a JSON object go.
        """
        self._file.close()
        dropped = _keep_until(self.path, step)
        self._file = self.path.open("ab", buffering=0)
        return dropped

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of `path` in order, "NaN" and its kin as floats again, without the lines that are no records."""
    return [record for record in read_lines(path) if record is not None]


def read_lines(path: Path) -> list[dict[str, Any] | None]:
    """As `read_metrics`, with None for each line that is no record; a torn last line is left out.

    Raises ValueError, in one line, for what is no file or cannot be read.
    """
    *lines, last = _content(path).split(b"\n")
    records = [_record(line) for line in lines if line]
    return records if (record := _record(last)) is None else [*records, record]


def _keep_until(path: Path, step: float) -> int:
    """Rewrites `path` without torn lines and those later than `step`; returns how many it dropped."""
    before = _content(path)
    lines = [line for line in before.split(b"\n") if line]
    kept = [line for line in lines if (record := _record(line)) is not None and not _is_later(record, step)]
    after = b"".join(line + b"\n" for line in kept)
    if after != before:
        atomic_write_bytes(path, after)
    return len(lines) - len(kept)


def _is_later(record: dict[str, object], step: float) -> bool:
    at = record.get("step")
    return isinstance(at, int | float) and not at <= step


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError(f"{printable(path)}: cannot be read (is no file)")
        if (size := path.stat().st_size) > LARGEST_LOG:
            raise ValueError(f"{printable(path)}: is larger ({size:,} bytes) than any that ganctl writes")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{printable(path)}: cannot be read ({error.strerror})") from None


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = parse_json(line) if len(line) <= LONGEST_LINE else None
    except ValueError:  # not JSON, or not UTF-8
        return None
    return _revived(record) if isinstance(record, dict) else None


def _revived(record: dict[str, Any]) -> dict[str, Any]:
    """With the floats that JSON has no numbers for."""
    return {
        key: _NOT_FINITE.get(value, value)
        if isinstance(value, str)
        else _revived(value)
        if isinstance(value, dict)
        else value
        for key, value in record.items()
    }
