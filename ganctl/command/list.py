"""`ganctl list`: what there is to choose from, each with the line that opens its YAML file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ganctl.configuration.names import suggestion


def main(words: Sequence[str]) -> int:
    """Prints all groups, or the options of the group that is named. Returns the exit code."""
    config_dir, names = _read(words)
    found = groups(config_dir)
    if unknown := next((name for name in names if name not in found), None):
        raise ValueError(f"{unknown}: no such group; {suggestion(unknown, found, 'group')}")
    _show({name: found[name] for name in names or found})
    return 0


def groups(config_dir: Path | None = None) -> dict[str, dict[str, str]]:
    """The groups of ganctl and of the user's own folder; of each, the options with their one-line descriptions.

    What starts with an underscore is not meant to be chosen. The user's file hides one of ours of the same name.
    """
    found: dict[str, dict[str, str]] = {}
    for root in (resources.files("ganctl.configs"), config_dir):
        for folder in sorted(root.iterdir(), key=lambda each: each.name) if root else ():
            if folder.is_dir() and not folder.name.startswith(("_", ".", "hydra")):
                options = {name: _describe(file) for name, file in _files(folder, "")}
                if options:
                    found.setdefault(folder.name, {}).update(options)
    return {group: dict(sorted(options.items())) for group, options in found.items()}


def _files(folder: Any, prefix: str) -> list[tuple[str, Any]]:
    found = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.name.startswith(("_", ".")):
            continue
        if each.is_dir():
            found += _files(each, f"{prefix}{each.name}/")
        elif each.name.endswith(".yaml"):
            found.append((prefix + each.name.removesuffix(".yaml"), each))
    return found


def _describe(file: Any) -> str:
    """The first comment of a YAML file that is not a directive of Hydra's (`# @package ...`)."""
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("#").strip()
        if line and not line.startswith("#"):
            break
        if text and not text.startswith("@"):
            return text
    return ""


def _read(words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The folder given with --config-dir, and the groups."""
    config_dir, names, rest = None, [], list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if option in ("--config-dir", "-cd"):
            if not equals and not rest:
                raise ValueError("--config-dir: needs a folder")
            config_dir = Path(value if equals else rest.pop(0))
            if not config_dir.is_dir():
                raise ValueError(f"--config-dir={config_dir}: there is no such folder")
        elif word.startswith("-"):
            raise ValueError(f"{word}: no such option; there is --config-dir, --help")
        else:
            names.append(word)
    return config_dir, names


def _show(found: dict[str, dict[str, str]]) -> None:
    if not sys.stdout.isatty():
        width = max((len(f"{group}={name}") for group, options in found.items() for name in options), default=0)
        for group, options in found.items():
            for name, said in options.items():
                print(f"{f'{group}={name}':<{width}}  {said}".rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("group", "option", "what it is", box=box.SIMPLE_HEAD)
    for group, options in found.items():
        for number, (name, said) in enumerate(options.items()):
            last = number == len(options) - 1
            table.add_row(group if number == 0 else "", Text(name, "bold"), Text(said), end_section=last)
    Console().print(table)
