"""`ganctl list`: what there is to choose from, each with the line that opens its YAML file; and the keys of one."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from ganctl.files import is_folder
from ganctl.invocation.arguments import refuse_in_one_line
from ganctl.invocation.help import groups


def main(words: Sequence[str]) -> int:
    """Prints all groups, the options of those named, or what else is named: its keys. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="ganctl list", add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd", nargs="?", const="")
    parser.add_argument("groups", nargs="*")
    refuse_in_one_line(parser)
    options = parser.parse_intermixed_args(list(words))
    if options.config_dir == "":
        raise ValueError("--config-dir: needs a folder")
    if options.config_dir and not is_folder(options.config_dir):
        raise ValueError(f"--config-dir={options.config_dir}: there is no such folder")
    listed = groups(options.config_dir)
    if topics := [name for name in options.groups if name not in listed]:
        from ganctl.compose import Composer
        from ganctl.invocation.meanings import show_topic

        composer = Composer("train", config_dir=options.config_dir)
        for topic in topics:
            show_topic(composer, topic)
    if chosen := [name for name in options.groups or listed if name in listed]:
        _show({name: listed[name] for name in chosen})
    return 0


def _show(listed: Mapping[str, Mapping[str, str]]) -> None:
    if not sys.stdout.isatty():
        width = max((len(f"{group}={name}") for group, options in listed.items() for name in options), default=0)
        for group, options in listed.items():
            for name, description in options.items():
                print(f"{f'{group}={name}':<{width}}  {description}".rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("group", "option", "what it is", box=box.SIMPLE_HEAD)
    for group, options in listed.items():
        for number, (name, description) in enumerate(options.items()):
            last = number == len(options) - 1
            table.add_row(group if number == 0 else "", Text(name, "bold"), Text(description), end_section=last)
    Console().print(table)
