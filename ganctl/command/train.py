"""`ganctl train`: one run, a sweep, or the continuation of a run.

Everything here happens before torch is imported: what can be refused is refused in one line, and a run's folder is made
only for a run that is going to begin.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl.compose import quote
from ganctl.configuration.names import value_text
from ganctl.files import disk_fault, given_path
from ganctl.invocation import help
from ganctl.invocation.arguments import Arguments, parse
from ganctl.invocation.folders import chosen_folder, claim, discard, forget, has_results, refuse_taken
from ganctl.invocation.hydra_job import (
    add_import_folders,
    composer_for,
    is_of_the_user,
    run_hydra,
    show,
    write_traceback,
)
from ganctl.invocation.lock import locked
from ganctl.invocation.presets import About, about, name_of
from ganctl.invocation.resume import Resumed, folder_of, resume
from ganctl.job.signals import Interrupted, StopSignals
from ganctl.own_code import OwnCodeError, own_code

_ONE_RUN = "--resume: goes on with one run; leave out -m"


def main(words: Sequence[str]) -> int:
    """`ganctl train`: one run, a sweep (`-m`), or the continuation of a run (`--resume`). Returns the exit code."""
    outcome = train(words)
    return outcome if isinstance(outcome, int) else int(outcome["exit_code"])


def train(words: Sequence[str]) -> int | dict[str, Any]:
    """As `main`; of one run that trained, the summary. Raises ValueError in one line for what the user can mend."""
    with StopSignals() as signals, ExitStack() as locks:
        try:
            return _train(parse(words, takes_resume=True), signals, locks)
        except Interrupted:
            return signals.exit_code


def _train(arguments: Arguments, signals: StopSignals, locks: ExitStack) -> int | dict[str, Any]:
    if arguments.help:
        return help.show("train")
    add_import_folders(arguments.config_dir, arguments.config_path)
    again, typed = None, arguments.overrides
    if arguments.resume is not None:
        if arguments.multirun:
            raise ValueError(_ONE_RUN)
        if not arguments.only_shows:
            locks.enter_context(locked(folder_of(arguments.resume), f"--resume={arguments.resume}"))
        again = resume(arguments.resume, arguments.overrides)
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
                raise ValueError(_ONE_RUN)
            from ganctl.job.sweep import sweep

            return sweep(composer, arguments, config, partial(train_job, signals), signals)
        trusted = composer.check(config, arguments.overrides)
        facts = about(composer, config, arguments.overrides)
    except ValueError as error:
        if again is None or again.config_dir is None or arguments.config_dir is not None:
            raise
        raise ValueError(f"{error}; the run was started with --config-dir={again.config_dir}: give it again") from None
    signals.raise_if_received()
    job = partial(train_job, signals, trusted=trusted, facts=facts, again=again)
    if again:
        undo = partial(forget, again.folder, again.subdir, keep_log=(again.folder / "train.log").exists())
        return _train_once(arguments, again.for_hydra(), job, again.folder, undo, is_new=False)
    with composer.in_one_line(()):
        chosen, name = chosen_folder(config, "run"), name_of(facts.names, config.tag)
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
    return _train_once(arguments, [f"hydra.run.dir={quote(str(folder))}"], job, folder, undo)


def train_job(
    signals: StopSignals, config: DictConfig, trusted: Sequence[str], facts: About, again: Resumed | None = None
) -> dict[str, Any]:
    """The work of one job, in the folder that Hydra has made for it. Returns the run's summary."""
    from ganctl.job.train import train_once

    with open_dict(config):
        config.trust = list(trusted)
    OmegaConf.set_struct(config, True)
    hydra = HydraConfig.get()
    sources = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    options = [f"--config-dir={Path(path).absolute()}" for path in sources]
    options += [text for text in hydra.overrides.task if text.startswith("trust=")]
    checkpoint = again.checkpoint if again else None
    folder = Path(hydra.runtime.output_dir)
    with own_code("training", trusted, OwnCodeError, note=f"; the traceback is in {folder / 'train.log'}"):
        return train_once(config, folder, checkpoint, facts, options, signals)


def _train_once(
    arguments: Arguments,
    overrides: list[str],
    job: Callable[[DictConfig], dict[str, Any]],
    folder: Path,
    undo: Callable[[], object],
    *,
    is_new: bool = True,
) -> dict[str, Any]:
    """Trains by `job` through Hydra, in `folder`.

    A run that ends before it has begun leaves nothing behind: `undo` removes what was made for it.
    """
    outcome: dict[str, Any] = {"hydra_is_done": False}

    def task(config: DictConfig) -> None:
        outcome["hydra_is_done"] = True
        try:
            outcome["summary"] = job(config)
        except Exception as error:  # kept from Hydra, which would print it in its own way
            outcome["error"] = error
            if not (is_of_the_user(error) or disk_fault(error)):
                outcome["log"] = write_traceback(folder)

    try:
        run_hydra("train", arguments.for_hydra(*overrides), task)
        if error := outcome.get("error"):
            raise error
    except BaseException as error:
        has_begun = has_results(folder) if is_new else outcome["hydra_is_done"] and not is_of_the_user(error)
        if not (has_begun or "log" in outcome):
            undo()
        raise
    if "step" not in outcome["summary"]:
        undo()
    return outcome["summary"]
