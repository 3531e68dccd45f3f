"""Inception's FID at the end of a run: computed where weights and time allow it, else the reason and the command."""

from __future__ import annotations

import json
import os
import shlex
import signal
from pathlib import Path

import numpy
import pytest
import torch

from ganctl.compose import Composer
from ganctl.evaluation.protocol import Protocol
from ganctl.job import summary as final
from ganctl.record.console import Console
from tests.command.conftest import Train
from tests.feature.conftest import random_state

SHORT = ("training.steps=1", "output.evaluate_every=null", "final_fid.enabled=true")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in pytorch-fid's format with random values (95 MB)."""
    path = tmp_path_factory.mktemp("inception") / "random weights.pth"
    torch.save(random_state(), path)
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets six images a side do, as the network takes its time."""
    monkeypatch.setattr(final, "FEWEST_FOR_FID", 4)
    monkeypatch.setattr(final, "MOST_FOR_FID", 6)


def test_the_best_checkpoint_is_judged_by_inception_too(
    few: None, weights: Path, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    found = train(*SHORT, f"final_fid.weights='{weights}'")["fid"]
    name = f"inception_{found['protocol']['weights_hash'][:8]}"
    assert found["scores"][f"fd_{name}"] > 0, "other weights than pytorch-fid's are not called fid"
    assert {key: found["protocol"][key] for key in ("extractor", "num_real", "num_generated", "weights")} == {
        "extractor": name,
        "num_real": 6,
        "num_generated": 6,
        "weights": "ema",
    }
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["fid"] == found
    assert f"fd_{name}" in capsys.readouterr().out


def test_too_little_time_is_said_with_the_command_that_takes_longer(
    weights: Path, train: Train, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    found = train(*SHORT, f"final_fid.weights='{weights}'", "final_fid.max_minutes=0.001")["fid"]
    assert found["skipped"].startswith("2048 images a side would take about ")
    program, *words = shlex.split(found["command"])
    assert (program, words[:3]) == ("ganctl", ["evaluate", str(tmp_path / "run"), "feature=inception"])
    assert Composer("evaluate").compose(words[2:]).feature.weights == str(weights), "though there is a space in it"
    assert "min" in found["estimate"] and "scores" not in found
    out = capsys.readouterr().out
    assert f"not computed: {found['skipped']}" in out and found["command"] in out


def test_too_few_images_are_said(few: None, weights: Path, train: Train, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(final, "FEWEST_FOR_FID", 5001)
    found = train(*SHORT, f"final_fid.weights='{weights}'", "final_fid.max_minutes=1e6")["fid"]
    assert found["skipped"] == "the data set has fewer than 5001 images"


def test_a_failed_download_is_said_in_a_short_line_and_costs_no_run(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    summary = train(*SHORT)
    assert summary["exit_code"] == 0 and summary["scores"]["fd_digits"] > 0
    assert "final_fid.weights=null: no weights at " in summary["fid"]["skipped"]
    assert summary["fid"]["command"].endswith(" feature=inception"), "a command that works as it stands"
    said = [line for line in capsys.readouterr().out.splitlines() if "weights" in line and "inception" in line.lower()]
    assert len(said) == 1 and len(said[0]) < 120 and "summary.json says why" in said[0]


def test_a_damaged_file_of_weights_costs_no_run(train: Train, tmp_path: Path):
    (tmp_path / "torn.pth").write_bytes(b"PK torn")
    summary = train(*SHORT, f"final_fid.weights={tmp_path / 'torn.pth'}")
    assert summary["exit_code"] == 0 and "not a file of weights" in summary["fid"]["skipped"]


def test_switched_off_it_is_not_computed(train: Train):
    found = train(*SHORT, "final_fid.enabled=false")["fid"]
    assert found["skipped"] == "final_fid.enabled=false" and found["command"].endswith("feature=inception")


def test_the_estimate_is_for_as_many_images_as_evaluate_takes_by_default():
    assert Composer("evaluate").compose([]).num_images == final.IMAGES_OF_EVALUATE


@pytest.mark.parametrize(
    ("budget", "more"),
    [
        (["training.steps=3"], "training.steps=6"),
        (["training.steps=null", "training.epochs=0.002"], "training.epochs=0.004"),
        (["training.steps=null", "training.images=20"], "training.images=40"),
    ],
)
def test_the_command_that_trains_on_doubles_the_budget_that_was_given(
    budget: list[str], more: str, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    train(*SHORT[1:], "final_fid.enabled=false", *budget, folder=tmp_path / "a run")
    assert f"  ganctl train --resume '{tmp_path / 'a run'}' {more}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "ending"),
    [
        (["stop.max_minutes=1e-9"], "stop.max_minutes=2e-09"),
        (["stop.target=100000", "output.evaluate_every=1"], "stop.target=null"),
        (["stop.patience=1", "output.evaluate_every=1", "optimizer.lr=1e-12"], "stop.patience=null"),
        (["optimizer.lr=1e30", "output.log_every=1", "output.checkpoint_every=1"], None),
    ],
    ids=["time", "target", "patience", "diverged"],
)
def test_the_command_that_goes_on_lifts_what_ended_the_run(
    settings: list[str], ending: str | None, train: Train, capsys: pytest.CaptureFixture[str]
):
    train("training.steps=500", *settings)
    said = [line for line in capsys.readouterr().out.splitlines() if "--resume" in line]
    if ending is None:
        assert said == [], "there is no checkpoint to go on from"
    else:
        assert len(said) == 1 and said[0].endswith(f" {ending}")


def test_an_interrupted_run_is_resumed_as_it_is_and_has_no_best_yet(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    class Stopped(Console):
        def advance(self, step: int) -> None:
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("ganctl.job.train.Console", Stopped)
    summary = train("training.steps=500", "output.evaluate_every=null", "scheduler=cosine")
    out = capsys.readouterr().out
    assert summary["status"] == "interrupted" and summary["best_checkpoint"] is None
    last = tmp_path / "run" / "checkpoints" / "step-00000003.pt"
    assert summary["last_checkpoint"] == str(last) and f"{last} (not judged yet)\n" in out and "best" not in out
    assert f"--resume {tmp_path / 'run'}\n" in out and "after 3 steps\n" in out


def test_real_held_out_images_stand_beside_the_scores_where_they_are_known(
    train: Train, capsys: pytest.CaptureFixture[str]
):
    summary = train("evaluation.final_images=5000", "evaluation.num_real=null", *SHORT[:2])
    assert summary["held_out"]["scores"]["fd_digits"] == pytest.approx(0.0921, abs=1e-4)
    out = capsys.readouterr().out
    assert "  (held-out real images: 0.09208)\n" in out and "5,000 images of mnist:test, which" in out
    assert "after 1 step\n" in out and "99.6 % of 10,000 test images" in out
    assert train(*SHORT[:2])["held_out"] == {}, "of other numbers of images they say nothing"


def test_a_test_split_on_the_disk_is_judged_once(train: Train, tmp_path: Path, cache: Path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = numpy.random.default_rng(0)
    for part, count in (("train", 80), ("t10k", 30)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(random.integers(0, 256, (count, 28, 28), numpy.uint8)))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(numpy.arange(count, dtype=numpy.uint8) % 10))
    words = ("dataset=mnist", f"dataset.root={tmp_path / 'data'}", *SHORT[:2])
    first = train(*words)["held_out"]
    assert first["what"] == "mnist:test" and first["protocol"]["num_generated"] == 20
    assert first["scores"].keys() >= {"fd_digits", "is_digits"}
    (kept,) = (path for path in cache.glob("features/held-out-*.json") if json.loads(path.read_text()) == first)
    kept.write_text(json.dumps({"what": "from the cache"}))
    assert train(*words, folder=tmp_path / "again")["held_out"] == {"what": "from the cache"}
    kept.unlink()
    for file in raw.glob("t10k*"):
        file.unlink()
    assert train(*words, folder=tmp_path / "third")["held_out"] == {}, "nothing is downloaded for it"


def test_a_classifier_says_how_often_it_is_right_on_images_that_it_has_not_seen():
    facts = {"held_out_accuracy": 0.978, "held_out_images": 1500}
    line = "classifier, right on 97.8 % of 1,500 held-out images"
    assert final._judge_accuracy(Protocol(extractor="classifier", facts=facts)) == line
    assert final._judge_accuracy(Protocol(extractor="pixels")) is None


def test_a_run_that_diverged_goes_on_from_its_last_checkpoint_with_a_lower_rate(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    train(*SHORT[:2], "final_fid.enabled=false")
    last = tmp_path / "run" / "checkpoints" / "last.pt"
    summary = train("training.steps=9", "optimizer.lr=1e30", resume=last)
    assert summary["status"] == "diverged"
    assert f"--resume {tmp_path / 'run'} optimizer.lr=2.5e+29\n" in capsys.readouterr().out


def idx(values: numpy.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([values.ndim]) + numpy.array(values.shape, ">u4").tobytes() + values.tobytes()
