"""`ganctl train -m`: every combination is checked before the first is trained, and one that fails stops no other.

Hydra's basic launcher runs the jobs one after another in this process. Each leaves a result.json in its folder; from
these the table at the end is made, and written as sweep.json and sweep.csv.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ganctl.compose import Composer, quote
from ganctl.files import write_json
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.folders import LONGEST, chosen_folder, claim, discard, slug
from ganctl.invocation.hydra_job import is_of_the_user, run_hydra, write_traceback
from ganctl.invocation.presets import About, about, name_of
from ganctl.job.ranking_table import show_and_write
from ganctl.own_code import OwnCodeError

TrainJob = Callable[[DictConfig, Sequence[str], About], dict[str, Any]]
"""`train_job(config, trusted packages, about)` trains in the folder that Hydra has made; returns the run's summary."""

MOST_JOBS = 10_000
RESULT = "result.json"
_BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


class SweepStopped(BaseException):
    """A signal ended the sweep. Not an Exception, so that nothing on the way takes it for a failed job."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Job:
    """One combination: all its overrides, those that differ between jobs, its folder, what it may build, its facts."""

    overrides: list[str]
    varied: dict[str, str]
    folder: str
    trusted: list[str]
    facts: About


def sweep(composer: Composer, arguments: Arguments, config: DictConfig, train_job: TrainJob) -> int:
    """Checks all jobs, then runs them by `train_job`.

    Returns 0, 1 if a job failed, or 128 + the number of the signal that ended it.
    """
    for kind, basic in (("sweeper", _BASIC_SWEEPER), ("launcher", _BASIC_LAUNCHER)):
        if config.hydra[kind]._target_ != basic:
            choice = config.hydra.runtime.choices[f"hydra/{kind}"]
            raise ValueError(f"hydra/{kind}={choice}: sweeps of ganctl run with hydra/{kind}=basic only")
    jobs = expand(composer, config)
    chosen = chosen_folder(config, "sweep")
    folder = chosen or claim(Path(config.output.root), name_of_sweep(jobs, config.tag))
    OmegaConf.register_new_resolver("ganctl_job", lambda number: jobs[int(number)].folder, replace=True)
    own = ["hydra.sweep.subdir='${ganctl_job:${hydra.job.num}}'"]
    if not chosen:
        own.append(f"hydra.sweep.dir={quote(str(folder))}")
    exit_code = 0
    try:
        with _stopping(), _hydra_runs([job.overrides for job in jobs]):
            run_hydra(
                "train",
                replace(arguments, multirun=True, run=False).for_hydra(*own),
                lambda job: _job(job, jobs, train_job),
            )
    except SweepStopped as stopped:
        exit_code = stopped.exit_code
    except KeyboardInterrupt:
        exit_code = 130
    except BaseException:
        if not chosen:
            discard(folder)
        raise
    failed = show_and_write(folder, [folder / job.folder / RESULT for job in jobs], interrupted=exit_code != 0)
    return exit_code or int(failed > 0)


def expand(composer: Composer, config: DictConfig) -> list[Job]:
    """All jobs, in Hydra's order, each composed and checked. Raises ValueError naming the job that is wrong."""
    parser = OverridesParser.create(config_loader=composer.loader)
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    typed = [*params, *(str(text) for text in config.hydra.overrides.task)]
    with composer.in_one_line(()):
        parsed = parser.parse_overrides(typed)
        _check_number(parsed)
        combinations = BasicSweeper.split_arguments(parsed, None)[0]
    swept = {
        _key(override): position
        for position, override in enumerate(_last_of_each(parsed))
        if override.is_sweep_override()
    }
    hydra_overrides = [str(text) for text in config.hydra.overrides.hydra]
    jobs = []
    for number, overrides in enumerate(combinations, 1):
        varied = {key: overrides[position].partition("=")[2] for key, position in swept.items()}
        name = ", ".join(f"{key}={value}" for key, value in varied.items())
        try:
            completed = composer.with_own_settings(overrides)
            composed = composer.compose([*hydra_overrides, *completed])
            trusted = composer.check(composed, completed)
            facts = about(composer, composed, completed)
        except ValueError as error:
            raise ValueError(f"{error} (job {number} of the sweep: {name}; none was started)") from None
        words = "-".join(f"{key.rpartition('.')[2]}-{value}" for key, value in varied.items())
        folder = "-".join(filter(None, (str(number), slug(words, LONGEST - len(str(number)) - 1))))
        jobs.append(Job(completed, varied, folder, trusted, facts))
    return jobs


