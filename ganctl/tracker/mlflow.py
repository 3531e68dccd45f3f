"""MLflow: an SQLite file in the run's folder unless told otherwise; a server or a file for all runs by its URI."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from ganctl.tracker.packages import local_store, require

if TYPE_CHECKING:
    import numpy

    from ganctl.contract import TrackedRun

_TAG = "ganctl.run"  # by which a resumed run finds its own
_ENDS = {"interrupted": "KILLED", "diverged": "FAILED", "trouble": "FAILED"}  # all others are FINISHED


@dataclass
class MLflow:
    """A run of `experiment` in the store `uri`.

    What is None is as MLflow's variables say (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME), or else experiment ganctl
    in an SQLite file in the run's folder. Raises ValueError for a `uri` with a password, which would be saved with the
    run.
    """

    apart: ClassVar[bool] = True

    uri: str | None = None
    experiment: str | None = None

    def __post_init__(self) -> None:
        if self.uri is not None and urlsplit(self.uri).password:
            need = "holds a password, which would be saved with the run; set the variable MLFLOW_TRACKING_URI instead"
            raise ValueError(f"tracker.mlflow.uri: {need}")
        chosen = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:"
        require("mlflow", "mlflow", *(("sqlalchemy", "alembic") if chosen.startswith("sqlite:") else ()))

    def open(self, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        store = local_store(run.folder, "mlflow")
        is_own = self._uri(run.folder) == _own_uri(run.folder)
        if is_own:
            store.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(self._uri(run.folder))
        name = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "ganctl"
        known = self._client.get_experiment_by_name(name)
        location = (store / "artifacts").as_uri() if is_own else None
        number = known.experiment_id if known else self._client.create_experiment(name, location)
        found = self._client.search_runs([number], f"tags.`{_TAG}` = '{run.id}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            self._client.log_dict(self._id, dict(run.settings), f"config-from-{run.resumed_at}.json")
            return
        made = self._client.create_run(number, tags={_TAG: run.id, "folder": str(run.folder)}, run_name=run.folder.name)
        self._id = made.info.run_id
        params = [Param(key, str(value)) for key, value in run.settings.items()]
        for first in range(0, len(params), 100):  # as many as a server takes at once
            self._client.log_batch(self._id, params=params[first : first + 100])
        self._client.log_dict(self._id, dict(run.settings), "config.json")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        self._client.log_batch(self._id, [Metric(name, value, now, step) for name, value in values.items()])

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self.scalars(step, values)
        self._client.set_tag(self._id, "protocol", protocol)

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        from PIL import Image

        self._client.log_image(self._id, Image.fromarray(pixels), f"{name}/step-{step:08d}.png")

    def flush(self) -> None:
        """Nothing: each point is handed over at once."""

    def close(self, summary: Mapping[str, Any] | None) -> None:
        if summary is not None:
            self._client.log_dict(self._id, dict(summary), "summary.json")
            self._client.set_tag(self._id, "status", summary["status"])
        status = "FAILED" if summary is None else _ENDS.get(summary["status"], "FINISHED")
        self._client.set_terminated(self._id, status)

    def command(self, folder: Path) -> str:
        return f"mlflow ui --backend-store-uri {shlex.quote(self._uri(folder))}"

    def _uri(self, folder: Path) -> str:
        return self.uri or os.environ.get("MLFLOW_TRACKING_URI") or _own_uri(folder)


def _own_uri(folder: Path) -> str:
    return f"sqlite:///{local_store(folder, 'mlflow') / 'mlflow.db'}"
