"""TensorBoard events of a run. Importing tensorboard takes a second, so it is imported when a writer is made."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganctl.files import disk_fault, naming
from ganctl.record.image_grid import make_grid

if TYPE_CHECKING:
    from torch import Tensor


class TensorBoard:
    """Writes scalars and sample grids into `folder`.

    `resumed_at` is the step that a resumed run goes on from: TensorBoard then hides what was written of later steps.
    Raises ValueError where tensorboard is not installed, and OSError where an earlier call could not be written.
    """

    def __init__(self, folder: Path, *, resumed_at: int | None = None) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its and protobuf's own deprecations are no business of a run
                from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            cure = "pip install tensorboard, or output.tensorboard=false"
            raise ValueError(f"output.tensorboard=true: tensorboard cannot be imported ({error}); {cure}") from None
        first = None if resumed_at is None else resumed_at + 1
        self._folder, self._excepthook = folder, threading.excepthook
        threading.excepthook = self._in_thread
        with naming(folder):
            self._writer = SummaryWriter(str(folder), purge_step=first, flush_secs=10)

    def scalars(self, step: int, values: Mapping[str, float | Tensor]) -> None:
        """One point on each curve in `values`, by its name; a `/` in a name groups curves."""
        with naming(self._folder):
            for name, value in values.items():
                self._writer.add_scalar(name, float(value), step)

    def hyperparameters(self, settings: Mapping[str, object], score: str) -> None:
        """The settings of the run by their keys: for the tab HPARAMS beside the curve `score`, and as text."""
        from torch.utils.tensorboard.summary import hparams

        settings = {
            key: value if isinstance(value, int | float | str) else str(value) for key, value in settings.items()
        }
        for part in hparams(settings, {score: None}):
            self._writer._get_file_writer().add_summary(part)  # pyright: ignore[reportOptionalMemberAccess]
        lines = [f"    {key}: {value}" for key, value in settings.items()]  # indented: Markdown's way to say verbatim
        self._writer.add_text("settings", "\n".join(lines))

    def grid(self, step: int, images: Tensor, *, columns: int | None = None, name: str = "samples/generated") -> None:
        """The grid of `images` (N, C, H, W) in [-1, 1], enlarged as in the PNG."""
        with naming(self._folder):
            self._writer.add_image(name, make_grid(images, columns), step, dataformats="HWC")

    def flush(self) -> None:
        """Hands everything to the operating system: with each checkpoint, so that a kill loses nothing before it."""
        with naming(self._folder):
            self._writer.flush()

    def close(self) -> None:
        try:
            with naming(self._folder):
                self._writer.close()
        finally:
            threading.excepthook = self._excepthook

    def _in_thread(self, failure: threading.ExceptHookArgs) -> None:
        """What fails in the writer's thread is raised by the next call here; of a full disk that says enough."""
        if failure.exc_value is None or disk_fault(failure.exc_value) is None:
            self._excepthook(failure)
