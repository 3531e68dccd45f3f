"""metrics.jsonl: one JSON object a line, appended as the run goes, readable at any instant and after any kill."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from ganctl.files import append, atomic_write_bytes, plain

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class MetricsLog:
    """Appends records to `path`, each line in one write to the operating system, so that only the last can be torn.

    Opening an existing file first removes what a kill left of a line. Numbers that are not finite are written as the
    strings "NaN", "Infinity" and "-Infinity".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
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


def read_metrics(path: Path) -> list[dict[str, object]]:
    """The records of `path` in order, a torn last line left out, "NaN" and its kin as floats again.

    Raises ValueError for a line before the last that is not a JSON object.
    """
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        record = _record(line)
        if record is not None:
            records.append(record)
        elif line and number < len(lines):
            raise ValueError(f"{path}: line {number} is not a JSON object")
    return records


def _keep_until(path: Path, step: float) -> int:
    """Rewrites `path` without torn lines and those later than `step`; returns how many it dropped."""
    before = path.read_bytes()
    lines = [line for line in before.split(b"\n") if line]
    kept = [line for line in lines if (record := _record(line)) is not None and not _is_later(record, step)]
    after = b"".join(line + b"\n" for line in kept)
    if after != before:
        atomic_write_bytes(path, after)
    return len(lines) - len(kept)


def _is_later(record: dict[str, object], step: float) -> bool:
    at = record.get("step")
    return isinstance(at, int | float) and not at <= step


def _record(line: bytes) -> dict[str, object] | None:
    try:
        record = json.loads(line, object_hook=_revive)
    except ValueError:  # not JSON, or not UTF-8
        return None
    return record if isinstance(record, dict) else None


def _revive(record: dict[str, object]) -> dict[str, object]:
    return {key: _NOT_FINITE.get(value, value) if isinstance(value, str) else value for key, value in record.items()}
