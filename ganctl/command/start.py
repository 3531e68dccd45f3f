"""From the words after `ganctl train`, `sample` or `evaluate` to a checked configuration, and on to the work.

Everything here happens before torch is imported: what can be refused is refused in one line, and a run's folder is made
only for a run that is going to begin.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl.command import help
from ganctl.command.arguments import Arguments, parse
from ganctl.command.folders import claim, discard, forget, holds_run
from ganctl.command.preparing import add_import_folders, answered, checked, composer_for, run_hydra, show
from ganctl.command.resume import Resumed, resume
from ganctl.compose import quote


def train(words: Sequence[str]) -> int:
    """`ganctl train`: one run, a sweep (`-m`), or the continuation of a run (`--resume`). Returns the exit code."""
    arguments = parse(words, takes_resume=True)
    if arguments.help:
        return help.show("train")
    add_import_folders(arguments.config_dir, arguments.config_path)
    again = _resumed(arguments)
    if again:
        arguments = replace(arguments, overrides=again.overrides)
    if arguments.only_shows:
        return show("train", arguments)
    composer = composer_for("train", arguments)
    with _hint_of_config_dir(again, arguments):
        config = composer.compose(arguments.overrides, multirun=_may_sweep(arguments))
        if _is_sweep(arguments, config):
            if again:
                raise ValueError("--resume: goes on with one run; leave out -m")
            from ganctl.command.sweep import sweep

            return sweep(composer, arguments, config)
        trusted = composer.check(config, arguments.overrides)
    if again:
        return _train_once(arguments, again.for_hydra(), trusted, again=again)
    if chosen_folder(config, "run"):
        return _train_once(arguments, [], trusted)
    root = Path(config.output.root)
    new_root = None if root.expanduser().exists() else root
    folder = claim(root, name_of(config))
    overrides = [f"hydra.run.dir={quote(str(folder))}"]
    return _train_once(arguments, overrides, trusted, discarded=lambda: discard(folder, new_root=new_root))


def sample(words: Sequence[str]) -> int:
    """`ganctl sample RUN`. Returns the exit code."""

    def work(config: DictConfig, target: Path) -> int:
        from ganctl.command.sample import run

        return run(config, target)

    return _with_run("sample", words, work)


def evaluate(words: Sequence[str]) -> int:
    """`ganctl evaluate RUN`. Returns the exit code."""

    def work(config: DictConfig, target: Path) -> int:
        from ganctl.command.evaluate import run

        return run(config, target)

    return _with_run("evaluate", words, work)


def fid(words: Sequence[str]) -> int:
    """`ganctl fid A B`. Returns the exit code."""
    from ganctl.command.sides import check_pair, new_file, understand, with_dataset

    arguments = parse(words, takes_targets=2)
    if (code := answered("fid", arguments)) is not None:
        return code
    if len(arguments.targets) < 2:
        raise ValueError(
            "A or B is missing: ganctl fid A B [KEY=VALUE ...], each a folder, zip or .npz of images, .npz of "
            "statistics, data set or run"
        )
    composer = composer_for("fid", arguments)
    config = checked(composer, arguments.overrides)
    sides = [understand(text, composer.options()["dataset"]) for text in arguments.targets]
    check_pair(sides[0], sides[1])
    save, output = new_file("save", config.save, ".npz"), new_file("output", config.output, ".json")
    sides = [with_dataset(side, composer, arguments.overrides, config) if side.option else side for side in sides]
    from ganctl.command.fid import run

    return run(config, (sides[0], sides[1]), save=save, output=output)


def train_job(config: DictConfig, trusted: Sequence[str], again: Resumed | None = None) -> dict[str, Any]:
    """The work of one job, in the folder that Hydra has made for it. Returns the run's summary."""
    from ganctl.command.train import run

    with open_dict(config):
        config.trust = list(trusted)
    OmegaConf.set_struct(config, True)
    folder = Path(HydraConfig.get().runtime.output_dir)
    return run(config, folder, again.checkpoint if again else None)


