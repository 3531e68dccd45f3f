"""`ganctl train -m`: every combination is checked before the first is trained, and one that fails stops no other.

Hydra's basic launcher runs the jobs one after another in this process. Each leaves a result.json in its folder; from
these the table at the end is made, and written as sweep.json and sweep.csv.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ganctl.compose import Composer, quote
from ganctl.files import disk_fault, one_line, plain, write_json
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.folders import LONGEST, chosen_folder, claim, discard, refuse_taken, slug
from ganctl.invocation.hydra_job import is_of_the_user, run_hydra, write_traceback
from ganctl.invocation.lock import locked
from ganctl.invocation.presets import About, about, name_of
from ganctl.job.ranking_table import show_and_write
from ganctl.job.signals import Stopped, StopSignals
from ganctl.mistakes import parse
from ganctl.own_code import OwnCodeError

TrainJob = Callable[[DictConfig, Sequence[str], About], dict[str, Any]]
"""`train_job(config, trusted packages, about)` trains in the folder that Hydra has made; returns the run's summary."""

RESULT = "result.json"
MOST_JOBS = 10_000  # of one sweep
_BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
_BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


@dataclass(frozen=True)
class Job:
    """One combination: all its overrides, those that differ between jobs, its folder, what it may build, its facts."""

    overrides: list[str]
    varied: dict[str, str]
    folder: str
    trusted: list[str]
    facts: About


def sweep(
    composer: Composer, arguments: Arguments, config: DictConfig, train_job: TrainJob, signals: StopSignals
) -> int:
    """Checks all jobs, then runs them by `train_job`, until one of the `signals` comes.

    Returns 0, 1 if a job failed, or 128 + the number of the signal that ended it. A sweep that ended before its first
    job had begun leaves nothing behind.
    """
    for kind, basic in (("sweeper", _BASIC_SWEEPER), ("launcher", _BASIC_LAUNCHER)):
        if config.hydra[kind]._target_ != basic:
            choice = config.hydra.runtime.choices[f"hydra/{kind}"]
            raise ValueError(f"hydra/{kind}={choice}: sweeps of ganctl run with hydra/{kind}=basic only")
    jobs = expand(composer, config, signals.raise_if_received)
    chosen, root = chosen_folder(config, "sweep"), Path(config.output.root)
    new_root = None if root.expanduser().exists() else root
    folder = chosen or claim(root, name_of_sweep(jobs, config.tag))
    with locked(folder, f"hydra.sweep.dir={folder}" if chosen else f"output.root={root}"):
        if chosen:
            refuse_taken(folder, "sweep", [job.folder for job in jobs])
        return _run(
            jobs, arguments, folder, train_job, signals, None if chosen else partial(discard, folder, new_root=new_root)
        )


def _run(
    jobs: Sequence[Job],
    arguments: Arguments,
    folder: Path,
    train_job: TrainJob,
    signals: StopSignals,
    discarded: Callable[[], bool] | None,
) -> int:
    """Runs the jobs in `folder` and writes what came of them. Returns the exit code of `sweep`.

    `discarded` removes the folder where nothing came of it; None if the folder is the user's.
    """
    OmegaConf.register_new_resolver("ganctl_job", lambda number: jobs[int(number)].folder, replace=True)
    own = ["hydra.sweep.subdir='${ganctl_job:${hydra.job.num}}'", f"hydra.sweep.dir={quote(str(folder))}"]
    exit_code = 0
    results: list[dict[str, Any]] = []
    try:
        with _hydra_runs([job.overrides for job in jobs]):
            run_hydra(
                "train",
                replace(arguments, multirun=True, run=False).for_hydra(*own),
                lambda job: _job(job, jobs, train_job, signals, results),
            )
    except Stopped as stopped:
        exit_code = stopped.exit_code
    except KeyboardInterrupt:
        exit_code = 130
    except BaseException:
        if discarded:
            discarded()
        raise
    if exit_code and not results and discarded and discarded():
        return exit_code
    failed = show_and_write(folder, results, len(jobs), interrupted=exit_code != 0)
    return exit_code or int(failed > 0)


def expand(composer: Composer, config: DictConfig, progress: Callable[[], None] = lambda: None) -> list[Job]:
    """All jobs, in Hydra's order, each composed and checked. Raises ValueError naming the job that is wrong.

    `progress` is called before each.
    """
    parser = OverridesParser.create(config_loader=composer.loader)
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    typed = [*params, *(str(text) for text in config.hydra.overrides.task)]
    with composer.in_one_line(()):
        parse(params, composer.options)  # whose mistakes are told in one line; what was typed has been parsed before
        parsed = parser.parse_overrides(typed)
        combinations = _combinations(parsed)
    swept = {
        _key(override): position
        for position, override in enumerate(_last_of_each(parsed))
        if override.is_sweep_override()
    }
    hydra_overrides = [str(text) for text in config.hydra.overrides.hydra]
    jobs = []
    for number, overrides in enumerate(combinations, 1):
        progress()
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


