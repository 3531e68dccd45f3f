"""`-m`: every job is checked first, a failed one stops no other, a signal ends them all with the table so far."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganctl.compose import Composer
from ganctl.job.expansion import expand, name_of_sweep
from tests.conftest import TINY, Command, Refusal


def only(folder: Path) -> Path:
    """The single run or sweep in outputs/."""
    (found,) = (folder / "outputs").glob("*/*")
    return found


def test_one_wrong_job_stops_the_sweep_before_it_begins(refused: Refusal) -> None:
    line = refused("train", "-m", "seed=1,2", "training.batch_size=8,1")
    assert line.startswith("training.batch_size=1: must be in [2, 65536]")
    assert line.endswith("(job 2 of the sweep: seed=1, training.batch_size=1; none was started)")
    assert "(job 3 of the sweep: loss=hing" in refused("train", "-m", "loss=hinge,minimax,hing")
    assert refused("train", "-m", "sed=1,2").startswith("sed=1: no such key; did you mean seed?")


def test_only_the_sweepers_that_come_with_it_are_taken(refused: Refusal) -> None:
    need = "no such option; sweeps of ganctl run with hydra/sweeper=basic (all combinations) or optuna (a search) only"
    assert refused("train", "-m", "hydra/sweeper=ax", "seed=1,2") == f"hydra/sweeper=ax: {need}"


def test_a_failed_job_is_told_of_and_the_others_go_on(ganctl_process: Command, workplace: Path) -> None:
    answer = ganctl_process("train", "-m", *TINY, "seed=1,2", "training.batch_size=16,5001", "tag='a/b'")
    assert answer.code == 1, answer.err
    assert (
        "job 2 of 4 (seed=1 training.batch_size=5001) failed: training.batch_size=5001: mnist5k has 5000" in answer.err
    )
    assert answer.err.count("\n") == 2 and "Traceback" not in answer.err
    assert "4 jobs, 2 failed" in answer.out
    sweep = only(workplace)
    assert sweep.name.endswith("-sweep-mnist5k-dcgan-mlp-strided_cnn-a-b-seed-batch_size")
    names = sorted(path.name for path in sweep.iterdir() if path.is_dir())
    assert names == [f"{number}-seed-{seed}-batch_size-{size}" for number, seed, size in
                     [(1, 1, 16), (2, 1, 5001), (3, 2, 16), (4, 2, 5001)]]  # fmt: skip
    ranking = json.loads((sweep / "sweep.json").read_text())
    assert [each["rank"] for each in ranking["ranking"]] == [1, 2, None, None]
    (group,) = ranking["over_seeds"]
    assert group["seeds"] == 2 and group["score"]["name"] == "fd_digits"
    result = json.loads((sweep / names[0] / "result.json").read_text())
    summary = json.loads((sweep / names[0] / "summary.json").read_text())
    assert result["score"]["value"] == summary["score"]["value"] and result["status"] == "finished"
    assert (sweep / names[1] / "train.log").read_text().count("Traceback") == 1


def test_a_job_whose_disk_is_full_fails_in_one_line_and_the_others_are_tried(workplace: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ganctl", "train", "-m", *TINY, "seed=1,2"],
        cwd=workplace, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2),
    )  # fmt: skip
    lines = ended.stderr.splitlines()
    assert ended.returncode == 1 and len(lines) == 2, ended.stderr
    sweep = only(workplace)
    for number, line in enumerate(lines, start=1):
        assert line.startswith(f"job {number} of 2 (seed={number}) failed: {sweep}/{number}-seed-{number}/checkpoints/")
        assert "cannot be written, file too large" in line
    assert "2 jobs, 2 failed" in ended.stdout
    assert not list(workplace.rglob("*.unfinished"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_whole_sweep_and_shows_what_is_done(number: signal.Signals, workplace: Path) -> None:
    words = [*TINY, "training.steps=100000", "training.batch_size=16", "output.log_every=2", "seed=1,2,3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganctl", "train", "-m", *words],
        cwd=workplace, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in workplace.glob("outputs/*/*/1-*/metrics.jsonl")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "3 jobs, 0 failed, 2 not run" in out
    sweep = only(workplace)
    kept = json.loads((sweep / "sweep.json").read_text())
    assert kept["status"] == "interrupted" and [each["status"] for each in kept["ranking"]] == ["interrupted"]
    assert list(sweep.glob("1-*/checkpoints/step-*.pt"))


def test_the_sweeps_folder_may_be_chosen_once(ganctl_process: Command, refused: Refusal, workplace: Path) -> None:
    words = ["train", "-m", *TINY, "training.batch_size=5001", "hydra.sweep.dir=mine"]
    assert ganctl_process(*words).code == 1
    assert (workplace / "mine" / "1" / "result.json").is_file()
    assert refused(*words).startswith("hydra.sweep.dir=mine: there is a run in it, which is not overwritten; ")


def test_a_part_that_is_swept_has_its_own_settings_and_the_sweep_is_not_called_by_one_model(workplace: Path) -> None:
    composer = Composer("train")
    words = ["model=dcgan,sngan", "optimizer=sgd,rmsprop", "loss=hinge", "tag=x"]
    jobs = expand(composer, composer.compose(words, multirun=True))
    rates = [[text for text in job.overrides if "optimizer.lr" in text] for job in jobs]
    assert rates == [["++optimizer.lr=0.01"], ["++optimizer.lr=5e-05"], [], []]
    assert name_of_sweep(jobs, "x") == "sweep-mnist5k-x-model-optimizer"
    jobs = expand(composer, composer.compose(["model=cdcgan", "seed=1,2"], multirun=True))
    assert name_of_sweep(jobs, "") == "sweep-mnist5k-cdcgan-seed"


@pytest.mark.parametrize(
    ("words", "varied"),
    [
        (["seed=range(1,4)"], [{"seed": "1"}, {"seed": "2"}, {"seed": "3"}]),
        (["loss=choice(hinge,minimax)"], [{"loss": "hinge"}, {"loss": "minimax"}]),
        (["loss=glob(*s)"], [{"loss": "least_squares"}]),
        (["output.grid=8,16", "output.log_every=${output.grid}"], [{"output.grid": "8"}, {"output.grid": "16"}]),
    ],
)
def test_what_the_help_says_of_sweeps_is_so(words: list[str], varied: list[dict[str, str]], workplace: Path) -> None:
    composer = Composer("train")
    assert [job.varied for job in expand(composer, composer.compose(words, multirun=True))] == varied


def test_an_interpolation_is_each_jobs_own_and_kept_as_a_value_that_can_be_resumed_with(workplace: Path) -> None:
    composer = Composer("train")
    config = composer.compose(["output.grid=8,16", "output.log_every=${output.grid}"], multirun=True)
    jobs = expand(composer, config)
    assert [job.overrides for job in jobs] == [[f"output.grid={n}", f"output.log_every={n}"] for n in (8, 16)]
    assert [job.settings["output.log_every"] for job in jobs] == [8, 16]


@pytest.mark.parametrize("words", [["evaluate"], ["sample"], ["train", "--resume"], ["fid"]])
def test_a_sweep_where_one_run_is_wanted_is_answered_with_its_runs(
    words: list[str], refused: Refusal, workplace: Path
) -> None:
    for name in ("1-a", "2-b", "10-c"):
        (workplace / "swept" / name / "checkpoints").mkdir(parents=True)
    (workplace / "swept" / "multirun.yaml").write_text("")
    typed = " ".join(["ganctl", *words])
    said = "swept: is a sweep of 3 runs (1-a, 2-b, 10-c); name one run; "
    assert refused(*words, "swept") == f"{said}such as {typed} swept/1-a"
    job = {"rank": 1, "job": 10, "varied": {"seed": "3"}, "folder": "x/swept/10-c", "status": "finished"}
    (workplace / "swept" / "sweep.json").write_text(json.dumps({"ranking": [job]}))
    assert refused(*words, "swept") == f"{said}the best is {typed} swept/10-c"
