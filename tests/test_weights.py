"""docs/weights.md: its lines of plain Python draw what the checkpoint draws."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image

import ganctl
from tests.command.conftest import trained

__all__ = ["trained"]
PAGE = Path(__file__).parents[1] / "docs" / "weights.md"


def test_the_lines_of_plain_python_rebuild_the_generator(trained: Path, tmp_path: Path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 20
    weights = trained / "checkpoints" / "best.safetensors"
    words = [sys.executable, "-c", code, str(weights), str(tmp_path / "a.png")]
    subprocess.run(words, check=True, timeout=120, cwd=PAGE.parents[1])
    with Image.open(tmp_path / "a.png") as picture:
        drawn = numpy.asarray(picture).astype(int)
    latents = torch.randn(1, 16, generator=torch.Generator().manual_seed(7))
    (ours,) = ganctl.load(weights, device="cpu").pictures(latents=latents, labels=0)
    assert numpy.abs(drawn - numpy.asarray(ours)).max() <= 1
