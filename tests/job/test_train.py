"""Whole trainings in this process: budgets, reasons to stop, what is kept, and what the folder holds."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from ganctl import checkpoint
from ganctl.job import journal
from ganctl.record.console import Console
from ganctl.record.jsonl import read_metrics
from tests.command.conftest import Train


def steps_of(run: Path) -> list[int]:
    return sorted(int(path.stem[5:]) for path in (run / "checkpoints").glob("step-*.pt"))


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def scores_of(run: Path) -> dict[int, float]:
    return {line["step"]: line["fd_digits"] for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "scores"}


# What a run leaves


def test_a_finished_run_has_all_that_is_promised(trained: Path):
    files = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    assert files >= {
        *("config.yaml", "environment.json", "summary.json", "metrics.jsonl", "train.log"),
        *(f"samples/{name}.png" for name in ("step-00000000", "step-00000002", "step-00000004", "best", "real")),
        *(f"checkpoints/{name}" for name in ("step-00000002.pt", "step-00000004.pt", "last.pt", "best.pt")),
        *("checkpoints/best.safetensors", "checkpoints/last.safetensors"),
    }
    assert any(file.startswith("tensorboard/run/events") for file in files)
    assert not any(file.endswith(".unfinished") for file in files)


def test_the_summary_says_how_it_ended_and_how_good_it_is(trained: Path):
    summary = json.loads((trained / "summary.json").read_text())
    assert (summary["status"], summary["exit_code"], summary["step"]) == ("finished", 0, 4)
    assert summary["score"]["name"] == "fd_digits" and summary["score"]["higher_is_better"] is False
    assert summary["score"]["value"] == summary["scores"]["fd_digits"]
    assert Path(summary["best_checkpoint"]) == trained / "checkpoints" / "best.pt"
    assert summary["protocol"]["step"] == summary["best_step"]
    assert Path(summary["grid"]).is_file()


def test_the_environment_and_the_resolved_configuration_are_kept(trained: Path):
    facts = json.loads((trained / "environment.json").read_text())
    assert facts["seed"] == 0 and len(facts["data_hash"]) == 64 and facts["device"].startswith("cpu")
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["generator"]["width"] == 4 and config["optimizer"]["generator"]["lr"] == 0.0002
    assert "${" not in (trained / "config.yaml").read_text()


def test_metrics_have_a_line_for_each_report_and_each_evaluation_with_its_protocol(trained: Path):
    lines = read_metrics(trained / "metrics.jsonl")
    losses = [line for line in lines if line["kind"] == "losses"]
    assert [line["step"] for line in losses] == [1, 2, 3, 4]
    assert all(
        {"d_loss", "g_loss", "d_real", "d_fake", "learning_rate", "images_per_second"} <= line.keys() for line in losses
    )
    scores = [line for line in lines if line["kind"] == "scores"]
    assert [line["step"] for line in scores] == [2, 4]
    protocol = scores[0]["protocol"]
    assert protocol["extractor"] == "digits" and len(protocol["weights_hash"]) == len(protocol["data_hash"]) == 64
    expected = {"num_real": 50, "num_generated": 20, "split": "train", "weights": "ema", "seed": 0}
    assert {key: protocol[key] for key in expected} == expected


def test_the_safetensors_are_the_averaged_generator_of_their_checkpoints(trained: Path):
    for name in ("best", "last"):
        weights = load_file(trained / "checkpoints" / f"{name}.safetensors")
        average = checkpoint.load(trained / "checkpoints" / f"{name}.pt")["state"]["averages"]["generator"]
        assert weights.keys() == average.keys()
        assert all(torch.equal(weights[key], average[key]) for key in weights)


def test_what_is_the_same_is_stored_once(trained: Path, train: Train, tmp_path: Path):
    def files(run: Path) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in (run / "checkpoints").iterdir()}

    kept = files(trained)
    assert kept["best.pt"] == kept["last.pt"] == kept["step-00000004.pt"] != kept["step-00000002.pt"]
    assert kept["best.safetensors"] == kept["last.safetensors"]
    summary = train("training.steps=6", "output.evaluate_every=1", "optimizer.lr=0.02", "seed=3", "output.keep_last=1")
    assert summary["best_step"] < 6 and len(set(files(tmp_path / "run").values())) == 4
    best, last = (tmp_path / "run" / "checkpoints" / f"{name}.pt" for name in ("best", "last"))
    assert best.stat().st_size < last.stat().st_size / 2
    with pytest.raises(ValueError, match="resume the run's folder"):
        train("training.steps=8", resume=best)
    assert train("training.steps=8", resume=last)["step"] == 8


def test_early_grids_come_at_doubling_steps_and_can_be_left_out(train: Train, tmp_path: Path):
    words = ("training.steps=12", "output.sample_every=10", "output.evaluate_every=null")
    train(*words)
    grids = sorted(path.stem for path in (tmp_path / "run" / "samples").glob("step-*"))
    assert grids == [f"step-{step:08d}" for step in (0, 1, 2, 4, 8, 10, 12)]
    train(*words, "output.sample_early=false", folder=tmp_path / "other")
    assert len(list((tmp_path / "other" / "samples").glob("step-*"))) == 2
    weights = (load_file(tmp_path / run / "checkpoints" / "last.safetensors") for run in ("run", "other"))
    assert_equal(*weights)


def test_tensorboard_has_curves_in_groups_the_settings_and_real_images(trained: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = EventAccumulator(str(trained / "tensorboard" / "run")).Reload().Tags()
    assert {tag.partition("/")[0] for tag in tags["scalars"]} == {"health", "losses", "scores", "training"}
    assert {"losses/d_loss", "scores/fd_digits", "training/learning_rate"} <= set(tags["scalars"])
    assert set(tags["images"]) == {"samples/generated", "samples/real"}
    assert "settings/text_summary" in tags["tensors"]


def test_losses_are_on_the_screen_long_before_the_first_line_of_metrics(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(journal, "_FIRST_LOSSES", 0.01)
    train("training.steps=8", "output.log_every=100", "output.evaluate_every=null")
    out = capsys.readouterr().out
    assert "\nstep 1/8  d " in out and "tensorboard" not in out
    assert [line["step"] for line in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [8, 8]


def test_the_best_checkpoint_is_the_best_of_the_recorded_scores(train: Train, tmp_path: Path):
    summary = train("training.steps=6", "output.evaluate_every=1", "optimizer.lr=0.02", "seed=3")
    scores = scores_of(tmp_path / "run")
    assert len(scores) == 6
    best = min(scores, key=scores.__getitem__)
    saved = checkpoint.load(tmp_path / "run" / "checkpoints" / "best.pt")
    assert summary["best_step"] == saved["state"]["step"] == saved["record"]["best_step"] == best
    assert saved["record"]["best_value"] == scores[best]
    assert summary["score"]["value"] == pytest.approx(scores[best]), "the same 20 images, judged again"


def test_a_score_where_more_is_better_keeps_the_highest(train: Train, tmp_path: Path):
    summary = train("stop.score=is_digits", "output.evaluate_every=1", "optimizer.lr=0.02")
    lines = [line for line in read_metrics(tmp_path / "run" / "metrics.jsonl") if line["kind"] == "scores"]
    best = max(lines, key=lambda line: line["is_digits"])
    assert summary["best_step"] == best["step"] and summary["score"]["higher_is_better"] is True


# Budgets and reasons to stop


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (["training.epochs=0.01"], 7),  # 50 of 5,000 images in batches of 8
        (["training.images=40"], 5),
        (["training.images=41"], 6),
        (["training.images=40", "training.discriminator_steps=2"], 3),
        (["training.epochs=0.0001"], 1),
    ],
)
def test_a_budget_may_be_given_in_epochs_or_images(budget: list[str], steps: int, train: Train):
    assert train("training.steps=null", *budget, "output.evaluate_every=null")["step"] == steps


def test_the_last_n_checkpoints_are_kept(train: Train, tmp_path: Path):
    train("training.steps=5", "output.checkpoint_every=1", "output.keep_last=3", "output.evaluate_every=null")
    assert steps_of(tmp_path / "run") == [3, 4, 5]
    last = checkpoint.load(tmp_path / "run" / "checkpoints" / "last.pt")
    assert last["state"]["step"] == 5
    train("output.checkpoint_every=1", "output.keep_last=null", folder=tmp_path / "all")
    assert steps_of(tmp_path / "all") == [1, 2, 3, 4]


def test_patience_ends_a_run_that_no_longer_gets_better(train: Train, tmp_path: Path):
    summary = train("training.steps=500", "stop.patience=2", "output.evaluate_every=1", "optimizer.lr=1e-12")
    assert summary["status"] == "patience" and summary["exit_code"] == 0
    scores = list(scores_of(tmp_path / "run").values())
    assert summary["step"] == len(scores) < 500
    assert min(scores[-2:]) >= min(scores[:-2])
    assert checkpoint.find(tmp_path / "run").name == f"step-{summary['step']:08d}.pt"


def test_a_target_that_is_reached_ends_the_run(train: Train):
    summary = train("training.steps=500", "stop.target=100000", "output.evaluate_every=3")
    assert (summary["status"], summary["step"]) == ("target", 3)


def test_a_target_that_is_not_reached_does_not(train: Train):
    assert train("stop.target=0.001")["status"] == "finished"


@pytest.mark.parametrize("minutes", ["1e-9", "0.01"])
def test_the_time_limit_ends_a_run_with_a_checkpoint_and_a_score(minutes: str, train: Train, tmp_path: Path):
    summary = train("training.steps=100000", f"stop.max_minutes={minutes}", "output.evaluate_every=null")
    assert (summary["status"], summary["exit_code"]) == ("time", 0)
    assert summary["step"] < 100000 and steps_of(tmp_path / "run")[-1] == summary["step"]
    assert summary["scores"]["fd_digits"] > 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "time"


# What is refused before training


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stop.score=fid", "stop.score=fid: none of the chosen metrics gives it; choose from fd_digits, is_digits"),
        ("stop.score=fd_digit", "stop.score=fd_digit: none of the chosen metrics gives it; "),
        ("stop.score=share_3_digits", "stop.score=share_3_digits: has no better and worse; "),
        ("metric=[class_shares]", "stop.score=fd_digits: none of the chosen metrics gives it; choose from confidence_"),
        ("metric=[kid]", "stop.score=fd_digits: none of the chosen metrics gives it; choose from kd_digits"),
        ("metric=[]", "stop.score=fd_digits: none of the chosen metrics gives it; try metric=[frechet]"),
        ("evaluation.num_real=5001", "evaluation.num_real=5001: "),
        ("training.batch_size=5001", "training.batch_size=5001: mnist5k has 5000 images; try training.batch_size=5000"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_step(override: str, said: str, train: Train, tmp_path: Path):
    with pytest.raises(ValueError) as refused:
        train(override)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)
    assert not (tmp_path / "run" / "metrics.jsonl").exists() and not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stop.score=kd_digits", "evaluation.num_images=3"], "evaluation.num_images=3: a kernel distance needs"),
        (["stop.score=kd_digits", "evaluation.num_real=3"], "evaluation.num_real=3: a kernel distance needs"),
        (
            ["stop.score=is_digits", "metric.inception_score.splits=21"],
            "metric.inception_score.splits=21: more than the 20 images; try metric.inception_score.splits=1",
        ),
    ],
)
def test_too_few_images_for_the_judging_score_are_refused_before_the_first_step(
    words: list[str], said: str, train: Train, tmp_path: Path
):
    with pytest.raises(ValueError) as refused:
        train("metric=[frechet,kid,inception_score]", *words)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_run_without_labels_cannot_be_judged_by_the_classes_asked_for(train: Train, tmp_path: Path):
    judged = ("metric=[frechet,class_accuracy]", "stop.score=class_accuracy_digits")
    with pytest.raises(ValueError, match=r"^stop\.score=class_accuracy_digits: none of .* choose from fd_digits$"):
        train(*judged)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    assert train(*judged, "conditional=true")["status"] == "finished"


def test_a_file_of_weights_that_is_not_there_is_refused_before_training(train: Train, tmp_path: Path):
    with pytest.raises(ValueError, match=r"^final_fid\.weights=nowhere\.pth: there is no such file; "):
        train("final_fid.enabled=true", "final_fid.weights=nowhere.pth")
    assert not (tmp_path / "run").exists()


def test_a_metric_that_wants_more_images_than_two_is_not_taken_for_missing(train: Train):
    assert train("metric.inception_score.splits=5", "stop.score=is_digits")["status"] == "finished"


# Interruptions (real signals to this process, from where a signal would fall in)


class Signalling(Console):
    """The console of a run to which a signal comes during its `at`-th evaluation or during the reading of its data."""

    at = 0

    def progress(self, what: str, done: int, total: int) -> None:
        if what == "evaluation" and done == 0:
            Signalling.at -= 1
        if Signalling.at == 0 and done > 0:
            os.kill(os.getpid(), signal.SIGTERM)
        super().progress(what, done, total)


@pytest.mark.parametrize(("evaluation", "step"), [(1, 2), (2, 4), (3, 4)])
def test_an_evaluation_that_is_interrupted_is_made_up_for(
    evaluation: int, step: int, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = train(folder=tmp_path / "whole")
    monkeypatch.setattr(Signalling, "at", evaluation)
    with monkeypatch.context() as patched:
        patched.setattr("ganctl.job.train.Console", Signalling)
        cut = train()
    assert (cut["status"], cut["exit_code"], cut["step"]) == ("interrupted", 143, step)
    assert steps_of(tmp_path / "run")[-1] == step
    resumed = train(resume=checkpoint.find(tmp_path / "run"))
    assert resumed["status"] == "finished"
    assert scores_of(tmp_path / "run") == scores_of(tmp_path / "whole")
    for key in ("step", "best_step", "scores"):
        assert resumed[key] == whole[key]


def test_a_signal_while_the_data_are_read_leaves_quietly(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ganctl.job.train.Console", Signalling)
    monkeypatch.setattr(Signalling, "at", 0)
    summary = train(f"dataset.cache={tmp_path / 'empty'}")
    assert (summary["status"], summary["exit_code"]) == ("interrupted", 143)
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not list((tmp_path / "empty").rglob("*.npy")), "no half-packed data"


def test_a_best_checkpoint_that_is_set_aside_is_forgotten(train: Train, tmp_path: Path):
    run = tmp_path / "run"
    train("output.checkpoint_every=1", "output.keep_last=null", "stop.target=0")
    earlier, later = (run / "checkpoints" / f"step-{step:08d}.pt" for step in (3, 4))
    content = checkpoint.load(earlier)
    content["record"] |= {"best_value": 0.0, "best_step": 2}  # cannot be beaten, but was overwritten by that of step 4
    checkpoint.save(earlier, content)
    checkpoint.save_best(run / "checkpoints", checkpoint.load(later))
    again = train("output.evaluate_every=null", resume=earlier)
    assert (run / "abandoned-1" / "best.pt").is_file()
    now = checkpoint.load(run / "checkpoints" / "best.pt")
    assert again["best_step"] == now["state"]["step"] == 4
    assert again["score"]["value"] == now["record"]["best_value"] == scores_of(run)[4] > 0
