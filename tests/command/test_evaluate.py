"""`ganctl evaluate`: the run's own scores again, several draws, other splits, and the protocol beside each score."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from ganctl.contract import FeatureSet
from ganctl.job.evaluate import beside_the_nearest
from tests.command.conftest import Train
from tests.conftest import Command, Refusal
from tests.settings import torch_untouched

NO_PAIRS = dict.fromkeys(("likeness", "perceptual"), "generated images belong to no real ones, one by one")
FEW = ("num_images=20", "num_real=50", "device=cpu")
AS_THE_RUN = (*FEW, "metric=[]")
Evaluate = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


@pytest.fixture
def evaluate(ganctl: Command) -> Evaluate:
    """Evaluates a run and returns the records of the file that this adds to it; `evaluate.said` is the output."""

    def call(run: Path, *words: str, target: Path | None = None) -> list[dict[str, Any]]:
        before = set(run.glob("scores-*.json"))
        answer = ganctl("evaluate", str(target or run), *words)
        assert answer.code == 0, answer.err
        (path,) = set(run.glob("scores-*.json")) - before
        assert str(path) in answer.out
        call.said = answer.out  # type: ignore[attr-defined]
        return json.loads(path.read_text())["draws"]

    return call


def summary_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


@pytest.mark.parametrize("kind", ["trained", "unconditional"])
def test_the_runs_own_final_scores_come_out_again(kind: str, evaluate: Evaluate, request: pytest.FixtureRequest):
    run = request.getfixturevalue(kind)
    (draw,) = evaluate(run, *AS_THE_RUN)
    summary = summary_of(run)
    assert summary["scores"].items() <= draw["scores"].items()
    told = {key: value for key, value in draw["protocol"].items() if key in summary["protocol"]}
    assert told.items() <= summary["protocol"].items()


def test_the_protocol_is_written_and_shown(trained: Path, evaluate: Evaluate):
    (draw,) = evaluate(trained, *AS_THE_RUN, "seed=4", "weights=raw")
    expected = {
        "extractor": "digits",
        "num_real": 50,
        "num_generated": 20,
        "split": "train",
        "weights": "raw",
        "seed": 4,
    }
    assert {key: draw["protocol"][key] for key in expected} == expected
    assert len(draw["protocol"]["data_hash"]) == len(draw["protocol"]["weights_hash"]) == 64
    assert {"torch", "numpy", "ganctl"} <= draw["protocol"].keys()
    assert "seed=4" in evaluate.said and "num_generated=20" in evaluate.said


def test_several_draws_give_mean_and_deviation(unconditional: Path, evaluate: Evaluate):
    draws = evaluate(unconditional, *AS_THE_RUN, "draws=3", "seed=7")
    assert [draw["protocol"]["seed"] for draw in draws] == [7, 8, 9]
    values = [draw["scores"]["fd_digits"] for draw in draws]
    assert len(set(values)) == 3
    (single,) = evaluate(unconditional, *AS_THE_RUN, "seed=8")
    assert single["scores"] == draws[1]["scores"]
    evaluate(unconditional, *AS_THE_RUN, "draws=3", "seed=7")
    shown = float(re.search(r"fd_digits\s+([\d.]+)", evaluate.said)[1])
    assert shown == pytest.approx(statistics.fmean(values), rel=1e-3)
    deviation = float(re.search(r"deviation over 3 draws\s+fd_digits ([\d.e+-]+)", evaluate.said)[1])
    assert deviation == pytest.approx(statistics.stdev(values), rel=0.01)


def test_averaged_and_raw_weights_are_scored_apart(unconditional: Path, evaluate: Evaluate):
    ema, raw = (evaluate(unconditional, *AS_THE_RUN, f"weights={name}")[0]["scores"] for name in ("ema", "raw"))
    assert ema["fd_digits"] != raw["fd_digits"]


def test_a_checkpoint_file_can_be_judged(unconditional: Path, evaluate: Evaluate):
    file = unconditional / "checkpoints" / "step-00000002.pt"
    (draw,) = evaluate(unconditional, *AS_THE_RUN, target=file)
    recorded = [json.loads(line) for line in (unconditional / "metrics.jsonl").read_text().splitlines()]
    assert draw["scores"].items() <= next(line for line in recorded if line["kind"] == "scores").items()


def test_the_batch_size_changes_no_score(unconditional: Path, evaluate: Evaluate):
    one, other = (evaluate(unconditional, *AS_THE_RUN, f"batch_size={size}")[0]["scores"] for size in (20, 7))
    assert one == pytest.approx(other, rel=1e-6)


def test_the_numbers_of_images_are_evaluates_own(unconditional: Path, evaluate: Evaluate):
    (draw,) = evaluate(unconditional, "num_images=21", "num_real=60", "device=cpu", "metric=[]")
    assert (draw["protocol"]["num_generated"], draw["protocol"]["num_real"]) == (21, 60)


def test_every_metric_is_computed_unless_others_are_chosen(trained: Path, unconditional: Path, evaluate: Evaluate):
    (draw,) = evaluate(trained, *FEW)
    kinds = ("fd", "kd", "is", "precision", "recall", "density", "coverage", "modes", "reverse_kl", "class_accuracy")
    assert {f"{kind}_digits" for kind in (*kinds, "copies", "duplicates")} <= draw["scores"].keys()
    assert {"copies_pixels", "ssim_pairs"} <= draw["scores"].keys() and draw["left_out"] == NO_PAIRS
    assert "95 % within" in evaluate.said
    (draw,) = evaluate(unconditional, *FEW)
    assert draw["left_out"] == {"class_accuracy": "generated images have no labels"} | NO_PAIRS
    assert "left out: class_accuracy" in evaluate.said


def test_samples_are_drawn_over_their_nearest_real_images(unconditional: Path, evaluate: Evaluate):
    evaluate(unconditional, *FEW, "metric=[frechet]")
    (path,) = re.findall(r"samples over their nearest real images\s+(\S+)", evaluate.said)
    with Image.open(path) as picture:
        assert picture.width > 3 * picture.height, "sixteen columns of three"


def test_copies_are_drawn_over_themselves():
    images = numpy.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), numpy.uint8)
    features = torch.from_numpy(images.reshape(20, 64)).float()
    moments = (torch.zeros(64).double(), torch.eye(64).double())
    real = FeatureSet("pixels", 20, *moments, features=features, images=images)
    generated = FeatureSet("pixels", 5, *moments, features=features[5:10], images=images[5:10])
    rows = beside_the_nearest(generated, real)
    assert rows is not None and torch.equal(rows[:5], rows[5:10]) and torch.equal(rows[:5], rows[10:])
    assert beside_the_nearest(replace(generated, images=None), real) is None


def test_too_few_images_are_warned_of(unconditional: Path, evaluate: Evaluate):
    evaluate(unconditional, *FEW, "metric=[frechet]")
    assert "warning: 20 generated images for features of 128 dimensions" in evaluate.said
    evaluate(unconditional, "num_images=128", "num_real=200", "device=cpu", "metric=[frechet]")
    assert "warning" not in evaluate.said


def test_the_metrics_can_be_chosen(unconditional: Path, evaluate: Evaluate):
    (draw,) = evaluate(unconditional, *FEW, "metric=[inception_score]", "metric.inception_score.splits=2")
    assert list(draw["scores"]) == ["is_digits"] and draw["protocol"]["inception_score.splits"] == 2


def idx(values: numpy.ndarray) -> bytes:
    """An array in the format of MNIST's files."""
    return bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, ">u4").tobytes() + values.tobytes()


