"""Parts of one's own: a network as the README shows it, trained, sampled from, judged and resumed; and a judge."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from ganctl.report.facts import resuming
from ganctl.report.recorded import read_run
from tests.conftest import Command, Refusal
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


def test_the_commands_at_the_end_work_as_they_stand(ganctl: Command, workplace: Path) -> None:
    (workplace / "mynet.py").write_text(NETWORK)
    (workplace / "my conf" / "generator").mkdir(parents=True)
    (workplace / "my conf" / "generator" / "homemade.yaml").write_text(YAML)
    settings = [word for word in SMALL if not word.startswith("generator")]
    choice = ["--config-dir", "my conf", "generator=homemade", "generator.hidden=16", "output.evaluate_every=1"]
    trained = ganctl("train", *choice, *settings, "stop.target=100000", "hydra.run.dir=run")
    said = trained.out.partition("\nNext\n")[2]
    commands = [shlex.split(line.partition("  ganctl ")[2]) for line in said.splitlines() if "  ganctl " in line]
    assert [words[0] for words in commands] == ["report", "sample", "train", "evaluate"]
    for words in commands[:3]:
        assert (answer := ganctl(*words)).code == 0, answer.err
    option = f"--config-dir={workplace / 'my conf'}"
    assert all(option in words for words in commands[1:])
    assert ganctl(*commands[3], "feature=digits", "num_images=20", "num_real=50").code == 0
    assert json.loads((workplace / "run" / "environment.json").read_text())["options"] == [option]
    assert resuming(read_run(Path("run"))) == f"ganctl train --resume run '{option}'"


@pytest.mark.parametrize(
    ("group", "change", "said"),
    [
        ("generator", ("unflatten(1, self.image_shape)", "unflatten(1, (1, 14, 56))"), "(8, 1, 14, 56)"),
        ("generator", ("self.layers(latents)", "self.layers(latents[:1])"), "(1, 1, 28, 28)"),
        ("discriminator", ("return self.layers(images)", "return self.layers(images).mean()"), "of shape ()"),
        ("discriminator", ("return self.layers(images)", "return [self.layers(images)]"), "no tensor but a list"),
    ],
)
def test_a_network_whose_output_has_another_shape_is_refused_in_one_line(
    group: str, change: tuple[str, str], said: str, refused: Refusal, workplace: Path
) -> None:
    (workplace / "mynet.py").write_text((NETWORK + DISCRIMINATOR).replace(*change))
    (workplace / "conf" / group).mkdir(parents=True)
    yaml = YAML if group == "generator" else YAML.replace("Generator", "Discriminator").partition("hidden")[0]
    (workplace / "conf" / group / "homemade.yaml").write_text(yaml)
    settings = [word for word in SMALL if not word.startswith(group)]
    line = refused("train", "--config-dir", "conf", f"{group}=homemade", *settings)
    assert line.startswith(f"{group}=mynet.{group.capitalize()}: gives ") and said in line
    assert line.endswith("wanted is (N, 1, 28, 28)" if group == "generator" else "wanted is (N) or (N, ...)")


DISCRIMINATOR = """\

class Discriminator(nn.Module):
    def __init__(self, *, image_shape, num_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(prod(image_shape), 1))

    def forward(self, images, labels):
        return self.layers(images)
"""

JUDGE = """\
import hashlib
import torch

class Edges:
    name = "edges"
    weights_hash = hashlib.sha256(b"rows and columns").hexdigest()
    resizing = "none"
    num_classes = 0
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


METRIC = """\
from dataclasses import dataclass
from ganctl.contract import Score

@dataclass(frozen=True)
class Spread:
    power: float
    needs = ("generated.features",)

    def declare(self, extractor, num_classes):
        return Score(f"variety_{extractor}", "higher"), Score(f"fd_like_{extractor}")

    def __call__(self, generated, real):
        variety = generated.features.double().std(dim=0).mean().item() ** self.power
        return {f"variety_{generated.extractor}": variety, f"fd_like_{generated.extractor}": 1.0}
"""
METRIC_YAML = """\
# Mean deviation of the features
mine:
  _target_: mymetric.Spread
  power: 1.0   # of the deviation; in (0, 10]
"""


def test_a_metric_of_ones_own_judges_a_run_by_the_direction_that_it_declares(ganctl: Command, workplace: Path) -> None:
    (workplace / "mymetric.py").write_text(METRIC)
    (workplace / "conf" / "metric").mkdir(parents=True)
    (workplace / "conf" / "metric" / "mine.yaml").write_text(METRIC_YAML)
    words = ["train", "--config-dir", "conf", "metric=[frechet,mine]", *SMALL, "output.evaluate_every=1"]

    for score, said in (
        ("varieti_digits", "none of the chosen metrics gives it; choose from fd_digits, variety_digits"),
        ("fd_like_digits", "has no better and worse; choose from fd_digits, variety_digits"),
    ):
        refused = ganctl(*words, f"stop.score={score}", "hydra.run.dir=other")
        assert refused.code == 2 and refused.err.strip() == f"stop.score={score}: {said}"
        assert not (workplace / "other" / "checkpoints").exists()

    trained = ganctl(*words, "stop.score=variety_digits", "hydra.run.dir=run")
    assert trained.code == 0, trained.err
    summary = json.loads((workplace / "run" / "summary.json").read_text())
    lines = [json.loads(line) for line in (workplace / "run" / "metrics.jsonl").read_text().splitlines()]
    course = {line["step"]: line["variety_digits"] for line in lines if line["kind"] == "scores"}
    assert summary["best_step"] == max(course, key=course.__getitem__) and len(course) > 1
    assert summary["score"]["higher_is_better"] is True
    assert summary["about"]["variety_digits"] == {"direction": "higher"}

    (workplace / "mymetric.py").unlink()
    compared = ganctl("compare", "run", str(copied(workplace / "run", workplace / "copy")), "--score", "variety_digits")
    assert compared.code == 0 and "best first" in compared.out


def copied(run: Path, place: Path) -> Path:
    shutil.copytree(run, place)
    return place
