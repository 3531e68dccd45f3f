"""`ganctl train --resume SWEEP`: jobs that have ended are left, those that were cut off go on, the others are run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganctl.compose import Composer, override_text
from ganctl.configuration.names import value_text
from ganctl.files import given_path, plain
from ganctl.forms import MOST_JOBS, printable
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.hydra_job import composer_for
from ganctl.invocation.lock import locked
from ganctl.invocation.presets import About, about
from ganctl.invocation.resume import going_on_from, merge
from ganctl.job.expansion import Job, settings_of
from ganctl.job.signals import StopSignals
from ganctl.job.slurm import SLURM, slurm_settings
from ganctl.job.slurm_queue import FOLDER, is_active, read_entry, states
from ganctl.job.sweep import ONE_BY_ONE, Sweep, for_jobs, jobs_at_once, need_optuna, run
from ganctl.job.sweep_job import REFUSED, RESULT, ends_trial
from ganctl.job.sweep_record import JOBS, JobRecord, SweepRecord, read_record
from ganctl.report.files import read_result

RETRY, N_TRIALS = "retry_failed", "hydra.sweeper.n_trials"
_LAUNCHER = ("hydra/launcher", "hydra.launcher.")


@dataclass(frozen=True)
class Wish:
    """What was typed beside `--resume SWEEP`: whether failed jobs are tried again, how jobs are run, what to trust.

    `n_trials` of a search; None = as many as before.
    """

    retry_failed: bool
    launcher: list[str]
    trust: list[str]
    n_trials: int | None


def is_recorded(path: str) -> bool:
    """Whether the folder is a sweep's that can go on."""
    return (given_path(path) / JOBS).is_file()


def resume_sweep(arguments: Arguments, signals: StopSignals) -> int:
    """Goes on with the sweep in the folder `arguments.resume`. Returns the exit code of `sweep`.

    Jobs that have ended are left as they are, those that failed unless they are to be tried again. Every job that is
    to run is checked first. Raises ValueError in one line where one is not as it was, or somebody is at work in it.
    """
    folder, wish = given_path(str(arguments.resume)), wish_of(arguments.overrides)
    with locked(folder, f"--resume={arguments.resume}"):
        record = read_record(folder)
        composer = composer_for("train", arguments)
        launcher = _launcher(composer, wish, record)
        at_once, slurm = jobs_at_once(launcher), slurm_settings(launcher)
        if slurm and record.search is not None:
            raise ValueError(f"hydra/launcher=slurm: {ONE_BY_ONE}")
        unfinished = [job for job in record.jobs if _ended(folder / job.folder, job, wish) is None]
        queued = _queued(folder, unfinished)  # asked before the results are read for good, as jobs end meanwhile
        others = [job for job in record.jobs if job not in queued]
        results = {job.number: result for job in others if (result := _ended(folder / job.folder, job, wish))}
        left_out = _left_out(record, results)
        missing = [job for job in others if job.number not in {*results, *left_out}]
        _check_launcher(folder, launcher, wish, missing, queued)
        if record.search is None and wish.n_trials is not None:
            raise ValueError(f"{N_TRIALS}={wish.n_trials}: this sweep is no search and has no trials; leave it out")
        try:
            jobs = list(_jobs(composer, folder, missing, wish, signals))
        except ValueError as error:
            if record.config_dir is None or arguments.config_dir is not None:
                raise
            need = f"the sweep was started with --config-dir={record.config_dir}: give it again"
            raise ValueError(f"{error}; {need}") from None
        ended, own = list(results.values()), for_jobs(arguments, [])
        if record.search is None:
            there = [Job(job.number, job.overrides, job.varied, job.folder, [], About()) for job in queued]
            todo = Sweep(folder, jobs, len(record.jobs), ended, own, at_once, wish.trust, slurm, there)
        else:
            need_optuna()
            from ganctl.job.search import resumed

            todo = resumed(composer, arguments, folder, record, jobs, ended, at_once, wish.trust, wish.n_trials)
        for name in ("sweep.json", "sweep.csv"):  # of the earlier end; what they say stands in the results
            (folder / name).unlink(missing_ok=True)
        return run(todo, signals)


def wish_of(overrides: Sequence[str]) -> Wish:
    """Raises ValueError for an override that would make other jobs of those that are left than of those that ended."""
    retry, launcher, trust, n_trials = False, [], [], None
    for text in overrides:
        key, _, value = text.partition("=")
        if key == RETRY:
            if value not in ("true", "false"):
                raise ValueError(f"{text}: must be true or false")
            retry = value == "true"
        elif key == N_TRIALS:
            if not value.isdecimal() or not 1 <= int(value) <= MOST_JOBS:
                raise ValueError(f"{text}: must be a whole number in [1, {MOST_JOBS}]")
            n_trials = int(value)
        elif key.lstrip("+~").startswith(_LAUNCHER):
            launcher.append(text)
        elif key == "trust":
            trust.append(text)
        else:
            need = "a sweep goes on with the settings that it began with"
            raise ValueError(f"{text}: {need}; leave it out, or resume one of its runs with it")
    return Wish(retry, launcher, trust, n_trials)


