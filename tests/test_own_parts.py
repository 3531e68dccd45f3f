"""A network of one's own as the README shows it: typed, trained, sampled from, judged and resumed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Command
from tests.settings import SMALL

NETWORK = """\
from math import prod
from torch import nn

class Generator(nn.Module):
    def __init__(self, *, latent_size, image_shape, num_classes, hidden):
        super().__init__()
        last = nn.Linear(hidden, prod(image_shape))
        self.layers = nn.Sequential(nn.Linear(latent_size, hidden), nn.ReLU(), last, nn.Tanh())
        self.image_shape = image_shape

    def forward(self, latents, labels):
        return self.layers(latents).unflatten(1, self.image_shape)
"""
YAML = """\
# Two dense layers of mine
_target_: mynet.Generator
hidden: 256   # units of the hidden layer; in [1, 4096]
"""


def test_the_readmes_example_trains_and_is_sampled_judged_and_resumed(
    ganctl_process: Command, ganctl: Command, workplace: Path
) -> None:
    (workplace / "mynet.py").write_text(NETWORK)
    (workplace / "conf" / "generator").mkdir(parents=True)
    (workplace / "conf" / "generator" / "mine.yaml").write_text(YAML)
    choice = ["--config-dir", "conf", "generator=mine", "generator.hidden=16"]
    settings = [word for word in SMALL if not word.startswith("generator")]  # those would be of another network

    trained = ganctl_process("train", *choice, *settings, "hydra.run.dir=run")
    assert trained.code == 0, trained.err
    summary = json.loads((workplace / "run" / "summary.json").read_text())
    assert (summary["status"], summary["step"]) == ("finished", 4) and summary["scores"]["fd_digits"] > 0
    assert "mynet" in (workplace / "run" / "config.yaml").read_text()

    drawn = ganctl("sample", "run", "--config-dir", "conf", "num_images=3", "images=true", "output=drawn")
    assert drawn.code == 0, drawn.err
    assert len(list((workplace / "drawn" / "images").iterdir())) == 3

    judged = ganctl("evaluate", "run", "trust=[mynet]", "num_images=20", "num_real=50", "device=cpu")
    assert judged.code == 0, judged.err
    scores = json.loads(next((workplace / "run").glob("scores-*.json")).read_text())["draws"][0]["scores"]
    assert abs(scores["fd_digits"] - summary["scores"]["fd_digits"]) < 1e-6 * scores["fd_digits"]

    again = ganctl_process("train", "--config-dir", "conf", "--resume", "run", "training.steps=6")
    assert again.code == 0, again.err
    assert json.loads((workplace / "run" / "summary.json").read_text())["step"] == 6
