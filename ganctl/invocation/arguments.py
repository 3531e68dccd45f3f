"""The arguments of a command: Hydra's options and overrides in any order, and ours; mistakes refused in one line."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ganctl.configuration.names import control_sign, suggestion
from ganctl.contract import ArgumentError
from ganctl.files import given_path
from ganctl.forms import printable

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_LONGEST = 20_000  # characters of an override
_DEEPEST = 50  # brackets in each other
_MOST = 2000  # commas: Hydra's parser takes time with the square of their number
_OURS = ("overrides", "targets", "resume")


@dataclass(frozen=True)
class Arguments:
    """What was typed after `ganctl COMMAND`. Options not given are False or None."""

    overrides: list[str]
    targets: tuple[str, ...] = ()
    resume: str | None = None
    help: bool = False
    hydra_help: bool = False
    resolve: bool = False
    run: bool = False
    multirun: bool = False
    shell_completion: bool = False
    cfg: str | None = None
    package: str | None = None
    config_path: str | None = None
    config_name: str | None = None
    config_dir: str | None = None
    info: str | None = None

    @property
    def target(self) -> str | None:
        """The first of the targets, if there is one."""
        return self.targets[0] if self.targets else None

    @property
    def only_shows(self) -> bool:
        """Whether nothing is to be run: Hydra prints something instead."""
        return bool(self.cfg or self.info or self.shell_completion or self.hydra_help)

    def for_hydra(self, *overrides: str) -> list[str]:
        """The options, then the overrides and those given here: the order that Hydra's own parser accepts."""
        given = [(name, value) for name, value in vars(self).items() if value and name not in _OURS]
        options = [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in given]
        return [*options, *self.overrides, *overrides]


