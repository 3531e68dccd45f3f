"""hydra/launcher=slurm: a sweep's jobs in Slurm's queue, an array with a job a run, and the wait for their results."""

import contextlib
import io
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganctl.configuration.names import one_line, value_text
from ganctl.configuration.rules import rules_of
from ganctl.invocation.arguments import Arguments
from ganctl.job import slurm_job
from ganctl.job.expansion import Job, typed_of
from ganctl.job.signals import StopSignals
from ganctl.job.slurm_queue import FOLDER, UNKNOWN, Entry, is_active, read_entry, states, write_entry
from ganctl.job.sweep_job import RESULT
from ganctl.job.sweep_record import result_without_run
from ganctl.report.files import read_result

SLURM = "ganctl.job.slurm"
_OWN = ("_target_", "wait", "max_num_timeout", "setup", "additional_parameters")  # not submitit's, or changed for it
_NAMES = {"timeout_min": "time", "mem_gb": "mem", "tasks_per_node": "ntasks_per_node"}  # in submitit's own words
_NODE = ("hydra/launcher", "hydra.launcher")
_PROGRAMS = ("sbatch", "srun", "squeue", "scontrol")
_SOONEST, _SELDOM = 1.0, 30.0  # seconds between questions to Slurm, first and later


class Submitted(BaseException):
    """This process leaves jobs that go on without it. Not an Exception, as it is no failure."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Settings:
    """What the launcher's node asks for: the parameters of submitit, whether to wait, and the words that were typed."""

    parameters: dict[str, Any]
    cpus_per_task: int
    limits: slurm_job.Limits
    wait: bool
    typed: list[str]


def slurm_settings(config: DictConfig) -> Settings | None:
    """The checked settings of hydra/launcher=slurm; None where another launcher is chosen.

    Raises ValueError in one line for a bad value, and where submitit or Slurm's programs are missing.
    """
    if config.hydra.launcher._target_ != SLURM:
        return None
    try:
        values: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    except OmegaConfBaseException as error:
        raise ValueError(f"hydra.launcher: {one_line(error)}") from None
    _check(values)
    if util.find_spec("submitit") is None:
        raise ValueError("hydra/launcher=slurm: needs submitit; install it by pip install 'ganctl[slurm]'")
    if missing := next((name for name in _PROGRAMS if shutil.which(name) is None), None):
        raise ValueError(
            f"hydra/launcher=slurm: there is no {missing} on the PATH; run this where Slurm is, or take local"
        )
    delay, cores = values["signal_delay_s"], values["cpus_per_task"]
    extra = {"requeue": True, "signal": f"USR2@{delay}", **values["additional_parameters"]}
    parameters: dict[str, Any] = {
        _NAMES.get(name, name): value
        for name, value in dict[str, Any](values).items()
        if name not in _OWN and value is not None
    }
    if "mem" in parameters:
        parameters["mem"] = f"{round(1024 * parameters['mem'])}MB"
    parameters |= {"additional_parameters": extra, "stderr_to_stdout": True, "setup": values["setup"]}
    parameters["srun_args"] = [f"--cpus-per-task={cores}"]  # srun takes it from sbatch no longer, since 22.05
    limits = slurm_job.Limits(60 * values["timeout_min"] - delay, values["max_num_timeout"])
    return Settings(parameters, cores, limits, values["wait"], _typed(config))


def _typed(config: DictConfig) -> list[str]:
    """What was typed of the launcher, but whether to wait: who comes back, comes for the table."""
    words = [text for text in typed_of(config, "hydra") if text.lstrip("+~").startswith(_NODE)]
    return [text for text in words if not text.startswith("hydra.launcher.wait=")]


def _check(values: dict[str, Any]) -> None:
    rules = rules_of("hydra/launcher/slurm")
    for key, value in values.items():
        if key not in rules:
            cure = "other options of sbatch go into additional_parameters"
            raise ValueError(f"hydra.launcher.{key}={value_text(value)}: no such key; {cure}")
        if complaint := rules[key].complaint(value):
            raise ValueError(f"hydra.launcher.{key}={value_text(value)}: {complaint}")
    if not all(isinstance(line, str) for line in values["setup"]):
        raise ValueError(f"hydra.launcher.setup={value_text(values['setup'])}: must be a list of commands; quote each")
    for key, value in values["additional_parameters"].items():
        if not isinstance(value, str | int | float):
            raise ValueError(
                f"hydra.launcher.additional_parameters.{key}={value_text(value)}: must be one word or number"
            )
    if values["signal_delay_s"] >= 60 * values["timeout_min"]:
        cure = "give less than timeout_min, which is in minutes"
        raise ValueError(
            f"hydra.launcher.signal_delay_s={values['signal_delay_s']}: the signal would come at once; {cure}"
        )


