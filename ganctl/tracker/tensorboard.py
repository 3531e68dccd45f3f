"""TensorBoard events of a run. Importing tensorboard takes a second, so it is imported when a run is opened."""

from __future__ import annotations

import shlex
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganctl.files import disk_fault, naming
from ganctl.tracker.packages import require

if TYPE_CHECKING:
    import numpy

    from ganctl.contract import TrackedRun


class TensorBoard:
    """Writes events into the run's folder `tensorboard`; those of a resumed run hide what was written of later steps.

    Raises ValueError where tensorboard is not installed, and OSError where an earlier call could not be written.
    """

    def __init__(self) -> None:
        require("tensorboard", "tensorboard")

    def open(self, run: TrackedRun) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its and protobuf's own deprecations are no business of a run
            from torch.utils.tensorboard import SummaryWriter
        first = None if run.resumed_at is None else run.resumed_at + 1
        self._folder = _root(run.folder) / run.folder.name  # by which TensorBoard names the run
        self._excepthook = threading.excepthook
        threading.excepthook = self._in_thread
        with naming(self._folder):
            self._writer = SummaryWriter(str(self._folder), purge_step=first, flush_secs=10)
        if first is None:
            self._hyperparameters(run.settings, f"scores/{run.score}")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        with naming(self._folder):
            for name, value in values.items():
                self._writer.add_scalar(name, float(value), step)

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self.scalars(step, values)
        with naming(self._folder):
            self._writer.add_text("protocol", f"    {protocol}", step)  # indented: Markdown's way to say verbatim

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        with naming(self._folder):
            self._writer.add_image(name, pixels, step, dataformats="HWC")

    def flush(self) -> None:
        """Hands everything to the operating system, so that a kill loses nothing before a checkpoint."""
        with naming(self._folder):
            self._writer.flush()

    def close(self, summary: Mapping[str, Any] | None) -> None:
        try:
            with naming(self._folder):
                if summary is not None:
                    self._writer.add_text("status", str(summary["status"]), int(summary["step"]))
                self._writer.close()
        finally:
            threading.excepthook = self._excepthook

    def command(self, folder: Path) -> str:
        return f"tensorboard --logdir {shlex.quote(str(_root(folder)))}"

    def _hyperparameters(self, settings: Mapping[str, object], score: str) -> None:
        """The settings of the run by their keys: for the tab HPARAMS beside the curve `score`, and as text."""
        from torch.utils.tensorboard.summary import hparams

        settings = {
            key: value if isinstance(value, int | float | str) else str(value) for key, value in settings.items()
        }
        for part in hparams(settings, {score: None}):
            self._writer._get_file_writer().add_summary(part)  # pyright: ignore[reportOptionalMemberAccess]
        lines = [f"    {key}: {value}" for key, value in settings.items()]
        self._writer.add_text("settings", "\n".join(lines))

    def _in_thread(self, failure: threading.ExceptHookArgs) -> None:
        """What fails in the writer's thread is raised by the next call here; of a full disk that says enough."""
        if failure.exc_value is None or disk_fault(failure.exc_value) is None:
            self._excepthook(failure)


def _root(folder: Path) -> Path:
    return folder / "tensorboard"
