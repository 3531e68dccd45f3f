"""`ganctl train -m`: every combination is checked before the first is trained, and one that fails stops no other.

The jobs are written down before the first begins (jobs.json), and each leaves a result.json in its folder: from these
the table at the end is made, written as sweep.json and sweep.csv, and after any end the sweep goes on.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ganctl.compose import Composer
from ganctl.configuration.names import value_text
from ganctl.files import atomic_write_text
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.folders import chosen_folder, claim, discard, refuse_taken
from ganctl.invocation.lock import locked
from ganctl.job.expansion import Job, expand, name_of_sweep, typed_of
from ganctl.job.ranking_table import show_and_write
from ganctl.job.side_by_side import MOST, run_side_by_side
from ganctl.job.signals import Stopped, StopSignals
from ganctl.job.slurm import SLURM, Settings, Submitted, run_in_slurm, slurm_settings
from ganctl.job.sweep_job import run_job
from ganctl.job.sweep_record import SweepRecord, record_of, write_record
from ganctl.processes import cores
from ganctl.record.wording import counted

if TYPE_CHECKING:
    from ganctl.job.trials import Trials

ONE_BY_ONE = "a search asks for a job when another ends; take basic or local"
_BASIC = {
    "sweeper": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    "launcher": "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
}
LOCAL = "ganctl.job.side_by_side"
SEARCH = "ganctl.job.search"
_PLUGIN = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
_OURS = ("hydra.mode", "hydra.run.", "hydra.sweep.", "hydra.sweeper.", "hydra.launcher.", "hydra/")


@dataclass(frozen=True)
class Sweep:
    """What is to be done: the jobs to run, of the `number` that the sweep has, and the results of the others.

    `arguments` have the options of all jobs. `at_once`: jobs side by side; None = in turn, in this process. `trust` is
    what has to be typed again to go on. `slurm`: how jobs are submitted to Slurm, where `queued` are already. `trials`
    are those of a search, which decide when `jobs` are asked for: None among the jobs says that the next one waits for
    one at work.
    """

    folder: Path
    jobs: Iterable[Job | None]
    number: int
    results: list[dict[str, Any]]
    arguments: Arguments
    at_once: int | None
    trust: Sequence[str] = ()
    slurm: Settings | None = None
    queued: Sequence[Job] = field(default_factory=list)
    trials: "Trials | None" = None


def sweep(composer: Composer, arguments: Arguments, config: DictConfig, signals: StopSignals) -> int:
    """Checks all jobs, then runs them, until one of the `signals` comes.

    Returns 0, 1 if a job failed, or 128 + the number of the signal that ended it. A sweep that ended before its first
    job had begun leaves nothing behind.
    """
    at_once, slurm = jobs_at_once(config), slurm_settings(config)
    threads = slurm.cpus_per_task if slurm else threads_each(at_once)
    jobs = expand(composer, config, signals.raise_if_received, threads)

    def begin(folder: Path) -> Sweep:
        write_record(folder, SweepRecord(list(map(record_of, jobs)), at_once, arguments.config_dir))
        trust = [text for text in jobs[0].overrides if text.startswith("trust=")]
        own = for_jobs(arguments, hydra_overrides(config))
        return Sweep(folder, jobs, len(jobs), [], own, at_once, trust, slurm)

    return in_new_folder(config, name_of_sweep(jobs, config.tag), [job.folder for job in jobs], begin, signals)


def in_new_folder(
    config: DictConfig, name: str, jobs: Sequence[str], begin: Callable[[Path], Sweep], signals: StopSignals
) -> int:
    """Runs the sweep that `begin` writes down in a folder of its own, made for it and locked. Returns the exit code.

    `jobs` are the folders that its jobs will have, none of which may be there.
    """
    chosen, root = chosen_folder(config, "sweep"), Path(config.output.root)
    new_root = None if root.expanduser().exists() else root
    folder = chosen or claim(root, name)
    with locked(folder, f"hydra.sweep.dir={folder}" if chosen else f"output.root={root}"):
        if chosen:
            refuse_taken(folder, "sweep", jobs)
        discarded = None if chosen else partial(discard, folder, new_root=new_root)
        try:
            todo = begin(folder)
            atomic_write_text(folder / "multirun.yaml", OmegaConf.to_yaml(config))
        except (OSError, ValueError):
            if discarded:
                discarded()
            raise
        return run(todo, signals, discarded)


def is_search(config: DictConfig) -> bool:
    """Whether trials are searched for, by our own sweeper or, in a YAML file written for it, by Hydra's plugin."""
    return config.hydra.sweeper._target_ in (SEARCH, _PLUGIN)


