"""Inception's FID at the end of a run: computed where weights and time allow it, else the reason and the command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from ganctl.compose import Composer
from ganctl.job import summary as final
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


def test_a_failed_download_is_said_and_costs_no_run(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    summary = train(*SHORT)
    assert summary["exit_code"] == 0 and summary["scores"]["fd_digits"] > 0
    assert "final_fid.weights=null: no weights at " in summary["fid"]["skipped"]
    assert summary["fid"]["command"].endswith(" feature=inception feature.weights=FILE")


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
    assert f"ganctl train --resume '{tmp_path / 'a run'}' {more}\n" in capsys.readouterr().out
