"""A folder of pictures is trained on and judged where there is no network, with nothing chosen but the folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from PIL import Image

from tests.conftest import Command
from tests.settings import SMALL, torch_untouched


@pytest.fixture
def pictures(workplace: Path) -> Path:
    (workplace / "pictures").mkdir()
    random = numpy.random.default_rng(0)
    for number in range(12):
        Image.fromarray(random.integers(256, size=(20, 24, 3), dtype=numpy.uint8)).save(f"pictures/{number}.png")
    return workplace / "pictures"


@pytest.mark.parametrize("channels", [3, 1])
def test_pictures_are_judged_offline_by_default(
    channels: int, pictures: Path, ganctl: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(workplace / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(workplace / "hub"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    ours = ("feature", "final_fid", "evaluation.num_real", "training.batch_size")
    words = [word for word in SMALL if not word.startswith(ours)]
    data = ["dataset=image_folder", f"dataset.path={pictures}", "dataset.resolution=16", f"dataset.channels={channels}"]
    with torch_untouched():
        answer = ganctl("train", *words, *data, "training.batch_size=4", "hydra.run.dir=run")
    assert answer.code == 0, answer.err
    summary = json.loads((workplace / "run" / "summary.json").read_text())
    assert summary["scores"]["fd_efficientnet"] > 0 and summary["score"]["name"] == "fd_efficientnet"
    assert summary["protocol"]["resizing"] == "bicubic with antialiasing to 96x96"
    assert "download failed" in summary["fid"]["skipped"]
    assert sum("Inception's weights cannot be had here" in line for line in answer.out.splitlines()) == 1
