"""Runs that go wrong on purpose: what is said, where they stop, and how they go back and end well."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganctl import checkpoint
from ganctl.job.rollback import good_step
from ganctl.job.train import train_once
from ganctl.record.jsonl import read_metrics
from ganctl.report.health_scores import Finding
from tests.conftest import TINY
from tests.settings import settings

SMALL = (
    "generator=mlp", "discriminator=strided_cnn", "discriminator.batch_norm=false", "training.batch_size=8",
    "output.log_every=2", "output.checkpoint_every=2", "health.check_every=2", "output.keep_last=null",
)  # fmt: skip
EXPLODING = (
    *SMALL, "training.steps=16", "output.evaluate_every=8", "optimizer=sgd", "optimizer.lr=30",
    "scheduler=constant", "scheduler.warmup_steps=60",
)  # fmt: skip
"""Its learning rate rises by a half at each step: after a few of them nothing is finite any more."""
BACK = ("health.action=rollback", "health.lr_factor=0.001")
Train = Callable[..., dict[str, Any]]
TIMES = ("seconds", "images_per_second")


@pytest.fixture
def train(tmp_path: Path, cache: Path) -> Train:
    def call(*overrides: str, folder: Path = tmp_path / "run", resume: Path | None = None) -> dict[str, Any]:
        return train_once(settings(*TINY, f"dataset.cache={cache}", *overrides), folder, resume)

    return call


def lines(run: Path, kind: str) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if key not in TIMES}
        for line in read_metrics(run / "metrics.jsonl")
        if line["kind"] == kind
    ]


def last(run: Path) -> dict[str, Any]:
    return checkpoint.load(checkpoint.find(run))


def assert_same(one: object, other: object) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in one.keys() - {"seconds"}:
            assert_same(one[key], other[key])
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def test_a_run_that_explodes_goes_back_and_ends_well(train: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    alone = train(*EXPLODING, folder=tmp_path / "alone")
    assert (alone["status"], alone["exit_code"]) == ("diverged", 1)
    capfd.readouterr()
    summary = train(*EXPLODING, *BACK)
    run, said = tmp_path / "run", capfd.readouterr().out
    assert (summary["status"], summary["exit_code"], summary["step"]) == ("finished", 0, 16)
    rows = sorted(lines(run, "rollback"), key=lambda row: row["attempt"])
    assert summary["rollbacks"] == [{key: row[key] for key in summary["rollbacks"][0]} for row in rows]
    assert [row["attempt"] for row in rows] == list(range(1, len(rows) + 1)) and rows[0]["from"] == alone["step"]
    line, number = rows[-1], len(rows)
    assert line["to"] < line["from"] and "training.clip_norm=1 optimizer.lr=3" in line["cure"]
    went = f"went back from step {line['from']} to the checkpoint of step {line['to']}: attempt {number + 1} of 4"
    assert f"{went}, learning rates times {0.001**number:g}; what came after" in said
    assert "warning: step" in said and "became not-a-number" in said and "; try training.clip_norm=1" in said
    assert [record["step"] for record in lines(run, "losses")] == list(range(2, 17, 2)), "nothing is there twice"
    before = read_metrics(run / line["abandoned"] / "metrics.jsonl")
    assert before[-1]["kind"] == "trouble" and before[-1]["step"] == line["from"]
    rates = {record["step"]: record["learning_rate"] for record in lines(run, "losses")}
    assert rates[line["to"] + 2] == pytest.approx(30 * (line["to"] + 2) / 61 * 0.001**number)
    assert last(run)["state"]["attempt"] == number and last(run)["record"]["rollbacks"] == summary["rollbacks"]
    assert all(math.isfinite(record["g_loss"]) for record in lines(run, "losses"))


def test_it_goes_back_only_so_often_and_says_what_to_change(train: Train, tmp_path: Path):
    summary = train(*EXPLODING, "health.action=rollback", "health.max_rollbacks=2", "optimizer.lr=1e30")
    assert (summary["status"], summary["exit_code"]) == ("diverged", 1)
    assert [row["attempt"] for row in summary["rollbacks"]] == [1, 2]
    assert summary["reason"].startswith("health.max_rollbacks=2: gone back so often, and again: A loss or a weight")
    assert "; try training.clip_norm=1 optimizer.lr=" in summary["reason"]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["rollbacks"] == summary["rollbacks"]
    assert last(tmp_path / "run")["state"]["attempt"] == 2, "it is resumed as the attempt that it ended with"


@pytest.mark.parametrize("number", [1, 3])
def test_a_run_that_went_back_and_is_resumed_ends_as_one_that_was_not_broken_off(
    number: int, train: Train, tmp_path: Path
):
    """The later checkpoints of a whole run are taken away, as if it had been killed before it wrote them."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(*EXPLODING, *BACK, folder=whole)
    train(*EXPLODING, *BACK, folder=cut)
    steps = checkpoint.kept(cut / "checkpoints")
    first = lines(whole, "rollback")[0]["to"]
    goes_on_from = [step for step in steps if step >= first][number - 1]
    for step in (step for step in steps if step > goes_on_from):
        steps[step].unlink()
    train(*EXPLODING, *BACK, folder=cut, resume=steps[goes_on_from])
    assert_same(last(cut)["state"], last(whole)["state"])
    assert_same(last(cut)["record"], last(whole)["record"])
    for kind in ("losses", "trouble", "rollback"):
        assert lines(cut, kind) == lines(whole, kind)


