"""What shows a run to people elsewhere: a tracker, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of the run that it shows.

    `id` is 16 hexadecimal digits, the same in every stretch of the run; `settings` are all settings by their keys,
    `score` the name of the score that judges, `resumed_at` the step that a resumed run goes on from (None: a new run).
    """

    folder: Path
    id: str
    settings: Mapping[str, Any]
    score: str
    resumed_at: int | None = None


class Tracker(Protocol):
    """Where people follow a run beside its own files: a folder of events, a data base, a server.

    Built of the settings in its YAML file, and pickled where the class has an attribute `apart = True`: the methods are
    then called in a process of its own, so that nothing which its package does to a process reaches the training, and
    not with steps that it knows from an earlier stretch of the run. What it raises is reported once, and the run goes
    on without it.
    """

    def open(self, run: TrackedRun) -> None:
        """Begins the run there, or goes on with that of the same `id`."""
        ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve in `values`, by its name; a `/` in a name groups curves."""
        ...

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        """As `scalars`, with a line that says how the scores were computed."""
        ...

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        """A picture (H, W, 3), uint8."""
        ...

    def flush(self) -> None:
        """Hands over what is still in memory: with each checkpoint."""
        ...

    def close(self, summary: Mapping[str, Any] | None) -> None:
        """Ends with what summary.json says of the run; None where it broke off."""
        ...

    def command(self, folder: Path) -> str | None:
        """What to type to look at the run in `folder`; None where there is nothing to type."""
        ...