def _launcher(composer: Composer, wish: Wish, record: SweepRecord) -> DictConfig:
    """The configuration with the launcher as typed, or as many jobs side by side as the sweep began with."""
    words = list(wish.launcher)
    if record.at_once is not None and not any(text.startswith("hydra/launcher") for text in words):
        words = ["hydra/launcher=local", f"hydra.launcher.jobs={record.at_once}", *words]
    return composer.compose(words, multirun=True)


def _queued(folder: Path, jobs: Sequence[JobRecord]) -> list[JobRecord]:
    """Those of `jobs` that wait or run in Slurm. Raises ValueError where it does not answer."""
    entries = {job.number: entry for job in jobs if (entry := read_entry(folder, job.number))}
    now = states(entry.job_id for entry in entries.values())
    return [job for job in jobs if job.number in entries and is_active(now[entries[job.number].job_id])]


def _check_launcher(
    folder: Path, launcher: DictConfig, wish: Wish, missing: Sequence[JobRecord], queued: Sequence[JobRecord]
) -> None:
    """Raises ValueError where jobs of Slurm would be run elsewhere: unasked, or beside those that are in its queue."""
    if launcher.hydra.launcher._target_ == SLURM or not (folder / FOLDER).is_dir():
        return
    if missing and not any(text.startswith("hydra/launcher=") for text in wish.launcher):
        numbers = ", ".join(str(job.number) for job in missing[:6]) + (", ..." if len(missing) > 6 else "")
        cure = "add hydra/launcher=slurm and its settings again, or hydra/launcher=basic to run them here"
        raise ValueError(f"--resume={printable(folder)}: jobs are to be run ({numbers}), and ran in Slurm; {cure}")
    if missing and queued:
        cure = "wait for it (--resume alone), or scancel it"
        choice = launcher.hydra.runtime.choices["hydra/launcher"]
        raise ValueError(f"hydra/launcher={choice}: job {queued[0].number} is still in Slurm; {cure}")


def _ended(place: Path, job: JobRecord, wish: Wish) -> dict[str, Any] | None:
    """The result of a job that is not to be run again, else None."""
    result = read_result(place / RESULT) if (place / RESULT).exists() else None
    if not result or result["job"] != job.number or result["status"] in (None, "interrupted"):
        return None
    if result["failed"] and wish.retry_failed and result["status"] != REFUSED:  # which no trying changes
        return None
    return result | {"folder": str(place.absolute())}


def _left_out(record: SweepRecord, results: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """The jobs of a search that are not to be run, because that of another seed has ended their trial."""
    over = {job.trial for job in record.jobs if job.number in results and ends_trial(results[job.number])} - {None}
    return {job.number for job in record.jobs if job.trial in over}


def _jobs(
    composer: Composer, folder: Path, missing: Sequence[JobRecord], wish: Wish, signals: StopSignals
) -> Iterator[Job]:
    """The jobs that are to be run, each checked."""
    for job in missing:
        signals.raise_if_received()
        place = folder / job.folder
        if place.is_dir():
            with locked(place, f"--resume={printable(place)}"):  # a process of the sweep may still be about to end
                pass
        name = " ".join(f"{key}={value}" for key, value in job.varied.items())
        try:
            overrides = _as_it_began(composer, merge(job.overrides, wish.trust), job)
            config = composer.compose(overrides)
            trusted, facts = composer.check(config, overrides), about(composer, config, overrides)
        except ValueError as error:
            raise ValueError(f"{error} (job {job.number} of the sweep: {name}; none was started)") from None
        again = going_on_from(place, overrides)
        yield Job(job.number, overrides, job.varied, job.folder, trusted, facts, job.settings, again)


def _as_it_began(composer: Composer, overrides: list[str], job: JobRecord) -> list[str]:
    """The overrides, and those that give the settings of the job's beginning where the defaults have changed since.

    Raises ValueError where a part is now another class: a name of code is not taken from a folder.
    """
    now: Any = plain(settings_of(composer, composer.compose(overrides)))
    added = []
    for key, value in job.settings.items():
        if (key in now and now[key] == value) or key == "output.tensorboard":  # by now what `tracker` says
            continue
        if key.rpartition(".")[2] in ("_target_", "shape_rule") or "${" in str(value):
            was, instead = printable(value_text(value)), value_text(now.get(key))
            raise ValueError(f"{printable(key)}={instead}: was {was} when the sweep began; start another sweep")
        added.append(f"++{key}={override_text(value)}")
    return [*overrides, *added]
