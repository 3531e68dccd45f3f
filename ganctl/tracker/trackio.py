"""Trackio: an SQLite file in the run's folder unless told otherwise; `trackio show` opens it in a browser."""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ganctl.tracker.packages import local_store, require

if TYPE_CHECKING:
    import numpy

    from ganctl.contract import TrackedRun

_ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")


@dataclass
class Trackio:
    """A run of `project` in the run's folder, or where TRACKIO_DIR, TRACKIO_SPACE_ID or TRACKIO_SERVER_URL say."""

    apart: ClassVar[bool] = True

    project: str = "ganctl"
    _troubles: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        require("trackio", "trackio")

    def open(self, run: TrackedRun) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(local_store(run.folder, "trackio")))
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        if not any(os.environ.get(name) for name in _ELSEWHERE):
            os.environ["HF_HUB_OFFLINE"] = "1"  # it would ask the hub for the user's name
        import trackio

        warnings.showwarning = self._hear  # by which alone it says that it could not write
        name = f"{run.folder.name}-{run.id[:6]}"  # its own id cannot be chosen
        self._run = trackio.init(
            self.project,
            name,
            config={key: value for key, value in run.settings.items() if not key.startswith("_")},
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        self._check()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._log(step, dict(values))

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self._log(step, {**values, "scores/protocol": protocol})

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        import trackio

        self._log(step, {name: trackio.Image(pixels)})

    def flush(self) -> None:
        self._check()

    def close(self, summary: Mapping[str, Any] | None) -> None:
        if summary is not None:
            final = {f"final/{name}": value for name, value in summary["scores"].items()}
            self._run.log({"status": summary["status"], **final}, step=int(summary["step"]))
        self._run.finish()
        self._check()

    def command(self, folder: Path) -> str | None:
        if any(os.environ.get(name) for name in _ELSEWHERE):
            return None
        place = os.environ.get("TRACKIO_DIR") or str(local_store(folder, "trackio"))
        return f"TRACKIO_DIR={shlex.quote(place)} trackio show --project {shlex.quote(self.project)}"

    def _log(self, step: int, values: dict[str, Any]) -> None:
        self._run.log(values, step=step)
        self._check()

    def _hear(self, message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, UserWarning):
            self._troubles.append(" ".join(str(message).split()))

    def _check(self) -> None:
        if self._troubles:
            raise OSError(self._troubles[0])