def name_of(config: DictConfig) -> str:
    """`<dataset>-<model>[-tag]`, the choices' names, for a run's folder."""
    choices = config.hydra.runtime.choices
    names = [choices.get("dataset"), choices.get("model") or choices.get("generator"), config.get("tag")]
    return "-".join(str(name) for name in names if name)


def chosen_folder(config: DictConfig, mode: str) -> Path | None:
    """The folder that the user has set (hydra.run.dir or hydra.sweep.dir); None if it is Hydra's default.

    Raises ValueError if there is a run in it already.
    """
    raw = OmegaConf.to_container(config.hydra[mode], resolve=False)["dir"]  # type: ignore[index,call-overload]
    if raw == {"run": "outputs", "sweep": "multirun"}[mode] + "/${now:%Y-%m-%d}/${now:%H-%M-%S}":
        return None
    folder = Path(config.hydra[mode].dir)
    if holds_run(folder):
        raise ValueError(
            f"hydra.{mode}.dir={folder}: there is a run in it, which is not overwritten; choose another folder, "
            f"or go on with it by --resume {folder}"
        )
    return folder


def write_traceback(folder: Path) -> Path:
    """Adds the traceback of the exception being handled to the run's log file, unless it stands there already."""
    log, text = folder / "train.log", traceback.format_exc()
    last_line = text.rstrip().rpartition("\n")[2]
    if not log.is_file() or last_line not in log.read_text(encoding="utf-8", errors="replace")[-len(text) - 4000 :]:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
    return log


def is_users(error: BaseException) -> bool:
    """Whether an exception is a message to the user: a ValueError of one line."""
    return isinstance(error, ValueError) and "\n" not in str(error) and bool(str(error))


def _train_once(
    arguments: Arguments,
    overrides: list[str],
    trusted: list[str],
    *,
    discarded: Callable[[], bool] | None = None,
    again: Resumed | None = None,
) -> int:
    """Trains through Hydra. A run that is refused before it has done anything leaves nothing behind.

    `discarded` removes the folder that was claimed for it; None if the folder is not its own alone.
    """
    outcome: dict[str, Any] = {}

    def task(config: DictConfig) -> None:
        hydra_config = HydraConfig.get()
        folder = Path(hydra_config.runtime.output_dir)
        has_log = (folder / "train.log").exists()
        try:
            outcome["summary"] = train_job(config, trusted, again)
        except Exception as error:  # kept from Hydra, which would print it in its own way
            outcome["error"] = error
            if not is_users(error):
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
    code = int(outcome["summary"].get("exit_code", 0))
    if code > 128 and discarded:  # a signal; the folder goes only if nothing has been written to it yet
        discarded()
    return code


def _with_run(command: str, words: Sequence[str], work: Callable[[DictConfig, Path], int]) -> int:
    arguments = parse(words, takes_targets=1)
    if (code := answered(command, arguments)) is not None:
        return code
    if arguments.target is None:
        raise ValueError(
            f"RUN is missing: ganctl {command} RUN [KEY=VALUE ...], RUN being a run's folder or a checkpoint file"
        )
    target = Path(arguments.target).expanduser()
    if not target.exists():
        raise ValueError(f"{arguments.target}: there is no such run folder or checkpoint file")
    return work(checked(composer_for(command, arguments), arguments.overrides), target)


def _resumed(arguments: Arguments) -> Resumed | None:
    if arguments.resume is None:
        return None
    if arguments.multirun:
        raise ValueError("--resume: goes on with one run; leave out -m")
    return resume(arguments.resume, arguments.overrides)


def _may_sweep(arguments: Arguments) -> bool:
    return arguments.multirun or any("hydra.mode=MULTIRUN" in text for text in arguments.overrides)


def _is_sweep(arguments: Arguments, config: DictConfig) -> bool:
    mode = config.hydra.mode
    return arguments.multirun or (mode is not None and mode.name == "MULTIRUN")


@contextlib.contextmanager
def _hint_of_config_dir(again: Resumed | None, arguments: Arguments) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if again is None or again.config_dir is None or arguments.config_dir is not None:
            raise
        raise ValueError(f"{error}; the run was started with --config-dir={again.config_dir}: give it again") from None
