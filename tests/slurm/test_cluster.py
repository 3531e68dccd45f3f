"""hydra/launcher=slurm on a Slurm that is started here: what it cuts off ends bit for bit like what it does not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY
from tests.slurm.cluster import cluster, missing, said, wait_until
from tests.test_resume import assert_same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
STEPS = 200
WORDS = [
    *TINY, f"training.steps={STEPS}", "training.batch_size=4", "output.log_every=1", "output.checkpoint_every=20",
    "output.sample_every=1000", "output.sample_early=false", "hydra.sweep.dir=swept",
]  # fmt: skip
SLURM = ["hydra/launcher=slurm", "hydra.launcher.partition=low"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def slurm() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: that of a socket has 107 characters at most
    try:
        with cluster(folder) as environment:
            yield environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(slurm: dict[str, str], workplace: Path, cache: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []
    environment = slurm | {"GANCTL_CACHE": str(cache)}

    def call(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ganctl", "train", "-m", *words]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield call
    said(slurm, "scancel", "--user=root")
    for process in processes:
        process.kill()
        process.communicate()
    wait_until(lambda: not said(slurm, "squeue", "--noheader"), seconds=60)


def steps(sweep: Path, job: int) -> list[int]:
    """The steps of the checkpoints that a job has."""
    return sorted(int(path.stem.partition("-")[2]) for path in sweep.glob(f"{job}*/checkpoints/step-*.pt"))


def test_preempted_runs_go_on_by_themselves_and_end_as_unbroken_ones(start: Start, slurm, workplace: Path) -> None:
    process, sweep = start(*WORDS, *SLURM, "seed=1,2"), workplace / "swept"
    wait_until(lambda: steps(sweep, 1) and steps(sweep, 2), process)
    said(slurm, "sbatch", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    wait_until(lambda: len(list(sweep.glob("*/summary.json"))) == 2, process)
    cut = [json.loads((folder / "summary.json").read_text()) for folder in sorted(sweep.glob("[12]-*"))]
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    assert "2 jobs, 0 failed" in out and out.count(": pending") >= 2
    whole = start(*[word.replace("swept", "whole") for word in WORDS], "seed=1,2")
    assert whole.wait(120) == 0
    for summary, folder in zip(cut, sorted(sweep.glob("[12]-*")), strict=True):
        assert summary["status"] == "interrupted" and summary["step"] < STEPS
        assert json.loads((folder / "result.json").read_text())["status"] == "finished"
        assert (folder / f"config-from-{summary['step']}.yaml").exists() and not list(folder.glob("abandoned-*"))
        losses = [record["step"] for record in read_metrics(folder / "metrics.jsonl") if record["kind"] == "losses"]
        assert losses == list(range(1, STEPS + 1))
        assert "DUE TO PREEMPTION" in (folder / "slurm.log").read_text()
        one, unbroken = (
            checkpoint.load(place / folder.name / "checkpoints" / f"step-{STEPS:08d}.pt")
            for place in (sweep, workplace / "whole")
        )
        assert_same(one["state"], unbroken["state"])


def test_the_time_limit_queues_a_run_again_as_often_as_asked_and_no_more(start: Start, slurm, workplace: Path) -> None:
    limits = ["hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=5", "hydra.launcher.max_num_timeout=1"]
    process, sweep = start(*WORDS, *SLURM, *limits, "training.steps=1000000"), workplace / "swept"
    entry = sweep / "slurm" / "1.json"
    wait_until(lambda: entry.exists() and json.loads(entry.read_text())["time_limits"] == 1, process)
    wait_until(lambda: (sweep / "1" / "summary.json").exists(), process)
    step = json.loads((sweep / "1" / "summary.json").read_text())["step"]
    assert max(steps(sweep, 1)) == step  # saved at the signal, not killed after it
    wait_until(lambda: list((sweep / "1").glob("config-from-*.yaml")), process)
    said(slurm, "scancel", "--signal=USR2", json.loads(entry.read_text())["job_id"])  # as Slurm sends it
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out
    assert err.endswith(
        "(no overrides) has met its time limit 2 times; raise hydra.launcher.timeout_min or max_num_timeout\n"
    )
    assert json.loads((sweep / "1" / "result.json").read_text())["status"] == "interrupted"
    assert "1 jobs, 1 failed" in out


def test_jobs_are_left_to_slurm_collected_undoubled_and_cancelled(start: Start, slurm, workplace: Path) -> None:
    words, sweep = [*WORDS, *SLURM, "training.steps=1000000", "hydra.launcher.array_parallelism=1"], workplace / "swept"
    process = start(*words, "hydra.launcher.wait=false", "seed=1,2")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and "cancel: scancel " in out
    job_ids = [json.loads((sweep / "slurm" / f"{number}.json").read_text())["job_id"] for number in (1, 2)]
    collecting = start("--resume", "swept")
    wait_until(lambda: steps(sweep, 1), collecting)
    collecting.send_signal(signal.SIGINT)
    out, err = collecting.communicate(timeout=30)
    assert (collecting.returncode, err) == (130, "") and "the jobs go on in Slurm" in out
    queue = said(slurm, "squeue", "--noheader", "--array", "--format=%i %T").splitlines()
    assert sorted(queue) == [f"{job_ids[0]} RUNNING", f"{job_ids[1]} PENDING"]
    collecting = start("--resume", "swept")
    assert collecting.stdout and collecting.stdout.readline().startswith("sweep of 2 jobs, in swept")
    assert collecting.stdout.readline().startswith("job 1 of 2 (seed=1): Slurm's job ")
    said(slurm, "scancel", job_ids[0].partition("_")[0])
    out, err = collecting.communicate(timeout=60)
    assert collecting.returncode == 1 and "2 jobs, 2 failed" in out
    assert err.count("was ended by Slurm: cancelled") == 2
    assert json.loads((sweep / "1-seed-1" / "result.json").read_text())["status"] == "interrupted"
    refused = start("--resume", "swept")
    assert refused.wait(60) == 2
    assert "jobs are to be run (1, 2), and ran in Slurm; add hydra/launcher=slurm" in refused.stderr.read()


def test_a_partition_that_slurm_lacks_leaves_nothing_behind(start: Start, workplace: Path) -> None:
    words = [word for word in WORDS if not word.startswith("hydra.sweep")]
    process = start(*words, "hydra/launcher=slurm", "hydra.launcher.partition=gpu", "seed=1,2")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and err.count("\n") == 1
    assert err.startswith("hydra/launcher=slurm: Slurm takes no job: sbatch: error: invalid partition specified: gpu")
    assert not (workplace / "outputs").exists()