def run_in_slurm(
    asked: Iterable[Job | None],
    number: int,
    folder: Path,
    arguments: Arguments,
    signals: StopSignals,
    ended: Callable[[dict[str, Any]], None],
    *,
    settings: Settings | None,
    queued: Sequence[Job],
    collect: str,
) -> None:
    """Submits the jobs `asked` for, of the `number` of the sweep in `folder`.

    Hands the results of these, and of those `queued` already, to `ended`.

    `settings` may be None where nothing is to be submitted; `collect` is the command that shows the table later.
    Raises Submitted where the jobs are left to Slurm: after a signal, or without `wait`; and ValueError in one line
    where Slurm refuses.
    """
    jobs = [job for job in asked if job is not None]
    if jobs:
        assert settings is not None
        _submit(jobs, number, folder, arguments, settings)
    entries = {job.number: read_entry(folder, job.number) for job in (*queued, *jobs)}
    at_work = {entry.job_id: job for job in (*queued, *jobs) if (entry := entries[job.number])}
    arrays = " ".join(dict.fromkeys(job_id.partition("_")[0] for job_id in at_work))
    for job_id, job in at_work.items():
        print(f"job {job.number} of {number} ({job.name}): Slurm's job {job_id}, in {folder / job.folder}")
    print(f"look: squeue --job={arrays.replace(' ', ',')}; cancel: scancel {arrays}; the table later: {collect}")
    print(f"what they print: {folder / FOLDER}/*_log.out, to which slurm.log in each run's folder leads", flush=True)
    if settings is not None and not settings.wait:
        raise Submitted(0)
    try:
        _wait(at_work, number, folder, signals, ended)
    except KeyboardInterrupt:
        raise Submitted(130) from None
    if signals.received:
        print(f"the jobs go on in Slurm; the table later: {collect}; cancel them: scancel {arrays}", flush=True)
        raise Submitted(signals.exit_code)


def _submit(jobs: Sequence[Job], number: int, folder: Path, arguments: Arguments, settings: Settings) -> None:
    """Hands the jobs to sbatch, as one array, and writes down which is which."""
    import submitit
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    said = io.StringIO()
    place = folder.absolute()
    try:
        with contextlib.redirect_stderr(said):  # what sbatch says stands in the error too
            executor = submitit.SlurmExecutor(folder=place / FOLDER, max_num_timeout=settings.limits.most)
            executor.update_parameters(job_name=place.name, **settings.parameters)
            with executor.batch():
                tasks = [
                    executor.submit(slurm_job.main, job, number, place, arguments, settings.limits, list(sys.path))
                    for job in jobs
                ]
    except (FailedJobError, FailedSubmissionError) as error:
        raise ValueError(f"hydra/launcher=slurm: Slurm takes no job: {one_line(error)}") from None
    for job, task in zip(jobs, tasks, strict=True):
        write_entry(folder, job.number, Entry(str(task.job_id)))


def _wait(
    at_work: dict[str, Job],
    number: int,
    folder: Path,
    signals: StopSignals,
    ended: Callable[[dict[str, Any]], None],
) -> None:
    """Asks Slurm, ever more seldom, until all jobs have ended or a signal comes, and says what has changed."""
    left, shown, pause = dict(at_work), dict[str, str](), _SOONEST
    while left and not signals.received:
        try:
            now = states(left)
        except ValueError as error:  # the controller may be down for a while, and the jobs go on
            print(f"{error}; still waiting", file=sys.stderr, flush=True)
            now = dict(shown)
        for job_id, state in now.items():
            job, before = left[job_id], shown.get(job_id)
            shown[job_id] = state
            if state not in (before, UNKNOWN):
                print(f"job {job.number} of {number}: {state.lower().replace('_', ' ')}", flush=True)
            if is_active(state) or (before != state and not _has_finished(folder / job.folder)):
                continue  # a file server may show the last words of a job some seconds later
            del left[job_id]
            ended(_result(job, number, folder, state))
        deadline = time.monotonic() + pause
        while left and time.monotonic() < deadline and not signals.received:
            time.sleep(0.1)
        pause = min(1.2 * pause, _SELDOM)


def _has_finished(place: Path) -> bool:
    return (place / RESULT).exists()


def _result(job: Job, number: int, folder: Path, state: str) -> dict[str, Any]:
    """What a job that Slurm has done with has written of itself; of one that was cut off, by what."""
    place, entry = folder.absolute() / job.folder, read_entry(folder, job.number)
    written = read_result(place / RESULT) if _has_finished(place) else None
    if written and written["status"] not in (None, "interrupted"):
        return written | {"folder": str(place)}
    word = state.lower().replace("_", " ")
    said = "was ended by Slurm" if state in (UNKNOWN, "COMPLETED") else f"was ended by Slurm: {word}"
    if entry and state in ("FAILED", UNKNOWN) and entry.time_limits:
        said = f"has met its time limit {entry.time_limits} times; raise hydra.launcher.timeout_min or max_num_timeout"
    print(f"job {job.number} of {number} ({job.name}) {said}", file=sys.stderr, flush=True)
    if written:
        return written | {"folder": str(place), "failed": True, "error": said}
    return result_without_run(job, place, "killed", said)
