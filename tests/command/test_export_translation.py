"""`ganctl export` of pictures from pictures: what others need to make them without ganctl, at any size."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

import ganctl as package
from ganctl.export import card
from tests.command.test_translate import pictures, train
from tests.conftest import Command

__all__ = ["pictures"]  # a fixture
ALONE = """\
import sys
sys.modules["ganctl"] = None  # an import of it fails
import torch
from generator import load, to_pixels
torch.save(load()(torch.load("source.pt")).detach(), "images.pt")
"""


def alone(folder: Path, program: str) -> None:
    """Runs `program` in the folder, in a process that cannot import ganctl."""
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("pictures")
def test_a_translation_is_made_without_ganctl_at_any_size(ganctl: Command, workplace: Path) -> None:
    train(ganctl, "pix2pix", "run", "training.steps=2")
    answer = ganctl("export", "run", "output=out")
    assert answer.code == 0 and answer.err == "", answer
    assert "any height and width that are multiples of 16" in answer.out and "model.onnx" in answer.out
    folder, source = workplace / "out", torch.rand(2, 3, 32, 48) * 2 - 1
    own = package.load("run", device="cpu").drawer.draw({"source": source})
    torch.save(source, folder / "source.pt")
    alone(folder, ALONE)
    assert torch.allclose(torch.load(folder / "images.pt"), own, atol=1e-6)
    session = __import__("onnxruntime").InferenceSession(str(folder / "model.onnx"))
    (images,) = session.run(None, {"source": source.numpy()})
    assert torch.allclose(torch.from_numpy(images), own, atol=1e-5)
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    text = (folder / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text.replace("FOLDER_OR_NAME", "."), re.S)
    assert len(blocks) == 3
    alone(
        folder,
        "\n".join(['import sys\nsys.modules["ganctl"] = None', *blocks, "assert images.shape[1:] == (3, 16, 16)"]),
    )


@pytest.mark.usefixtures("pictures")
def test_the_card_of_an_enlargement_speaks_of_sources(ganctl: Command, workplace: Path) -> None:
    train(ganctl, "srgan", "run", "game=content", "term=[l1]", "metric=[frechet,likeness]", "training.steps=2")
    assert ganctl("export", "run", "output=out", "onnx=false").code == 0
    text = Path("out/README.md").read_text()
    facts = yaml.safe_load(text.split("---\n")[1])
    assert facts["pipeline_tag"] == "image-to-image" and "image-to-image" in facts["tags"]
    assert not any("generation" in tag for tag in facts["tags"]) and "latent" not in text
    assert "source (N, 3, H, W) become images (N, 3, 4 H, 4 W)" in text and "any height and width" in text
    assert "learned without an adversary, by `l1`" in text and "`psnr_y`" in text
    config = json.loads(Path("out/config.json").read_text())
    assert config["inputs"] == {"source": ["N", 3, "H", "W"]} and config["source_shape"] == [3, 4, 4]
    with Image.open("out/samples.png") as picture, Image.open("run/samples/best.png") as grid:
        assert picture.size[0] >= grid.size[0] > 3 * 16, "sources and truths stand beside"


def test_the_card_says_who_played() -> None:
    parts = {"generator": "g", "discriminator": "d", "loss": "least_squares", "optimizer": "Adam"}
    config = {"term": {"l1": {}}, "regularizer": {}, "augment": {}}
    said = {
        game: card.training(config, 1, "raw", parts | {"game": game}, None)
        for game in ("Adversarial", "Cycle", "Content", "mine")
    }
    assert "Two networks played" in said["Adversarial"] and "`least_squares` and `l1`" in said["Adversarial"]
    assert "Four networks played" in said["Cycle"] and "this is the generator there" in said["Cycle"]
    assert "`d`" not in said["Content"] and "without an adversary, by `l1`" in said["Content"]
    assert "by the game `mine` and `l1`" in said["mine"]
