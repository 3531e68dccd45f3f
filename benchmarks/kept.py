"""Runs of a benchmark: those that are kept, of which one that was broken off goes on; and how quick a run was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ganctl.record.jsonl import read_metrics


def has_ended(folder: Path) -> bool:
    """Whether a run is there that came to an end of its own."""
    path = folder / "summary.json"
    return path.exists() and json.loads(path.read_text())["status"] != "interrupted"


def train(words: Sequence[str], folder: Path) -> int | None:
    """The exit code of `ganctl train` in `folder`; None where it has ended there already."""
    if has_ended(folder):
        return None
    command = [sys.executable, "-m", "ganctl", "train", *words, f"hydra.run.dir={folder}"]
    if (folder / "checkpoints").exists():
        command = [sys.executable, "-m", "ganctl", "train", "--resume", str(folder)]
    return subprocess.run(command, check=False).returncode


def speeds(folder: Path) -> list[float]:
    """Images a second of each of a run's lines of losses."""
    records = read_metrics(folder / "metrics.jsonl")
    return [record["images_per_second"] for record in records if record["kind"] == "losses"]