def _combinations(parsed: Sequence[Override]) -> Sequence[list[str]]:
    """What each job overrides. Raises ValueError where there is none, or are more than anyone waits for."""
    count = 1
    for override in filter(Override.is_sweep_override, _last_of_each(parsed)):
        if override.is_interval_sweep():
            cure = "write choice(1,2), range(0,3,0.5) or values with commas between them"
            raise ValueError(f"{override.input_line}: an interval is for sweepers that search; {cure}")
        source = override.value()
        try:
            values = source.range() if isinstance(source, RangeSweep) else override.sweep_string_iterator()
            number = sum(1 for _ in islice(values, MOST_JOBS + 1))
        except (ValueError, ArithmeticError, HydraException) as error:
            raise ValueError(
                f"{override.input_line}: its values cannot be told ({type(error).__name__}); list them"
            ) from None
        if number == 0:
            raise ValueError(f"{override.input_line}: there is no such value, so that nothing is to be run; give some")
        count *= number
        if count > MOST_JOBS:
            raise ValueError(
                f"{override.input_line}: makes the sweep longer than {MOST_JOBS:,} runs; give fewer values"
            )
    return BasicSweeper.split_arguments(list(parsed), None)[0]


def name_of_sweep(jobs: Sequence[Job], tag: str) -> str:
    """`sweep-<what the jobs share of their names>[-tag]-<keys that are swept>`."""
    varied, *rest = jobs[0].varied, *(job.facts.names for job in jobs)
    shared = {group: name for group, name in rest[0].items() if all(names.get(group) == name for names in rest)}
    words = ["sweep", name_of(shared, tag), *(key.rpartition(".")[2] for key in varied)]
    return slug("-".join(filter(None, words)), LONGEST)


def _job(
    config: DictConfig,
    jobs: Sequence[Job],
    train_job: TrainJob,
    signals: StopSignals,
    results: list[dict[str, Any]],
) -> None:
    """One job: whatever happens to it stands in `results` and its result.json; only a signal ends the others as well.

    One that a signal keeps from beginning leaves nothing.
    """
    number = int(HydraConfig.get().job.num) + 1
    job, folder = jobs[number - 1], Path(HydraConfig.get().runtime.output_dir)
    name = " ".join(f"{key}={value}" for key, value in job.varied.items()) or "no overrides"
    print(f"\njob {number} of {len(jobs)}: {name}", flush=True)
    result: dict[str, Any] = {"job": number, "folder": str(folder), "overrides": job.overrides, "varied": job.varied}
    began = time.monotonic()
    stop: int | None = None
    has_begun = True
    try:
        with locked(folder, f"hydra.sweep.dir={folder.parent}"):
            summary = train_job(config, job.trusted, job.facts)
        has_begun = "step" in summary
        code = int(summary.get("exit_code", 0))
        stop = code if code > 128 else None
        result |= {"status": summary["status"], "score": summary.get("score"), "failed": code not in (0, stop)}
        result["error"] = f"ended as {summary['status']}" if result["failed"] else None
    except (KeyboardInterrupt, Stopped) as stopped:
        stop = getattr(stopped, "exit_code", 130)
        result |= {"status": "interrupted", "score": None, "failed": False, "error": None}
    except Exception as error:
        said, where = disk_fault(error), ""
        if said is None:
            log, said = write_traceback(folder), " ".join(str(error).split())
            if not (is_of_the_user(error) or isinstance(error, OwnCodeError)):
                said, where = f"{type(error).__name__}: {said}", f" (traceback in {log})"
        result |= {"status": "failed", "score": None, "failed": True, "error": said}
        print(f"job {number} of {len(jobs)} ({name}) failed: {said}{where}", file=sys.stderr, flush=True)
    else:
        if result["failed"]:
            print(f"job {number} of {len(jobs)} ({name}) {result['error']}", file=sys.stderr, flush=True)
    if not has_begun:
        shutil.rmtree(folder, ignore_errors=True)
        raise Stopped(signals.exit_code)
    result["seconds"] = round(time.monotonic() - began, 2)
    results.append({name: plain(value) for name, value in result.items()})
    try:
        write_json(folder / RESULT, result)
    except OSError as error:
        print(f"job {number} of {len(jobs)}: {disk_fault(error) or one_line(error)}", file=sys.stderr, flush=True)
    if stop or signals.received:
        raise Stopped(stop or signals.exit_code)


@contextmanager
def _hydra_runs(combinations: Sequence[Sequence[str]]) -> Iterator[None]:
    """Inside, Hydra's basic sweeper runs these combinations, instead of those that it would make of the overrides."""
    split = BasicSweeper.split_arguments
    BasicSweeper.split_arguments = staticmethod(lambda *_: [[list(each) for each in combinations]])  # type: ignore[method-assign]
    try:
        yield
    finally:
        BasicSweeper.split_arguments = staticmethod(split)  # type: ignore[method-assign]


def _key(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _last_of_each(parsed: Sequence[Override]) -> list[Override]:
    """The overrides as the sweeper keeps them: of those with one key the last, at the place of the first."""
    return list({override.get_key_element(): override for override in parsed}.values())
