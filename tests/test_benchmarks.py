"""The benchmarks import what is there: nothing else notices when a name of ours moves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_starts(script: str) -> None:
    command = [sys.executable, "-W", "error", "-m", f"benchmarks.{script}", "--help"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"usage: {script}.py" in done.stdout


def test_there_are_benchmarks() -> None:
    assert {"run", "quality", "art"} <= set(SCRIPTS)
