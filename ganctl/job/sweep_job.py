"""One job of a sweep: a run in the job's folder; whatever happens to it stands in its result.json."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from ganctl.compose import quote
from ganctl.files import disk_fault, one_line, plain, write_json
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.folders import discard, forget
from ganctl.invocation.hydra_job import is_of_the_user, write_traceback
from ganctl.invocation.lock import LOCK, MARK, OWNER, TakenError, locked
from ganctl.job.expansion import Job
from ganctl.job.one_run import train_job, train_through_hydra
from ganctl.job.signals import Stopped, StopSignals
from ganctl.job.sweep_record import result_of
from ganctl.own_code import OwnCodeError

RESULT = "result.json"
SLURM_LOG = "slurm.log"  # leads to what the job prints
REFUSED, TAKEN_OVER = "refused", "taken over"  # statuses of a search's jobs that are not run
_ASIDE = "abandoned-"
_FAILED = {"status": "failed", "score": None, "failed": True}


@dataclass(frozen=True)
class Outcome:
    """What came of a job, as plain data; None if a signal kept it from beginning.

    `stop` is the exit code of a signal that ended it; `is_written` says whether its result.json holds it.
    """

    result: dict[str, Any] | None
    stop: int | None
    is_written: bool


def run_job(job: Job, number: int, folder: Path, arguments: Arguments, signals: StopSignals) -> Outcome:
    """Trains `job`, one of `number`, in the sweep's `folder`; only a signal is more than its own affair.

    `arguments` hold the options of all jobs, and the overrides for Hydra itself. One that a signal keeps from beginning
    leaves nothing new.
    """
    place, label = folder.absolute() / job.folder, f"job {job.number} of {number}"
    result = result_of(job, place)
    began, stop, has_begun, said = time.monotonic(), None, True, ""
    summary: dict[str, Any] = {}
    try:
        summary = _trained(job, place, arguments, signals)
        has_begun = "step" in summary
        code = int(summary.get("exit_code", 0))
        stop = code if code > 128 else None
        result |= {"status": summary["status"], "score": summary.get("score"), "failed": code not in (0, stop)}
        result["error"] = said = f"ended as {summary['status']}" if result["failed"] else None
    except (KeyboardInterrupt, Stopped) as stopped:
        stop = getattr(stopped, "exit_code", 130)
        result |= {"status": "interrupted", "score": None, "failed": False, "error": None}
    except TakenError as error:
        print(f"{label} ({job.name}) failed: {error}", file=sys.stderr, flush=True)
        return Outcome(result | _FAILED | {"error": str(error), "seconds": 0.0}, None, False)
    except Exception as error:
        said, where = _said(error, place)
        result |= _FAILED | {"error": said}
        said = f"failed: {said}{where}"
    if not has_begun:
        return Outcome(None, stop or signals.exit_code, False)
    if said:
        print(f"{label} ({job.name}) {said}", file=sys.stderr, flush=True)
    result["seconds"] = round(max(time.monotonic() - began, summary.get("seconds", 0.0)), 2)
    is_written = True
    try:
        write_json(place / RESULT, result)
    except OSError as error:
        is_written = False
        print(f"{label}: {disk_fault(error) or one_line(error)}", file=sys.stderr, flush=True)
    stop = stop or (signals.exit_code if signals.received else None)
    return Outcome({name: plain(value) for name, value in result.items()}, stop, is_written)


def _trained(job: Job, place: Path, arguments: Arguments, signals: StopSignals) -> dict[str, Any]:
    """The run's summary. Nothing is left of one that a signal kept from beginning, but what was there before."""
    train = partial(train_job, signals, trusted=job.trusted, facts=job.facts, again=job.again, pruning=job.pruning)
    arguments = replace(arguments, overrides=[*arguments.overrides, *job.overrides])
    with locked(place, f"hydra.sweep.dir={place.parent}"):
        undo: Callable[[], object]
        if job.again:
            (place / RESULT).unlink(missing_ok=True)
            own, undo = job.again.for_hydra(), partial(forget, place, job.again.subdir, keep_log=True)
        else:
            own, undo = [f"hydra.run.dir={quote(str(place))}"], partial(discard, place)
            if set_aside(place):
                undo = partial(forget, place, None, keep_log=False)
        summary = train_through_hydra(arguments, own, train, place, lambda: None, is_new=job.again is None)
        if "step" not in summary:
            undo()
        return summary


def ends_trial(result: Mapping[str, Any]) -> bool:
    """Whether this result of one seed spares a search the trial's others."""
    return bool(result["failed"]) or result["status"] in ("pruned", REFUSED, TAKEN_OVER)


def set_aside(place: Path) -> Path | None:
    """Moves what a job left that was cut off before its first checkpoint into its folder `abandoned-N`.

    Returns the folder, or None if there was nothing.
    """
    kept = (LOCK, MARK, OWNER, SLURM_LOG)
    left = [path for path in place.iterdir() if path.name not in kept and not path.name.startswith(_ASIDE)]
    if not left:
        return None
    target = next(free for number in count(1) if not (free := place / f"{_ASIDE}{number}").exists())
    target.mkdir()
    for path in left:
        with suppress(FileNotFoundError):
            shutil.move(path, target / path.name)
    return target


def _said(error: Exception, place: Path) -> tuple[str, str]:
    """What to say of a job's failure in one line, and where to read more."""
    if (fault := disk_fault(error)) is not None:
        return fault, ""
    log, text = write_traceback(place), " ".join(str(error).split())
    if is_of_the_user(error) or isinstance(error, OwnCodeError):
        return text, ""
    return f"{type(error).__name__}: {text}", f" (traceback in {log})"