def _check_number(parsed: Sequence[Override]) -> None:
    """Raises ValueError for a sweep of no jobs, or of more than anyone waits for; counts no further than that."""
    number = 1
    for override in parsed:
        if override.is_discrete_sweep():
            number *= sum(1 for _ in islice(override.sweep_iterator(), MOST_JOBS + 1))
        if not 0 < number <= MOST_JOBS:
            count = "no jobs" if not number else f"more than {MOST_JOBS:,} jobs"
            raise ValueError(f"{override.input_line}: makes a sweep of {count}; choose other values")


def name_of_sweep(jobs: Sequence[Job], tag: str) -> str:
    """`sweep-<what the jobs share of their names>[-tag]-<keys that are swept>`."""
    varied, *rest = jobs[0].varied, *(job.facts.names for job in jobs)
    shared = {group: name for group, name in rest[0].items() if all(names.get(group) == name for names in rest)}
    words = ["sweep", name_of(shared, tag), *(key.rpartition(".")[2] for key in varied)]
    return slug("-".join(filter(None, words)), LONGEST)


def _job(config: DictConfig, jobs: Sequence[Job], train_job: TrainJob) -> None:
    """One job: whatever happens to it stands in its result.json, and only a signal ends the others as well."""
    number = int(HydraConfig.get().job.num) + 1
    job, folder = jobs[number - 1], Path(HydraConfig.get().runtime.output_dir)
    name = " ".join(f"{key}={value}" for key, value in job.varied.items()) or "no overrides"
    print(f"\njob {number} of {len(jobs)}: {name}", flush=True)
    result: dict[str, Any] = {"job": number, "folder": str(folder), "overrides": job.overrides, "varied": job.varied}
    began = time.monotonic()
    stop: int | None = None
    try:
        summary = train_job(config, job.trusted, job.facts)
        code = int(summary.get("exit_code", 0))
        stop = code if code > 128 else None
        result |= {"status": summary["status"], "score": summary.get("score"), "failed": code not in (0, stop)}
        result["error"] = f"ended as {summary['status']}" if result["failed"] else None
    except (KeyboardInterrupt, SweepStopped) as stopped:
        stop = getattr(stopped, "exit_code", 130)
        result |= {"status": "interrupted", "score": None, "failed": False, "error": None}
    except Exception as error:
        log = write_traceback(folder)
        is_told = is_of_the_user(error) or isinstance(error, OwnCodeError)
        said = str(error) if is_told else f"{type(error).__name__}: {' '.join(str(error).split())}"
        result |= {"status": "failed", "score": None, "failed": True, "error": said}
        where = "" if is_told else f" (traceback in {log})"
        print(f"job {number} of {len(jobs)} ({name}) failed: {said}{where}", file=sys.stderr, flush=True)
    else:
        if result["failed"]:
            print(f"job {number} of {len(jobs)} ({name}) {result['error']}", file=sys.stderr, flush=True)
    write_json(folder / RESULT, result | {"seconds": round(time.monotonic() - began, 2)})
    if stop:
        raise SweepStopped(stop)


@contextmanager
def _hydra_runs(combinations: Sequence[Sequence[str]]) -> Iterator[None]:
    """Inside, Hydra's basic sweeper runs these combinations, instead of those that it would make of the overrides."""
    split = BasicSweeper.split_arguments
    BasicSweeper.split_arguments = staticmethod(lambda *_: [[list(each) for each in combinations]])  # type: ignore[method-assign]
    try:
        yield
    finally:
        BasicSweeper.split_arguments = staticmethod(split)  # type: ignore[method-assign]


@contextmanager
def _stopping() -> Iterator[None]:
    """SIGTERM between jobs ends the sweep as Ctrl-C does; within a job the run itself deals with both, and saves."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SweepStopped(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _key(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _last_of_each(parsed: Sequence[Override]) -> list[Override]:
    """The overrides as the sweeper keeps them: of those with one key the last, at the place of the first."""
    return list({override.get_key_element(): override for override in parsed}.values())