def parse(arguments: Sequence[str], *, takes_targets: int = 0, takes_resume: bool = False) -> Arguments:
    """Reads what follows `ganctl COMMAND`. Raises ValueError for an option that is unknown or lacks its value.

    The first `takes_targets` that are no overrides are `targets`. With `takes_resume`, `--resume PATH` is an option.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    if takes_resume:
        parser.add_argument("--resume", "-R")
    refuse_in_one_line(parser)
    try:
        options = vars(parser.parse_intermixed_args(_with_bare_info(arguments)))
    except argparse.ArgumentError as error:
        parser.error(str(error))
    if options.pop("experimental_rerun") is not None:
        raise ValueError("--experimental-rerun: runs code from a pickle; use `ganctl train --resume PATH`")
    overrides = list(options.pop("overrides"))
    targets = [text for text in overrides if _is_path(text)][:takes_targets]
    for text in targets:
        overrides.remove(text)
    for text in overrides:
        _check_override(text)
    for name, value in options.items():
        _check_signs(f"--{name.replace('_', '-')}={value}")
    return Arguments(_of_training(overrides) if takes_resume else overrides, tuple(targets), **options)


def parse_runs(command: str, words: Sequence[str], **options: type) -> argparse.Namespace:
    """Reads `ganctl COMMAND RUN...` with `options` of these types (bool: a flag), in any order; the paths are `runs`.

    Raises ValueError in one line, with the nearest option for one that there is not, and where no run is named.
    """
    parser = argparse.ArgumentParser(prog=f"ganctl {command}", add_help=False, allow_abbrev=False)
    for name, kind in options.items():
        if kind is bool:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    refuse_in_one_line(parser)
    parsed = parser.parse_intermixed_args(list(words))
    for path in (*parsed.runs, *(value for value in vars(parsed).values() if isinstance(value, Path))):
        given_path(path)
    if not parsed.runs:
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ").replace("[RUN ...]", "").split()
        raise ValueError(f"RUN... is missing: {' '.join([*usage[:2], 'RUN...', *usage[2:]])}")
    return parsed


@dataclass(frozen=True)
class DataRequest:
    """What was typed after `ganctl data COMMAND`: where the pictures are, new files to write, and settings."""

    path: str
    output: Path | None
    json: Path | None
    options: dict[str, Any]


def parse_data(
    command: str, words: Sequence[str], keys: Mapping[str, Callable[[str], Any]], *, takes_output: bool
) -> DataRequest:
    """Reads `ganctl COMMAND PATH [KEY=VALUE ...]`, or `PATH OUT.zip` with `takes_output`, else with `--json FILE`.

    Raises ValueError in one line for what is missing or too much, and for a value of another type than its key's.
    """
    parser = argparse.ArgumentParser(prog=f"ganctl {command}", add_help=False, allow_abbrev=False)
    if not takes_output:
        parser.add_argument("--json")
    parser.add_argument("words", nargs="*")
    refuse_in_one_line(parser)
    parsed = parser.parse_intermixed_args(list(words))
    paths = [word for word in parsed.words if _is_path(word)]
    names = ["PATH", "OUT.zip"] if takes_output else ["PATH"]
    if len(paths) < len(names):
        raise ValueError(f"{names[len(paths)]} is missing: ganctl {command} {' '.join(names)} [KEY=VALUE ...]")
    if len(paths) > len(names):
        raise ValueError(f"{printable(paths[len(names)])}: is one too many; ganctl {command} takes {' '.join(names)}")
    options: dict[str, Any] = {}
    for word in parsed.words:
        if word not in paths:
            key, _, text = word.partition("=")
            if key not in keys:
                raise ValueError(f"{printable(word)}: no such key; {suggestion(key, keys, 'key')}")
            try:
                options[key] = keys[key](text)
            except ValueError:
                kind = {int: "whole number", float: "number"}.get(keys[key], "whole number, and no [height,width]")
                raise ValueError(f"{printable(word)}: is no {kind}; `ganctl data --help` shows one") from None
    for path in paths:
        given_path(path)
    output = new_file("OUT", paths[1], ".zip") if takes_output else None
    return DataRequest(paths[0], output, None if takes_output else new_file("--json", parsed.json, ".json"), options)


def refuse_in_one_line(parser: argparse.ArgumentParser) -> None:
    """Lets `parser` raise a ValueError for what it refuses, with the nearest of its options, instead of exiting."""
    options = [option for action in parser._actions for option in action.option_strings]
    known = {*(option for option in options if option.startswith("--")), "--help"}

    def refuse(message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        if unknown:
            raise ValueError(f"{printable(unknown)}: no such option; {suggestion(unknown, known, 'option')}")
        raise ValueError(printable(message.replace("argument ", "", 1)))

    parser.error = refuse  # type: ignore[method-assign]


def new_file(key: str, value: str | None, ending: str) -> Path | None:
    """The file that `key` names, which must not be there yet; None for none. Raises ValueError."""
    if value is None:
        return None
    path = given_path(value)
    if path.suffix != ending:
        raise ValueError(f"{key}={value}: must end in {ending}; try {key}={path.stem or key}{ending}")
    if path.exists():
        raise ValueError(f"{key}={value}: is there already and is not overwritten; choose another name")
    if not path.parent.is_dir():
        raise ValueError(f"{key}={value}: there is no folder {path.parent}; make it, or choose another")
    return path


@contextmanager
def about_path() -> Iterator[None]:
    """What is said of the argument `path` is said of the word itself, for it is no key here."""
    try:
        yield
    except ArgumentError as error:
        if error.argument != "path":
            raise
        raise ValueError(f"{error.value}: {error.need}") from error.__cause__


def _is_path(text: str) -> bool:
    is_override = "=" in text.partition("/")[0] or text.startswith("~")
    return not is_override or _exists(text)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _check_override(text: str) -> None:
    """Raises ValueError for an override that Hydra's parser would not end with, or that no file or message can hold."""
    if len(text) > _LONGEST:
        raise ValueError(f"{text}: has {len(text):,} characters; write so long a value into a YAML file of your own")
    depth = deepest = 0
    for sign in text:
        depth += (sign in "[{(") - (sign in "]})")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise ValueError(f"{text}: is nested more than {_DEEPEST} levels deep")
    if text.count(",") > _MOST:
        raise ValueError(f"{text}: has more than {_MOST:,} values; write so long a list into a YAML file of your own")
    _check_signs(text)


def _check_signs(text: str) -> None:
    if wrong := control_sign(text):
        raise ValueError(f"{text}: holds {wrong}; leave it out")


def _of_training(overrides: list[str]) -> list[str]:
    """`jobs=4` is short for the launcher's key."""
    return _with_one_budget([f"hydra.launcher.{text}" if text.startswith("jobs=") else text for text in overrides])


def _with_one_budget(overrides: list[str]) -> list[str]:
    """A budget typed in one unit puts aside the others that presets give: `training.epochs=3` is enough."""
    units = ("training.steps", "training.epochs", "training.images")
    typed = {text.partition("=")[0].lstrip("+~"): text.partition("=")[2] for text in overrides}
    given = [unit for unit in units if typed.get(unit, "null") != "null"]
    if len(given) != 1:
        return overrides
    return [*overrides, *(f"{unit}=null" for unit in units if unit not in typed)]


def _with_bare_info(arguments: Sequence[str]) -> list[str]:
    """`--info` without one of its words is `--info=all`, so that what follows is an override again."""
    return [
        "--info=all" if text in ("--info", "-i") and after not in _INFO else text
        for text, after in zip(arguments, [*arguments[1:], ""], strict=False)
    ]