def test_the_other_split_can_be_the_judge(train: Train, evaluate: Evaluate, ganctl: Command, tmp_path: Path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for number, name in enumerate(("train", "t10k")):
        images = numpy.random.default_rng(number).integers(0, 256, (60, 28, 28), numpy.uint8)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(idx(numpy.arange(60, dtype=numpy.uint8) % 10))
    train("dataset=mnist", f"dataset.root={tmp_path / 'data'}", "training.steps=2")
    own, other = (evaluate(tmp_path / "run", *AS_THE_RUN, *words)[0] for words in ([], ["split=test"]))
    assert (own["protocol"]["split"], other["protocol"]["split"]) == ("train", "test")
    assert own["protocol"]["data_hash"] != other["protocol"]["data_hash"]
    assert own["scores"]["fd_digits"] != other["scores"]["fd_digits"]
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"half")
    with pytest.raises(AssertionError, match=r"dataset\.root=.*t10k-labels-idx1-ubyte is damaged"):
        evaluate(tmp_path / "run", *AS_THE_RUN, "split=test")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["split=test"], "split=test: mnist5k has no splits; leave it out"),
        (["num_real=5001"], "num_real=5001: there are 5000 images; "),
        (
            ["metric=[inception_score]", "metric.inception_score.splits=30"],
            "metric.inception_score.splits=30: more than",
        ),
        (["feature=inception", "feature.weights=nowhere.pth"], "feature.weights=nowhere.pth: no such file; "),
    ],
)
def test_what_cannot_be_judged_is_refused(words: list[str], said: str, unconditional: Path, refused: Refusal):
    assert refused("evaluate", str(unconditional), *AS_THE_RUN, *words).startswith(said)