def need_optuna() -> None:
    """Raises ValueError in one line where Optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ValueError("hydra/sweeper=optuna: needs the package optuna; pip install 'ganctl[optuna]'") from None


def jobs_at_once(config: DictConfig) -> int | None:
    """How many jobs run side by side, None for one after the other in this process. Raises ValueError for nonsense."""
    for kind, basic in _BASIC.items():
        target, choice = config.hydra[kind]._target_, config.hydra.runtime.choices[f"hydra/{kind}"]
        if kind == "sweeper" and is_search(config):
            continue
        if target != basic and (kind, target) not in (("launcher", LOCAL), ("launcher", SLURM)):
            only = "basic, local or slurm" if kind == "launcher" else "basic or optuna"
            raise ValueError(f"hydra/{kind}={choice}: sweeps of ganctl run with hydra/{kind}={only} only")
    if config.hydra.launcher._target_ != LOCAL:
        return None
    jobs = config.hydra.launcher.jobs
    if jobs is None:
        raise ValueError("hydra/launcher=local: how many jobs at once? add jobs=2")
    if not isinstance(jobs, int) or isinstance(jobs, bool) or not 1 <= jobs <= MOST:
        raise ValueError(f"jobs={value_text(jobs)}: must be a whole number in [1, {MOST}]; try jobs=2")
    return jobs


def threads_each(at_once: int | None) -> int | None:
    """The cores that each of so many jobs gets; None where jobs run in turn."""
    return at_once and max(1, cores() // at_once)


def hydra_overrides(config: DictConfig) -> list[str]:
    """What was typed for Hydra itself and holds for every job."""
    return [text for text in typed_of(config, "hydra") if not text.lstrip("+~").startswith(_OURS)]


def for_jobs(arguments: Arguments, hydra_overrides: Sequence[str]) -> Arguments:
    """What all jobs have of the sweep's arguments: its options, and the overrides for Hydra itself."""
    return replace(arguments, overrides=list(hydra_overrides), multirun=False, run=False, resume=None)


def run(todo: Sweep, signals: StopSignals, discarded: Callable[[], bool] | None = None) -> int:
    """Runs the jobs and writes what came of all. Returns the exit code of `sweep`.

    `discarded` removes the folder where nothing came of it; None if the folder is to stay.
    """
    exit_code = 0
    results, trials = todo.results, todo.trials
    some = f", of which {len(results)} have ended" if results else ""
    what = f"sweep of {counted(todo.number, 'job')}{some}" if trials is None else trials.described()
    print(f"{what}, in {todo.folder}; if it is cut off: {going_on(todo)}", flush=True)
    launch = partial(run_side_by_side, at_once=todo.at_once) if todo.at_once else _run_in_turn
    if todo.slurm or todo.queued:
        launch = partial(run_in_slurm, settings=todo.slurm, queued=todo.queued, collect=going_on(todo))
    try:
        with trials.alive() if trials else nullcontext():
            ended = trials.ended if trials else results.append
            launch(todo.jobs, todo.number, todo.folder, todo.arguments, signals, ended)
    except Submitted as submitted:
        return submitted.exit_code
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
    results.sort(key=lambda result: result["job"])
    number = todo.number - (trials.number_left_out() if trials else 0)
    failed = show_and_write(todo.folder, results, number, interrupted=exit_code != 0)
    if trials:
        trials.show()
    if exit_code:
        print(f"go on: {going_on(todo)}")
    elif failed:
        print(f"try what failed again: {going_on(todo)} retry_failed=true")
    return exit_code or int(failed > 0)


def going_on(todo: Sweep) -> str:
    """The command that goes on with the sweep."""
    given = {name: getattr(todo.arguments, name) for name in ("config_dir", "config_path", "config_name")}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value]
    words = [*options, *todo.trust, *(todo.slurm.typed if todo.slurm else [])]
    return shlex.join(["ganctl", "train", "-m", "--resume", str(todo.folder), *words])


def _run_in_turn(
    jobs: Iterable[Job | None],
    number: int,
    folder: Path,
    arguments: Arguments,
    signals: StopSignals,
    ended: Callable[[dict[str, Any]], None],
) -> None:
    """Runs `jobs` one after the other in this process. Raises Stopped where a signal came."""
    for job in jobs:
        assert job is not None, "nothing is at work that a job could wait for"
        print(f"\njob {job.number} of {number}: {job.name}", flush=True)
        outcome = run_job(job, number, folder, arguments, signals)
        if outcome.result is not None:
            ended(outcome.result)
        if outcome.stop:
            raise Stopped(outcome.stop)
