"""A sweep that was cut off goes on: real processes, killed at random instants, end with the jobs of an unbroken one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY, Command, Refusal
from tests.test_resume import assert_same

WORDS = [
    *TINY, "training.steps=6", "training.batch_size=8", "output.log_every=1", "output.checkpoint_every=2",
    "output.sample_early=false",
]  # fmt: skip
STEPS = list(range(1, 7))
LONG = pytest.mark.skipif(not os.environ.get("GANCTL_LONG_TESTS"), reason="takes minutes; GANCTL_LONG_TESTS=1 runs it")
LAUNCHERS = {"in turn": [], "side by side": ["hydra/launcher=local", "jobs=2"]}


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganctl", "train", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(sweep: Path) -> dict[Path, int]:
    """The results of the jobs that have ended well, and when each was written."""
    results = {path: path.stat().st_mtime_ns for path in sweep.glob("*/result.json")}
    return {path: when for path, when in results.items() if json.loads(path.read_text())["status"] == "finished"}


def wait_for_work(sweep: Path, process: subprocess.Popen[str]) -> None:
    """Until something of a run is written, or the sweep has ended."""

    def state() -> set[tuple[str, int]]:
        return {(str(path), path.stat().st_size) for path in sweep.glob("*/*.json*") if path.is_file()}

    before, deadline = state(), time.monotonic() + 120
    while state() == before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def victim(sweep: Path, process: subprocess.Popen[str], chance: random.Random) -> int:
    """The sweep's process, or one of its jobs'."""
    owners = []
    for path in sweep.glob("*/.owner.json"):
        with suppress(FileNotFoundError):
            owners.append(int(json.loads(path.read_text())["process"]))
    return chance.choice([process.pid, *owners])


def kill(process_id: int) -> None:
    with suppress(ProcessLookupError):  # has ended meanwhile
        os.kill(process_id, signal.SIGKILL)


def run_to_the_end(words: list[str], sweep: Path, kills: int, chance: random.Random) -> None:
    """Starts the sweep, and goes on with it until it has ended, killing as often at a random instant."""
    done, killed = {}, 0
    words = [*words, f"hydra.sweep.dir={sweep.name}"]
    for _ in range(100):
        process = start(*words)
        wait_for_work(sweep, process)
        if killed < kills:
            time.sleep(chance.uniform(0, 4 if killed else 0.3))  # the first before the whole has ended, however quick
            kill(victim(sweep, process, chance))
        said = process.communicate(timeout=1200)[0]
        assert process.returncode in (0, 1, 2, -9) and "Traceback" not in said, said
        assert process.returncode != 2 or "is working in it" in said, said  # jobs of the killed one, about to end
        killed += process.returncode in (1, -9)
        now = finished(sweep)
        assert done.items() <= now.items()  # none is lost, none is trained again
        done = now
        if (sweep / "jobs.json").exists():
            words = ["-m", "--resume", sweep.name]
        if process.returncode == 0:
            break
    assert killed


def content(sweep: Path, job: str) -> dict:
    (folder,) = sweep.glob(f"{job}-*")
    return checkpoint.load(folder / "checkpoints" / "step-00000006.pt")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("jobs", "kills"), [(6, 3), pytest.param(40, 10, marks=LONG)])
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_that_is_killed_at_random_instants_ends_as_an_unbroken_one(
    launcher: str, jobs: int, kills: int, workplace: Path
) -> None:
    words = ["-m", *WORDS, f"seed=range(0,{jobs})"]
    whole = start(*words, "hydra.sweep.dir=whole")
    assert whole.communicate(timeout=1200) and whole.returncode == 0
    chance, sweep = random.Random(jobs), workplace / "cut"
    run_to_the_end([*words, *LAUNCHERS[launcher]], sweep, kills, chance)
    assert len(finished(sweep)) == jobs
    assert_same_sweep(sweep, workplace / "whole", chance.sample(range(1, jobs + 1), min(jobs, 8)))


def assert_same_sweep(sweep: Path, whole: Path, sample: list[int]) -> None:
    ranking, other = (json.loads((folder / "sweep.json").read_text()) for folder in (sweep, whole))
    columns = ("rank", "job", "status", "varied", "failed", "error", "score")
    first, second = ([{name: row[name] for name in columns} for row in rows["ranking"]] for rows in (ranking, other))
    assert first == second and [ranking[key] for key in ("status", "not_run")] == ["finished", 0]
    assert ranking["over_seeds"] == other["over_seeds"]
    for folder in (path.parent for path in sweep.glob("*/result.json")):
        losses = [record["step"] for record in read_metrics(folder / "metrics.jsonl") if record["kind"] == "losses"]
        assert losses == STEPS, folder
    for number in sample:
        one, unbroken = content(sweep, str(number)), content(whole, str(number))
        assert_same(one["state"], unbroken["state"])
        assert_same(one["record"], unbroken["record"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two jobs that has ended: the second, whose batch is larger than the data, has failed."""
    folder = tmp_path_factory.mktemp("made") / "ended"
    process = start("-m", *TINY, "training.batch_size=8,5001", f"hydra.sweep.dir={folder}")
    assert process.communicate(timeout=120) and process.returncode == 1
    return folder


