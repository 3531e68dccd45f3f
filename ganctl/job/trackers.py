"""All trackers of a run as one: each is told everything, and one that fails is reported once and left alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganctl.configuration.names import one_line
from ganctl.contract import TrackedRun, Tracker
from ganctl.files import atomic_write_text
from ganctl.job.apart import Apart

if TYPE_CHECKING:
    import numpy

_ID = "trackers/id"


class Trackers:
    """The `trackers` of a run by name; of one that fails `warn` is told, once, and the run goes on without it."""

    def __init__(self, trackers: Mapping[str, Tracker], warn: Callable[[str], object]) -> None:
        self._named, self._warn = dict(trackers), warn
        self._at_work: dict[str, Any] = {}
        self._begun: list[str] = []  # those that have not failed

    def open(self, folder: Path, settings: Mapping[str, Any], score: str, resumed_at: int | None) -> None:
        """Begins everywhere, or goes on. The run's id is kept in its folder."""
        if not self._named:
            return
        apart = {name for name, tracker in self._named.items() if getattr(tracker, "apart", False)}
        run = TrackedRun(folder, _id_of(folder) if apart else "", settings, score, resumed_at)
        for name, tracker in self._named.items():
            self._at_work[name] = Apart(tracker, folder / "trackers" / f"{name}.log") if name in apart else tracker
        self._begun = list(self._at_work)
        self._tell("open", run)

    def scalars(self, step: int, group: str, values: Mapping[str, float]) -> None:
        self._tell("scalars", step, {f"{group}/{name}": float(value) for name, value in values.items()})

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self._tell("scores", step, {f"scores/{name}": float(value) for name, value in values.items()}, protocol)

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        """`pixels` (H, W, C) uint8; a picture in one channel becomes a grey one in three."""
        self._tell("grid", step, name, pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2))

    def flush(self) -> None:
        self._tell("flush")

    def close(self, summary: Mapping[str, Any] | None) -> None:
        """Ends everywhere with the run's summary; None where it broke off. A second time, nothing."""
        self._tell("close", summary)
        self._at_work.clear()

    def commands(self, folder: Path, label: str) -> dict[str, str]:
        """What to type to look at the run: of the first tracker under `label`, of others with their names added."""
        typed = {name: command for name in self._begun if (command := self._named[name].command(folder))}
        return {label if not number else f"{label} ({name})": typed[name] for number, name in enumerate(typed)}

    def _tell(self, what: str, *arguments: object) -> None:
        for name, tracker in list(self._at_work.items()):
            try:
                getattr(tracker, what)(*arguments)
            except Exception as error:  # whatever a package raises: no tracker is worth a run
                del self._at_work[name]
                self._begun.remove(name)
                with suppress(Exception):
                    tracker.kill() if isinstance(tracker, Apart) else tracker.close(None)
                self._warn(f"tracker=[{name}]: {one_line(error)}; the run goes on without it")


def _id_of(folder: Path) -> str:
    """The run's id for trackers, 16 hexadecimal digits, made and kept in its folder where there is none yet."""
    file = folder / _ID
    known = file.read_text(encoding="utf-8", errors="replace")[:64].strip() if file.is_file() else ""
    if re.fullmatch(r"[0-9a-f]{16}", known):
        return known
    made = secrets.token_hex(8)
    atomic_write_text(file, made + "\n")
    return made
