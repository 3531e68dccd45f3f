"""`ganctl train`: one run, a sweep, or the continuation of a run.

Everything here happens before torch is imported: what can be refused is refused in one line, and a run's folder is made
only for a run that is going to begin.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl.compose import quote
from ganctl.files import given_path
from ganctl.invocation import help
from ganctl.invocation.arguments import Arguments, parse
from ganctl.invocation.folders import chosen_folder, claim, discard, forget, made
from ganctl.invocation.hydra_job import (
    add_import_folders,
    composer_for,
    is_of_the_user,
    run_hydra,
    show,
    write_traceback,
)
from ganctl.invocation.presets import About, about, name_of
from ganctl.invocation.resume import Resumed, resume
from ganctl.own_code import OwnCodeError, own_code

_ONE_RUN = "--resume: goes on with one run; leave out -m"


def main(words: Sequence[str]) -> int:
    """`ganctl train`: one run, a sweep (`-m`), or the continuation of a run (`--resume`). Returns the exit code."""
    outcome = train(words)
    return outcome if isinstance(outcome, int) else int(outcome["exit_code"])


def train(words: Sequence[str]) -> int | dict[str, Any]:
    """As `main`; of one run that trained, the summary. Raises ValueError in one line for what the user can mend."""
    arguments = parse(words, takes_resume=True)
    if arguments.help:
        return help.show("train")
    add_import_folders(arguments.config_dir, arguments.config_path)
    again, typed = None, arguments.overrides
    if arguments.resume is not None:
        if arguments.multirun:
            raise ValueError(_ONE_RUN)
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
        if arguments.multirun or config.hydra.mode == RunMode.MULTIRUN:
            if again:
                raise ValueError(_ONE_RUN)
            from ganctl.job.sweep import sweep

            return sweep(composer, arguments, config, train_job)
        trusted = composer.check(config, arguments.overrides)
        facts = about(composer, config, arguments.overrides)
    except ValueError as error:
        if again is None or again.config_dir is None or arguments.config_dir is not None:
            raise
        raise ValueError(f"{error}; the run was started with --config-dir={again.config_dir}: give it again") from None
    if again:
        return _train_once(arguments, again.for_hydra(), trusted, facts, again=again)
    with composer.in_one_line(()):
        chosen, name = chosen_folder(config, "run"), name_of(facts.names, config.tag)
    if chosen:
        with made(chosen, "hydra.run.dir"):
            return _train_once(arguments, [], trusted, facts)
    root = given_path(config.output.root)
    new_root = None if root.exists() else root.absolute()
    with made(root, "output.root"):
        folder = claim(root, name)
        overrides = [f"hydra.run.dir={quote(str(folder))}"]
        place = folder.absolute()  # whatever folder Hydra changes to
        return _train_once(arguments, overrides, trusted, facts, discarded=lambda: discard(place, new_root=new_root))


def train_job(config: DictConfig, trusted: Sequence[str], facts: About, again: Resumed | None = None) -> dict[str, Any]:
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
        return train_once(config, folder, checkpoint, facts, options)


def _train_once(
    arguments: Arguments,
    overrides: list[str],
    trusted: list[str],
    facts: About,
    *,
    discarded: Callable[[], bool] | None = None,
    again: Resumed | None = None,
) -> dict[str, Any]:
    """Trains through Hydra. A run that is refused before it has done anything leaves nothing behind.

    `discarded` removes the folder that was claimed for it; None if the folder is not its own alone.
    """
    outcome: dict[str, Any] = {}

    def task(config: DictConfig) -> None:
        hydra_config = HydraConfig.get()
        folder = Path(hydra_config.runtime.output_dir)
        has_log = (folder / "train.log").exists()
        try:
            outcome["summary"] = train_job(config, trusted, facts, again)
        except Exception as error:  # kept from Hydra, which would print it in its own way
            outcome["error"] = error
            if not is_of_the_user(error):
                write_traceback(folder)
            elif discarded is None:
                forget(folder, hydra_config.output_subdir, keep_log=has_log)
            else:
                discarded()

    try:
        run_hydra("train", arguments.for_hydra(*overrides), task)
    except BaseException:
        if discarded:
            discarded()
        raise
    if error := outcome.get("error"):
        raise error
    summary = outcome["summary"]
    if summary["exit_code"] > 128 and discarded:  # a signal; the folder goes only if nothing has been written to it yet
        discarded()
    return summary
