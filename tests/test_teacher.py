"""A judge is not the teacher: scores by a network that a run has learned from say so, and rank nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from PIL import Image

from tests.conftest import TINY, Command, Refusal

SETTINGS = [word for word in TINY if not word.startswith(("generator=", "discriminator=", "feature="))]


@pytest.fixture
def pictures(workplace: Path) -> list[str]:
    """A folder of colour pictures, as the words that name it."""
    random = numpy.random.default_rng(0)
    (workplace / "pictures").mkdir()
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (32, 32, 3), numpy.uint8)).save(
            workplace / "pictures" / f"{number}.png"
        )
    return [
        "dataset=image_folder",
        "dataset.path=pictures",
        "dataset.resolution=32",
        "model=projected",
        "training.batch_size=4",
    ]


def test_a_teacher_cannot_judge_a_run(pictures: list[str], refused: Refusal) -> None:
    line = refused("train", *pictures, *SETTINGS, "feature=efficientnet")
    assert line.startswith("feature=efficientnet: is what discriminator=projected learns from, and so cannot judge")
    assert "add feature=efficientnet_lite2" in line


def test_a_classifier_on_the_teacher_cannot_judge_either(workplace: Path, refused: Refusal) -> None:
    line = refused("train", "dataset=cifar10", "model=projected", "feature=classifier", "device=cpu")
    assert line.startswith("feature=classifier: is what discriminator=projected learns from, and so cannot judge")


def test_a_metric_by_the_teacher_is_refused_where_it_judges_and_where_it_scores(
    pictures: list[str], ganctl: Command, refused: Refusal, workplace: Path
) -> None:
    words = ["metric=[style]", "metric.style.network=efficientnet_lite0", "device=cpu"]
    line = refused("train", "dataset=cifar10", "model=projected", *words)
    said = "metric.style.network=efficientnet_lite0: is what discriminator=projected learns from, and so cannot judge"
    assert line.startswith(said)
    assert ganctl("train", *pictures, *SETTINGS, "metric=[frechet]", "hydra.run.dir=run").code == 0
    for command in ("evaluate", "fid"):
        assert refused(command, "run", *words, "feature=pixels", "num_images=8").startswith(said)


def test_its_scores_are_shown_under_their_own_name_and_none_is_better(
    pictures: list[str], ganctl: Command, refused: Refusal, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = ganctl("train", *pictures, *SETTINGS, "hydra.run.dir=run")
    assert trained.code == 0, trained.err
    summary = json.loads((workplace / "run" / "summary.json").read_text())
    assert summary["score"]["name"] == "fd_efficientnet_lite2" and summary["about"]["fd_efficientnet_lite2"]
    scored = ganctl("evaluate", "run", "feature=efficientnet", "metric=[frechet]", "num_images=8", "device=cpu")
    assert scored.code == 0, scored.err
    (file,) = (workplace / "run").glob("scores-*.json")
    (draw,) = json.loads(file.read_text())["draws"]
    assert list(draw["scores"]) == ["fd_efficientnet_teacher"]
    assert draw["protocol"]["extractor"] == "efficientnet_teacher"
    assert "direction" not in json.dumps(draw["about"])
    monkeypatch.setenv("TORCH_HOME", str(workplace / "hub"))
    line = refused("fid", "run", "num_images=8", "feature.max_download_seconds=0", "device=cpu")
    assert "judge by efficientnet_lite2, offline" in line, "who is named instead is no teacher"
    for judge, name in (("efficientnet", "fd_efficientnet_teacher"), ("efficientnet_lite2", "fd_efficientnet_lite2")):
        words = [f"feature={judge}", "num_images=8", "save=of_b.npz", "output=scores.json", "device=cpu"]
        assert (scored := ganctl("fid", "run", *words)).code == 0, scored.err
        record = json.loads((workplace / "scores.json").read_text())
        assert list(record["scores"]) == [name] and ("direction" in json.dumps(record["about"])) == (
            "teacher" not in name
        )
        for file in ("of_b.npz", "scores.json"):
            (workplace / file).unlink()
