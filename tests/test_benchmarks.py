"""The benchmarks still fit the package: what they import of it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))

pytestmark = pytest.mark.skipif(not NAMES, reason="the tests lie outside a checkout")


def test_every_benchmark_can_be_imported() -> None:
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(f'benchmarks.{name}')"
    ended = subprocess.run(
        [sys.executable, "-c", program, *NAMES], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
