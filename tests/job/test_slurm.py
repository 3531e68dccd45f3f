"""hydra/launcher=slurm where there is no Slurm: what is asked of it and what is made of its answers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ganctl.job.slurm_queue import Entry, is_active, read_entry, states, write_entry
from tests.conftest import TINY, Command, Refusal

SLURM = ["-m", *TINY, "hydra/launcher=slurm"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH with programs of Slurm's names, which do nothing until a test says what they answer."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sbatch", "srun", "squeue", "scontrol"):
        answer(folder, name, "exit 0")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def answer(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("timeout_min=0", "must be in [1, 525600]; the default is timeout_min=60"),
        ("timeout_min=1.5", "must be a whole number; the default is timeout_min=60"),
        ("cpus_per_task=null", "must not be null; the default is cpus_per_task=1"),
        ("mem_gb=much", "must be a number in (0, 65536]; memory of a job in GB"),
        ("nodes=2", "must be in [1, 1]; the default is nodes=1"),
        ("signal_delay_s=3600", "the signal would come at once; give less than timeout_min, which is in minutes"),
        ("setup='module load cuda'", "must be a list in square brackets"),
        ("setup=[1]", "must be a list of commands; quote each"),
        ("wait=never", "must be true or false; the default is wait=true"),
        ("+gres=gpu", "no such key; other options of sbatch go into additional_parameters"),
        ("+additional_parameters.x=[1]", "must be one word or number"),
        ("partition=${nope}", "Interpolation key 'nope' not found"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_before_anything_is_made(
    word: str, said: str, refused: Refusal, programs: Path, workplace: Path
) -> None:
    word = f"+hydra.launcher.{word[1:]}" if word.startswith("+") else f"hydra.launcher.{word}"
    line = refused("train", *SLURM, word)
    assert line.startswith("hydra.launcher") and said in line
    assert not any(workplace.iterdir())


def test_without_slurm_or_submitit_a_line_says_what_is_missing(
    refused: Refusal, programs: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    said = refused("train", *SLURM, "seed=1,2")
    assert said == "hydra/launcher=slurm: needs submitit; install it by pip install 'ganctl[slurm]'"
    monkeypatch.undo()
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("PATH", "/nowhere")
    assert refused("train", *SLURM, "seed=1,2").startswith("hydra/launcher=slurm: there is no sbatch on the PATH; ")
    assert refused("train", *SLURM[1:]) == "hydra/launcher=slurm: runs the jobs of a sweep; add -m"
    assert not any(workplace.iterdir())


def test_the_script_asks_for_what_was_typed_and_the_sweep_goes_on_nowhere_else_unasked(
    ganctl: Command, refused: Refusal, programs: Path, workplace: Path
) -> None:
    answer(programs, "sbatch", "echo Submitted batch job 7")
    words = ["partition=gpu", "timeout_min=30", "mem_gb=1.5", "gpus_per_node=1", "cpus_per_task=3", "wait=false"]
    words += ["setup=[module load cuda]", "+additional_parameters.constraint=a100", "array_parallelism=2"]
    typed = [f"+hydra.launcher.{word[1:]}" if word[0] == "+" else f"hydra.launcher.{word}" for word in words]
    said = ganctl("train", *SLURM, *typed, "seed=1,2,3", "device.threads=null", "hydra.sweep.dir=swept")
    assert (said.code, said.err) == (0, "")
    assert "job 2 of 3 (seed=2): Slurm's job 7_1, in swept/2-seed-2" in said.out and "scancel 7;" in said.out
    assert "ganctl train -m --resume swept hydra/launcher=slurm hydra.launcher.partition=gpu " in said.out
    assert "wait=false" not in said.out
    lines = (workplace / "swept" / "slurm" / "7_submission.sh").read_text().splitlines()
    asked = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert asked >= {
        "array=0-2%2", "partition=gpu", "time=30", "mem=1536MB", "gpus-per-node=1", "cpus-per-task=3", "requeue",
        "signal=USR2@120", "constraint=a100", "open-mode=append",
    }  # fmt: skip
    assert "module load cuda" in lines and "srun " in lines[-1] and "--cpus-per-task=3" in lines[-1]
    record = json.loads((workplace / "swept" / "jobs.json").read_text())
    assert "device.threads=3" in record["jobs"][0]["overrides"]
    answer(programs, "squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert refused("train", "-m", "--resume", "swept").startswith(
        "hydra/launcher=slurm: squeue does not answer (slurm_"
    )
    answer(programs, "squeue", "echo 7_1 RUNNING")
    line = refused("train", "-m", "--resume", "swept")
    assert "jobs are to be run (1, 3), and ran in Slurm; add hydra/launcher=slurm and its settings again" in line
    line = refused("train", "-m", "--resume", "swept", "hydra/launcher=basic")
    assert line == "hydra/launcher=basic: job 2 is still in Slurm; wait for it (--resume alone), or scancel it"


def test_where_slurm_takes_no_job_its_words_are_given_and_nothing_is_left(
    ganctl: Command, programs: Path, workplace: Path
) -> None:
    answer(programs, "sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    said = ganctl("train", *SLURM, "seed=1,2")
    assert said.code == 2
    assert said.err == "hydra/launcher=slurm: Slurm takes no job: sbatch: error: invalid partition\n"
    assert not (workplace / "outputs").exists()


def test_a_job_that_slurm_ends_is_killed_in_the_table(ganctl: Command, programs: Path, workplace: Path) -> None:
    answer(programs, "sbatch", "echo Submitted batch job 7")
    answer(programs, "squeue", "echo 7 OUT_OF_MEMORY")
    said = ganctl("train", *SLURM, "hydra.sweep.dir=swept")
    assert said.code == 1 and said.err == "job 1 of 1 (no overrides) was ended by Slurm: out of memory\n"
    (row,) = json.loads((workplace / "swept" / "sweep.json").read_text())["ranking"]
    assert (row["status"], row["failed"], row["error"]) == ("killed", True, "was ended by Slurm: out of memory")


def test_states_are_those_of_slurm_and_unknown_where_it_has_forgotten(programs: Path) -> None:
    answer(programs, "squeue", "echo '12_0 RUNNING'; echo '12_1 COMPLETED'; echo '13 PENDING'")
    known = states(["12_0", "12_1", "12_2", "13"])
    assert known == {"12_0": "RUNNING", "12_1": "COMPLETED", "12_2": "UNKNOWN", "13": "PENDING"}
    assert [is_active(state) for state in known.values()] == [True, False, False, True]
    answer(programs, "squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert states(["12_0"]) == {"12_0": "UNKNOWN"}


def test_an_entry_comes_back_as_written_and_nothing_else_reaches_squeue(tmp_path: Path) -> None:
    assert read_entry(tmp_path, 1) is None
    (tmp_path / "slurm").mkdir()
    write_entry(tmp_path, 1, Entry("12_0", 2))
    assert read_entry(tmp_path, 1) == Entry("12_0", 2)
    (tmp_path / "slurm" / "1.json").write_text('{"job_id": "12 --help", "time_limits": 0}')
    with pytest.raises(ValueError, match="is damaged"):
        read_entry(tmp_path, 1)
