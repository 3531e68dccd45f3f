"""Runs of a benchmark that are kept: one that has ended is not run again, one that was broken off goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


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
