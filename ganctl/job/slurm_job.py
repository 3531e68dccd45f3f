"""One start of a run in Slurm: from its last checkpoint on, and, cut off by the time limit, back into the queue.

Preemption needs nothing here but saving: Slurm queues the job again by itself (`--requeue`). Before the time limit it
sends SIGUSR2; then the run saves, and asks for the next start.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ganctl.configuration.names import one_line
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.resume import going_on_from
from ganctl.job.expansion import Job
from ganctl.job.signals import StopSignals
from ganctl.job.slurm_queue import FOLDER, Entry, read_entry, write_entry
from ganctl.job.sweep_job import RESULT, SLURM_LOG, run_job
from ganctl.record.streams import Streams
from ganctl.report.files import read_result

_EARLY = 60  # seconds that Slurm may send the signal too early (sbatch, --signal)


@dataclass(frozen=True)
class Limits:
    """The time limit: seconds from a start to its signal, and how often it may queue the run again at most."""

    seconds: float
    most: int


def main(job: Job, number: int, folder: Path, arguments: Arguments, limits: Limits, path: list[str]) -> None:
    """Trains `job`, one of the `number` of the sweep in `folder`, which is absolute; `path` is where Python looks.

    Ends the process with 1 after a failure, with 128 + the number of a signal after one, so that Slurm knows.
    """
    began = time.monotonic()
    sys.path[:] = path
    place = folder / job.folder
    with StopSignals(to_the_end=True) as signals, Streams():
        if _has_ended(place):  # queued again by somebody
            return
        _link_log(folder, place)
        again = going_on_from(place, job.overrides)
        outcome = run_job(replace(job, again=again), number, folder, arguments, signals)
    result = outcome.result
    if outcome.stop and (result is None or result["status"] == "interrupted"):
        if signals.received == signal.SIGUSR2:
            _queue_again(folder, job.number, limits, is_time=time.monotonic() - began >= limits.seconds - _EARLY)
        sys.exit(outcome.stop)
    if not outcome.is_written or (result and result["failed"]):
        sys.exit(1)


def _has_ended(place: Path) -> bool:
    result = read_result(place / RESULT) if (place / RESULT).exists() else None
    return bool(result) and result["status"] not in (None, "interrupted") and not result["failed"]  # type: ignore[index]


def _job_id() -> str:
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]


def _link_log(folder: Path, place: Path) -> None:
    """Lets slurm.log in the run's folder lead to what this job prints, all its starts one after the other."""
    place.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        (place / SLURM_LOG).unlink()
    (place / SLURM_LOG).symlink_to(Path("..") / FOLDER / f"{_job_id()}_0_log.out")


def _queue_again(folder: Path, number: int, limits: Limits, *, is_time: bool) -> None:
    """Puts the job back into the queue, unless its time limit has done so often enough."""
    count = (entry.time_limits if (entry := read_entry(folder, number)) else 0) + is_time
    write_entry(folder, number, Entry(_job_id(), count))
    if count > limits.most:
        print(f"the time limit has come {count} times: not queued again (hydra.launcher.max_num_timeout)", flush=True)
        return
    answer = subprocess.run(["scontrol", "requeue", _job_id()], capture_output=True, text=True, check=False)
    if answer.returncode:
        print(f"scontrol requeue: {one_line(answer.stderr)}; the run goes on by --resume", file=sys.stderr, flush=True)