def explode(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganctl", "train", *TINY, *EXPLODING, *BACK, "training.steps=300", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_a_run_that_is_killed_after_it_went_back_goes_on_bit_for_bit(workplace: Path):
    quiet = ("output.evaluate_every=300", "output.checkpoint_every=10")
    process = explode(*quiet, "hydra.run.dir=whole")
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 0, text
    process, run = explode(*quiet, "hydra.run.dir=run"), Path("run")
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "step-00000030.pt").exists() or not (run / "abandoned-1").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    command = [sys.executable, "-m", "ganctl", "train", "--resume", "run"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 and ", attempt 2" in ended.stdout, ended
    assert_same(last(run)["state"], last(Path("whole"))["state"])
    assert_same(last(run)["record"], last(Path("whole"))["record"])
    for kind in ("losses", "scores", "trouble", "rollback"):
        assert lines(run, kind) == lines(Path("whole"), kind)


FLAT = (*SMALL, "training.steps=12", "output.evaluate_every=12", "optimizer=sgd", "optimizer.lr=1e-9")
"""It learns nothing, so that its learning rate is all that goes wrong, once it is nought."""
FALLING = (*FLAT, "scheduler=exponential", "scheduler.final=1e-9", "health.act_on=[rate]")


def test_a_trouble_is_said_once_and_written_down(train: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    summary = train(*FALLING)
    assert summary["status"] == "finished"
    (line,) = (line for line in lines(tmp_path / "run", "trouble") if line["title"] == "The learning rate is nought")
    assert not line["over"] and line["step"] < 12
    said = capfd.readouterr().out.splitlines()
    (warning,) = (text for text in said if "The learning rate is nought" in text)
    assert (
        warning == f"warning: step {line['step']}: The learning rate is nought: {line['evidence']}; try {line['cure']}"
    )


def test_a_run_stops_at_a_trouble_saved_and_goes_on_with_it_said(train: Train, tmp_path: Path):
    summary = train(*FALLING, "health.action=stop", "output.checkpoint_every=12")
    assert (summary["status"], summary["exit_code"]) == ("trouble", 1)
    (line,) = lines(tmp_path / "run", "trouble")
    assert summary["step"] == line["step"] < 12
    assert summary["reason"] == f"health.action=stop: The learning rate is nought; try {line['cure']}"
    saved = checkpoint.find(tmp_path / "run")
    assert checkpoint.load(saved)["state"]["step"] == line["step"]
    assert train(*FALLING, "health.action=stop", resume=saved)["status"] == "finished"
    assert lines(tmp_path / "run", "trouble") == [line]


def test_what_is_not_to_be_acted_on_is_only_said(train: Train, tmp_path: Path):
    summary = train(*FALLING, "health.action=stop", "health.act_on=[finite]")
    assert summary["status"] == "finished" and len(lines(tmp_path / "run", "trouble")) >= 1


def test_no_looks_cost_nothing_and_say_nothing(train: Train, tmp_path: Path):
    train(*FALLING, "health.check_every=null")
    assert lines(tmp_path / "run", "trouble") == []
    assert not {"variety", "gradient_generator"} & lines(tmp_path / "run", "losses")[0].keys()


def test_looking_changes_nothing(train: Train, tmp_path: Path):
    for every in ("2", "null"):
        train(*SMALL, "discriminator.dropout=0.2", f"health.check_every={every}", folder=tmp_path / every)
    assert_same(last(tmp_path / "2")["state"], last(tmp_path / "null")["state"])


def test_checkpoints_are_kept_as_far_back_as_a_trouble_may_reach(train: Train, tmp_path: Path):
    words = ("output.keep_last=1", "output.checkpoint_every=50", "output.log_every=10", "health.check_every=10")
    train(*SMALL, *words, "training.steps=400", "output.evaluate_every=400", "health.action=rollback")
    assert list(checkpoint.kept(tmp_path / "run" / "checkpoints")) == [50, 100, 150, 200, 250, 300, 350, 400]


def finding(sound_until: float) -> Finding:
    return Finding("warning", "A trouble", "it is there", "", sound_until)


def test_the_last_checkpoint_before_the_first_sign_is_good():
    assert good_step([0, 10, 20, 30], [finding(20)], []) == 20
    assert good_step([0, 10, 20, 30], [finding(25), finding(15)], []) == 10
    assert good_step([20, 30], [finding(19)], []) is None


def test_one_that_was_gone_back_to_in_vain_is_passed_over_while_there_is_another():
    assert good_step([0, 10, 20], [finding(20)], [{"to": 20}]) == 10
    assert good_step([10, 20], [finding(20)], [{"to": 20}, {"to": 10}]) == 20
