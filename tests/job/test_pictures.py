"""A folder of pictures is trained on and judged where there is no network, with nothing chosen but the folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from ganctl import checkpoint
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
def test_pictures_are_judged_offline(
    channels: int, pictures: Path, ganctl: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(workplace / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(workplace / "hub"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    ours = ("feature", "final_fid", "evaluation.num_real", "training.batch_size")
    words = [word for word in SMALL if not word.startswith(ours)]
    data = ["dataset=image_folder", f"dataset.path={pictures}", "dataset.resolution=16", f"dataset.channels={channels}"]
    data.append("model=dcgan")
    with torch_untouched():
        answer = ganctl("train", *words, *data, "training.batch_size=4", "hydra.run.dir=run")
    assert answer.code == 0, answer.err
    summary = json.loads((workplace / "run" / "summary.json").read_text())
    assert summary["scores"]["fd_efficientnet"] > 0 and summary["score"]["name"] == "fd_efficientnet"
    assert summary["protocol"]["resizing"] == "bicubic with antialiasing to 96x96"
    assert "download failed" in summary["fid"]["skipped"]
    assert sum("Inception's weights cannot be had here" in line for line in answer.out.splitlines()) == 1


FEW = ("generator.width=4", "generator.max_width=8", "discriminator.channels=8", "discriminator.width=8")
BRIEF = [
    word for word in SMALL if word.startswith(("output", "evaluation.num_i", "evaluation.f", "final_fid", "device"))
]


def test_random_parts_of_oblong_pictures_are_learned_by_default_and_resumed_bit_for_bit(
    pictures: Path, ganctl: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(workplace / "cache"))
    data = [f"dataset.path={pictures}", "dataset.resolution=[20,28]", "dataset.random_crop=[16,24]"]
    words = ["dataset=image_folder", *data, *FEW, *BRIEF, "training.batch_size=8", "training.flip=true"]
    with torch_untouched():
        for run, steps in (("whole", 4), ("part", 2)):
            answer = ganctl("train", *words, f"training.steps={steps}", f"hydra.run.dir={run}")
            assert answer.code == 0, answer.err
        answer = ganctl("train", "--resume", "part", "training.steps=4")
        assert answer.code == 0, answer.err
        assert ganctl("sample", "part", "num_images=2", "images=true", "output=drawn").code == 0
    whole, part = (checkpoint.load(checkpoint.find(workplace / run))["state"]["networks"] for run in ("whole", "part"))
    for network, weights in whole.items():
        assert all(torch.equal(weight, part[network][name]) for name, weight in weights.items()), network
    summary = json.loads((workplace / "whole" / "summary.json").read_text())
    assert summary["score"]["name"] == "fd_efficientnet_lite2"
    with Image.open(next((workplace / "drawn").rglob("000001.png"))) as drawn:
        assert drawn.size == (24, 16)


@pytest.mark.parametrize("model", ["dcgan_2016", "mlp", "projected", "sngan"])
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("dataset.resolution=[24,33]", "dataset.resolution=[24,33]: "),
        ("dataset.random_crop=[15,40]", "dataset.random_crop=[15,40]: "),
        ("dataset.resolution=[24]", "dataset.resolution=[24]: must be one number, or 2: [height, width]"),
    ],
)
def test_a_size_that_a_models_networks_cannot_have_is_refused_in_one_line(
    model: str, setting: str, said: str, pictures: Path, ganctl: Command
) -> None:
    (pictures / "a").mkdir()
    (pictures / "b").mkdir()
    for name in ("0.png", "1.png"):
        (pictures / name).rename(pictures / "a" / name)
    words = ["dataset=image_folder", f"dataset.path={pictures / 'a'}", "dataset.resolution=64", "conditional=false"]
    answer = ganctl("train", *words, f"model={model}", setting)
    assert answer.code == 2 and answer.err.startswith(said) and answer.err.count("\n") == 1, answer
