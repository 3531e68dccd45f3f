"""From a command's arguments to its checked configuration, through Hydra; and what to do with an exception."""

import contextlib
import io
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict

from ganctl.compose import CONFIG_PATH, VERSION_BASE, Composer
from ganctl.configuration.names import one_line
from ganctl.files import disk_fault, given_path, naming
from ganctl.invocation import help
from ganctl.invocation.arguments import Arguments, parse
from ganctl.invocation.folders import refuse_sweep
from ganctl.invocation.meanings import annotated, comments
from ganctl.own_code import OwnCodeError


def run_hydra(command: str, arguments: list[str], task: Callable[[DictConfig], Any]) -> None:
    """Hydra's own command line for `ganctl COMMAND`, with `arguments`. Raises ValueError for what it cannot begin."""
    import hydra
    from hydra.core.utils import env_override

    def job(config: DictConfig) -> Any:
        sys.argv = typed
        return task(config)

    typed = sys.argv
    sys.argv = ["ganctl", *arguments]
    try:
        with naming(Path(".hydra")), env_override({"HYDRA_FULL_ERROR": "1"}):  # exceptions, not printing and exiting
            hydra.main(config_path=CONFIG_PATH, config_name=command, version_base=VERSION_BASE)(job)()
    except BrokenPipeError:
        raise
    except Exception as error:  # of Hydra's own work: folders, logging, callbacks
        if is_of_the_user(error) or disk_fault(error):
            raise
        raise ValueError(f"Hydra cannot start: {type(error).__name__}: {one_line(error)}") from error
    finally:
        sys.argv = typed


def shown_instead(command: str, arguments: Arguments) -> int | None:
    """The exit code where something was to be shown instead of work; None where there is work, of one job."""
    if arguments.help:
        return help.show(command)
    add_import_folders(arguments.config_dir, arguments.config_path)
    if arguments.only_shows:
        return show(command, arguments)
    if arguments.multirun:
        one = "pair" if command == "fid" else "run"
        raise ValueError(f"--multirun: `ganctl {command}` takes one {one} at a time")
    return None


def checked_config(composer: Composer, overrides: Sequence[str]) -> DictConfig:
    """The composed and checked configuration, without Hydra's node, that names in `trust` what it may build."""
    config = composer.compose(overrides)
    trusted = composer.check(config, overrides)
    with open_dict(config):
        del config["hydra"]
        config.trust = sorted({*trusted, *composer.own_packages()})
    return config


def run_and_config(command: str, words: Sequence[str]) -> tuple[Path, DictConfig] | int:
    """The run or checkpoint that `ganctl COMMAND RUN` names, and its configuration; the exit code if only to show."""
    arguments = parse(words, takes_targets=1)
    if (code := shown_instead(command, arguments)) is not None:
        return code
    if arguments.target is None:
        usage = f"ganctl {command} RUN [KEY=VALUE ...], RUN being a run's folder or a checkpoint file"
        raise ValueError(f"RUN is missing: {usage}")
    target = given_path(arguments.target)
    if not target.exists():
        raise ValueError(f"{arguments.target}: there is no such run folder or checkpoint file")
    refuse_sweep(target, f"ganctl {command}")
    return target, checked_config(composer_for(command, arguments), arguments.overrides)


def composer_for(command: str, arguments: Arguments) -> Composer:
    """The composer of the command's configurations, with the folders that the options give."""
    folders = {"config_dir": arguments.config_dir, "config_path": arguments.config_path}
    return Composer(arguments.config_name or command, command=command, **folders)


def show(command: str, arguments: Arguments) -> int:
    """What Hydra prints instead of running; what cannot be composed is explained in our words first."""
    is_composed = bool(arguments.cfg or arguments.info) and not arguments.hydra_help
    composer = composer_for(command, arguments) if is_composed else None
    if composer:
        composer.compose(arguments.overrides, multirun=arguments.multirun)
    printed, code = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(printed):
            run_hydra(command, arguments.for_hydra(), lambda config: None)
    except SystemExit as ended:
        code = 2 if ended.code else 0
    if not composer or not arguments.cfg or code:
        sys.stdout.write(printed.getvalue())
    else:
        single = [] if arguments.multirun else arguments.overrides
        package = (arguments.package or "").replace("_global_", "")
        sys.stdout.write(annotated(printed.getvalue(), comments(composer, single), package))
    return code


def add_import_folders(config_dir: str | None, config_path: str | None) -> None:
    """Lets Python find the user's own modules: in the working directory, and beside a folder of configurations."""
    given = [Path(folder).resolve().parent for folder in (config_dir, config_path) if folder and "://" not in folder]
    sys.path += [str(folder) for folder in (Path.cwd(), *given) if str(folder) not in sys.path]


def write_traceback(folder: Path) -> Path:
    """Adds the traceback of the exception being handled to the run's log file, unless it stands there already."""
    log, text = folder / "train.log", traceback.format_exc()
    last_line = text.rstrip().rpartition("\n")[2]
    if not log.is_file() or last_line not in log.read_text(encoding="utf-8", errors="replace")[-len(text) - 4000 :]:
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
    return log


def is_of_the_user(error: BaseException) -> bool:
    """Whether an exception is a message to the user, and all there is to say: a ValueError of one line."""
    is_line = isinstance(error, ValueError) and "\n" not in str(error) and bool(str(error))
    return is_line and not isinstance(error, OwnCodeError)
