"""What the trackers' packages themselves read back of a run, as JSON; run as a script, so that no test imports them."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

_BLOCK = 32768  # bytes of a block of W&B's log, which is LevelDB's: crc, length, type, then so many bytes


def read(package: str, store: Path) -> dict[str, Any]:
    """`runs` (a list of ids), `points` (name to [step, value] pairs in order), `config`, `status`, `pictures`."""
    command = [sys.executable, "-W", "ignore", __file__, package, str(store)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def of_wandb(store: Path) -> dict[str, Any]:
    from wandb.proto import wandb_internal_pb2

    runs, points, config, summary = set(), {}, {}, {}
    for file in sorted(store.glob("wandb/offline-run-*/run-*.wandb")):
        for content in _records(file.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(content)
            if record.HasField("run"):
                runs.add(record.run.run_id)
                config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            values = {_key(item): json.loads(item.value_json) for item in record.history.item}
            for name, value in values.items():
                if isinstance(value, float | int) and not name.startswith("_"):
                    points.setdefault(name, []).append([values["_step"], value])
            summary |= {_key(item): json.loads(item.value_json) for item in record.summary.update}
    pictures = [str(path) for path in store.glob("wandb/offline-run-*/files/media/images/**/*.png")]
    return {
        "runs": sorted(runs),
        "points": points,
        "config": config,
        "pictures": pictures,
        **{name: summary.get(name) for name in ("status", "protocol", "final")},
    }


def of_mlflow(store: Path) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store / 'mlflow' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("ganctl").experiment_id])
    (run,) = runs
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {
        "runs": [run.data.tags["ganctl.run"]],
        "points": {name: [[point.step, point.value] for point in points] for name, points in histories.items()},
        "config": run.data.params,
        "status": [run.info.status, run.data.tags.get("status")],
        "protocol": run.data.tags.get("protocol"),
        "pictures": [str(path) for path in store.glob("mlflow/artifacts/*/artifacts/samples/**/*.png")],
        "final": json.loads(next(store.glob("mlflow/artifacts/*/artifacts/summary.json")).read_text())["scores"],
    }


def of_trackio(store: Path) -> dict[str, Any]:
    import os

    os.environ["TRACKIO_DIR"] = str(store / "trackio")
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = SQLiteStorage.get_runs("ganctl")
    points: dict[str, Any] = {}
    for row in SQLiteStorage.get_logs("ganctl", run):
        for name, value in row.items():
            points.setdefault(name, []).append([row["step"], value])
    final = {name.removeprefix("final/"): v[-1][1] for name, v in points.items() if name.startswith("final/")}
    return {
        "runs": [run],
        "points": points,
        "config": SQLiteStorage.get_run_config("ganctl", run),
        "status": points["status"][-1][1],
        "protocol": points["scores/protocol"][-1][1],
        "pictures": [str(path) for path in store.glob("trackio/media/**/*.png")],
        "final": final,
    }


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _records(log: bytes) -> list[bytes]:
    records, parts, at = [], [], 7  # after the file's own header
    while at + 7 <= len(log):
        if (room := _BLOCK - at % _BLOCK) < 7:
            at += room
            continue
        length, kind = struct.unpack("<HB", log[at + 4 : at + 7])
        parts.append(log[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            records.append(b"".join(parts))
            parts = []
    return records


if __name__ == "__main__":
    print(json.dumps(globals()[f"of_{sys.argv[1]}"](Path(sys.argv[2]))))
