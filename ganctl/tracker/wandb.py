"""Weights & Biases: offline into the run's folder unless told otherwise; `wandb sync` uploads it later."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ganctl.tracker.packages import local_store, require

if TYPE_CHECKING:
    import numpy

    from ganctl.contract import TrackedRun


@dataclass
class WandB:
    """A run of `project` (and `entity`) with the run's own id, in `mode` offline or online.

    What is None is as W&B's variables say (WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY, WANDB_DIR), or else offline, in
    project ganctl, in the run's folder. The key is W&B's own business (WANDB_API_KEY, `wandb login`).
    """

    apart: ClassVar[bool] = True

    mode: str | None = None
    project: str | None = None
    entity: str | None = None

    def __post_init__(self) -> None:
        require("wandb", "wandb")

    def open(self, run: TrackedRun) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # no telemetry
        import wandb

        place = _place(run.folder)
        place.mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            console="off", disable_git=True, disable_code=True, silent=True, x_disable_meta=True, x_disable_stats=True
        )
        self._run = wandb.init(
            project=self.project or os.environ.get("WANDB_PROJECT") or "ganctl",
            entity=self.entity,
            mode=self._mode(),  # pyright: ignore[reportArgumentType]
            id=run.id,
            name=run.folder.name,
            resume="allow" if self._mode() == "online" else None,  # offline there is nobody to ask
            dir=str(place),
            config=dict(run.settings),
            allow_val_change=True,
            settings=settings,
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self.scalars(step, values)
        self._run.summary["protocol"] = protocol

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        import wandb

        self._run.log({name: wandb.Image(pixels)}, step=step)

    def flush(self) -> None:
        """Nothing: each point is handed over at once, to a process of W&B's own."""

    def close(self, summary: Mapping[str, Any] | None) -> None:
        if summary is not None:
            self._run.summary.update({"status": summary["status"], "final": dict(summary["scores"])})
        self._run.finish(exit_code=0 if summary is not None and not summary["exit_code"] else 1)

    def command(self, folder: Path) -> str | None:
        if self._mode() != "offline":
            return None
        return f"wandb sync {shlex.quote(str(_place(folder) / 'wandb'))}/offline-run-*"

    def _mode(self) -> str:
        return self.mode or os.environ.get("WANDB_MODE") or "offline"


def _place(folder: Path) -> Path:
    """Where W&B makes its folder `wandb`."""
    return Path(os.environ.get("WANDB_DIR") or local_store(folder, "wandb").parent)
