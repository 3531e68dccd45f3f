"""Parts of one's own: a network as the README shows it, trained, sampled from, judged and resumed; and a judge."""

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
    (workplace / "conf" / "generator" / "homemade.yaml").write_text(YAML)
    choice = ["--config-dir", "conf", "generator=homemade", "generator.hidden=16"]
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

    again = ganctl("train", "--config-dir", "conf", "--resume", "run", "training.steps=6")
    assert again.code == 0, again.err
    assert json.loads((workplace / "run" / "summary.json").read_text())["step"] == 6


JUDGE = """\
import hashlib
import torch

class Edges:
    name = "edges"
    weights_hash = hashlib.sha256(b"rows and columns").hexdigest()
    resizing = "none"
    facts = {"made_in": "a test"}

    def __init__(self, *, strength, device):
        self.strength, self.device = strength, device

    def check(self, spec):
        if spec.image_shape[0] != 1:
            raise ValueError(f"judges grey images, and {spec.name} has {spec.image_shape[0]} channels")

    def __call__(self, images):
        images = self.strength * images.to(self.device)
        features = torch.cat([images.mean(dim=(1, 2)), images.mean(dim=(1, 3))], dim=1)
        return features, features[:, :0]
"""
JUDGE_YAML = """\
# Means of rows and columns
_target_: myjudge.Edges
strength: 2.0   # factor on the pixels; in (0, 10]
"""


def test_an_extractor_of_ones_own_judges_a_run(ganctl: Command, workplace: Path) -> None:
    (workplace / "myjudge.py").write_text(JUDGE)
    (workplace / "conf" / "feature").mkdir(parents=True)
    (workplace / "conf" / "feature" / "homemade.yaml").write_text(JUDGE_YAML)
    settings = [word for word in SMALL if not word.startswith("feature")]
    choice = ["--config-dir", "conf", "feature=homemade", "metric=[frechet]"]

    trained = ganctl("train", *choice, *settings, "hydra.run.dir=run")
    assert trained.code == 0, trained.err
    assert json.loads((workplace / "run" / "summary.json").read_text())["scores"]["fd_edges"] > 0

    judged = ganctl("evaluate", "run", "trust=[myjudge]", "num_images=20", "num_real=50", "device=cpu")
    assert judged.code == 0, judged.err
    protocol = json.loads(next((workplace / "run").glob("scores-*.json")).read_text())["draws"][0]["protocol"]
    assert protocol["extractor"] == "edges" and protocol["extractor.made_in"] == "a test"

    refused = ganctl("train", *choice, *settings, "feature.strength=20", "hydra.run.dir=other")
    assert refused.code == 2 and "feature.strength=20" in refused.err and refused.err.count("\n") == 1
    assert not (workplace / "other").exists()
