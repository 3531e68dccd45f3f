"""`ganctl train`: one run, a sweep, or the continuation of a run.

Everything here happens before torch is imported: what can be refused is refused in one line, and a run's folder is made
only for a run that is going to begin.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from hydra.types import RunMode

from ganctl.compose import quote
from ganctl.configuration.names import value_text
from ganctl.files import given_path
from ganctl.invocation import help
from ganctl.invocation.arguments import Arguments, parse
from ganctl.invocation.folders import chosen_folder, claim, discard, forget, refuse_taken
from ganctl.invocation.hydra_job import add_import_folders, composer_for, show
from ganctl.invocation.lock import locked
from ganctl.invocation.presets import about, name_of
from ganctl.invocation.resume import folder_of, resume
from ganctl.job.launch import broken_off, launch, to_start
from ganctl.job.one_run import train_job, train_through_hydra
from ganctl.job.signals import Interrupted, StopSignals, end_by_default
from ganctl.job.slurm import SLURM
from ganctl.job.sweep import LOCAL, is_search, need_optuna, sweep
from ganctl.job.sweep_resume import is_recorded, resume_sweep
from ganctl.processes import attempt, world_of_environment

_ONE_RUN = "is no sweep that can go on; leave out -m to go on with one run"


def main(words: Sequence[str]) -> int:
    """`ganctl train`: one run, a sweep (`-m`), or the continuation of a run (`--resume`). Returns the exit code."""
    outcome = train(words)
    return outcome if isinstance(outcome, int) else int(outcome["exit_code"])


def train(words: Sequence[str], *, starts_others: bool = True) -> int | dict[str, Any]:
    """As `main`; of one run that trained, the summary, unless other processes were started for it.

    Raises ValueError in one line for what the user can mend, and for such processes unless it `starts_others`.
    """
    if (world := world_of_environment()).rank:
        end_by_default()  # before torch is imported
        from ganctl.job.together import follow

        return follow(world)
    with StopSignals() as signals, ExitStack() as locks:
        try:
            return _train(parse(words, takes_resume=True), signals, locks, words if starts_others else None)
        except Interrupted:
            return signals.exit_code


def _train(
    arguments: Arguments, signals: StopSignals, locks: ExitStack, words: Sequence[str] | None
) -> int | dict[str, Any]:
    if arguments.help:
        return help.show("train")
    add_import_folders(arguments.config_dir, arguments.config_path)
    again, typed = None, arguments.overrides
    if arguments.resume is not None:
        path = arguments.resume
        if is_recorded(arguments.resume) and not arguments.only_shows:
            return resume_sweep(arguments, signals)
        if arguments.multirun:
            raise ValueError(f"--resume={path}: {_ONE_RUN}")
        if not arguments.only_shows:
            locks.enter_context(locked(folder_of(path), f"--resume={path}"))
        # An earlier attempt of torchrun's has gone on from there already, and further.
        again = resume(str(folder_of(path)) if attempt() else path, arguments.overrides)
        arguments = replace(arguments, overrides=again.overrides)
    if arguments.only_shows and not arguments.cfg:
        return show("train", arguments)
    composer = composer_for("train", arguments)
    may_sweep = arguments.multirun or any("hydra.mode=MULTIRUN" in text for text in arguments.overrides)
    try:
        if not may_sweep:
            arguments = replace(arguments, overrides=composer.with_own_settings(arguments.overrides, typed))
        if arguments.only_shows:
            return show("train", arguments)
        config = composer.compose(arguments.overrides, multirun=may_sweep)
        with composer.in_one_line(()):
            subdir, is_sweep = config.hydra.output_subdir, arguments.multirun or config.hydra.mode == RunMode.MULTIRUN
        if subdir != ".hydra":
            need = "a run keeps its settings in .hydra, from which it is resumed; leave this out"
            raise ValueError(f"hydra.output_subdir={value_text(subdir)}: {need}")
        if is_sweep:
            if again:
                raise ValueError(f"--resume={arguments.resume}: {_ONE_RUN}")
            if is_search(config):
                need_optuna()
                from ganctl.job.search import search

                return search(composer, arguments, config, signals)
            return sweep(composer, arguments, config, signals)
        if config.hydra.launcher._target_ in (LOCAL, SLURM):
            choice = config.hydra.runtime.choices["hydra/launcher"]
            raise ValueError(f"hydra/launcher={choice}: runs the jobs of a sweep; add -m")
        if is_search(config):
            raise ValueError("hydra/sweeper=optuna: searches through the runs of a sweep; add -m")
        trusted = composer.check(config, arguments.overrides)
        if not again and (folder := broken_off(config)):
            others = [text for text in typed if not text.startswith("hydra.run.dir=")]
            return _train(replace(arguments, overrides=others, resume=str(folder)), signals, locks, words)
        facts, number = about(composer, config, arguments.overrides), to_start(config)
        if number > 1 and words is None:
            need = "only `ganctl train` starts other processes"
            raise ValueError(f"device.processes={config.device.processes}: {need}; leave it out")
    except ValueError as error:
        if again is None or again.config_dir is None or arguments.config_dir is not None:
            raise
        raise ValueError(f"{error}; the run was started with --config-dir={again.config_dir}: give it again") from None
    signals.raise_if_received()
    job = partial(train_job, signals, trusted=trusted, facts=facts, again=again)
    if again and number > 1 and words is not None:
        locks.close()  # the first of the processes takes it
        return launch(words, number, signals, config, again.folder)
    if again:
        undo = partial(forget, again.folder, again.subdir, keep_log=(again.folder / "train.log").exists())
        return train_through_hydra(arguments, again.for_hydra(), job, again.folder, undo, is_new=False)
    with composer.in_one_line(()):
        chosen, name = chosen_folder(config, "run"), name_of(facts.names, config.tag)
    if number > 1 and words is not None:
        return launch(words, number, signals, config)
    if chosen:
        folder = chosen.absolute()  # whatever folder Hydra changes to
        locks.enter_context(locked(folder, f"hydra.run.dir={chosen}"))
        refuse_taken(chosen, "run")  # by a run that ended only just now
        undo = partial(forget, folder, config.hydra.output_subdir, keep_log=False)
    else:
        root = given_path(config.output.root)
        new_root = None if root.exists() else root.absolute()
        folder = claim(root, name).absolute()
        locks.enter_context(locked(folder, f"output.root={root}"))
        undo = partial(discard, folder, new_root=new_root)
    return train_through_hydra(arguments, [f"hydra.run.dir={quote(str(folder))}"], job, folder, undo)