@pytest.fixture
def ended(made: Path, workplace: Path) -> Path:
    return Path(shutil.copytree(made, workplace / "ended"))


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_what_has_ended_is_left_and_what_failed_is_tried_again_if_asked(
    made: Path, ended: Path, ganctl: Command
) -> None:
    before = written(ended / "1-batch_size-8") | written(ended / "2-batch_size-5001")
    ranking = (ended / "sweep.json").read_text()
    answer = ganctl("train", "--resume", "ended")
    assert answer.code == 1 and "try what failed again: ganctl train -m --resume ended retry_failed=true" in answer.out
    assert before.items() <= written(ended).items()
    assert (ended / "sweep.json").read_text() == ranking.replace(str(made), str(ended))
    answer = ganctl("train", "-m", "--resume", "ended", "retry_failed=true")
    assert answer.code == 1 and "job 2 of 2 (training.batch_size=5001) failed: " in answer.err
    after = written(ended)
    assert [path for path in before if after.get(path) != before[path]] == [
        path for path in before if path.is_relative_to(ended / "2-batch_size-5001")
    ]
    assert (ended / "2-batch_size-5001" / "abandoned-1" / "result.json").is_file()


@pytest.mark.slow
def test_a_changed_default_changes_no_job_of_a_sweep_that_had_begun(ended: Path, ganctl: Command) -> None:
    """What stands in jobs.json is what counts: here as if the defaults had been others when the sweep began."""
    content = json.loads((ended / "jobs.json").read_text())
    content["shared"] |= {"training.ema_half_life_kimg": 5.0, "output.tensorboard": True}  # which is `tracker` by now
    content["jobs"][1]["own"]["training.batch_size"] = 4
    content["jobs"][1]["overrides"].remove("training.batch_size=5001")
    (ended / "jobs.json").write_text(json.dumps(content))
    assert ganctl("train", "-m", "--resume", "ended", "retry_failed=true").code == 0
    config = (ended / "2-batch_size-5001" / "config.yaml").read_text()
    assert "batch_size: 4\n" in config and "ema_half_life_kimg: 5.0\n" in config
    content["shared"]["optimizer._target_"] = "torch.optim.SGD"
    (ended / "jobs.json").write_text(json.dumps(content))
    (ended / "1-batch_size-8" / "result.json").unlink()
    answer = ganctl("train", "-m", "--resume", "ended")
    assert answer.code == 2 and "was torch.optim.SGD when the sweep began; start another sweep" in answer.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["training.steps=9"], "training.steps=9: a sweep goes on with the settings that it began with; "),
        (["seed=1,2"], "seed=1,2: a sweep goes on with the settings that it began with; "),
        (["retry_failed=yes"], "retry_failed=yes: must be true or false"),
        (["jobs=2"], "jobs=2: only hydra/launcher=local runs several jobs at once; add it"),
        (["hydra/launcher=local"], "hydra/launcher=local: how many jobs at once? add jobs=2"),
        (["hydra/launcher=local", "jobs=0"], "jobs=0: must be a whole number in [1, 256]; try jobs=2"),
        (["hydra/launcher=local", "jobs=1.5"], "jobs=1.5: must be a whole number in [1, 256]; try jobs=2"),
        (["--cfg", "job"], "ended: is a sweep of 1 runs (1-batch_size-8); name one run; "),
    ],
)
def test_a_sweep_goes_on_as_it_was(words: list[str], said: str, ended: Path, refused: Refusal) -> None:
    assert refused("train", "--resume", "ended", *words).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "ended/jobs.json: "),
        ("[]", "ended/jobs.json: is not the list of a sweep's jobs that this ganctl writes"),
        ('"folder": "../other"', "ended/jobs.json: is damaged; the runs in the folder can still be resumed one by one"),
        (
            '"overrides": ["generator._target_=os.system"]',
            "generator._target_=os.system: not taken from a run folder, ",
        ),
        ('"overrides": ["hydra.callbacks.x=1"]', "hydra.callbacks.x=1: not taken from a run folder, "),
        ('"overrides": 3', "ended/jobs.json: is damaged; "),
        ('"overrides": ["seed=1"], "own": {"seed": 1, "optimizer.lr": "${oc.env:HOME}"}', "optimizer.lr=0.001: was "),
    ],
)
def test_what_stands_in_jobs_json_is_data(text: str, said: str, refused: Refusal, workplace: Path) -> None:
    (workplace / "ended").mkdir()
    job = f'{{"job": 1, "folder": "1-a", "overrides": [], "varied": {{}}, "own": {{}}, {text}}}'
    about = '"format": "ganctl-sweep", "version": 1, "jobs_at_once": null, "config_dir": null, "shared": {}'
    whole = f'{{{about}, "jobs": [{job}]}}'
    (workplace / "ended" / "jobs.json").write_text(whole if ":" in text else text)
    assert refused("train", "-m", "--resume", "ended").startswith(said)


def test_a_folder_without_a_list_of_jobs_is_no_sweep_that_goes_on(refused: Refusal, workplace: Path) -> None:
    (workplace / "none").mkdir()
    assert refused("train", "-m", "--resume", "none").startswith("--resume=none: is no sweep that can go on; ")
