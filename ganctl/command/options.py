"""Options that are refused in one line; the command lines of `ganctl compare` and `ganctl report`. No Hydra."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ganctl.configuration.names import suggestion


def parse_runs(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """What `parser` makes of `words`, in any order, with the paths that are no option's as `runs`.

    Raises ValueError in one line, with the nearest option for one that there is not, and where no run is named.
    """
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    refuse_in_one_line(parser)
    options = parser.parse_intermixed_args(list(words))
    if not options.runs:
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ").replace("[RUN ...]", "").split()
        raise ValueError(f"RUN... is missing: {' '.join([*usage[:2], 'RUN...', *usage[2:]])}")
    return options


def refuse_in_one_line(parser: argparse.ArgumentParser) -> None:
    """Lets `parser` raise a ValueError for what it refuses, with the nearest of its options, instead of exiting."""
    found = [option for action in parser._actions for option in action.option_strings]
    known = list(dict.fromkeys([*(option for option in found if option.startswith("--")), "--help"]))

    def refuse(message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        if unknown:
            raise ValueError(f"{unknown}: no such option; {suggestion(unknown, known, 'option')}")
        raise ValueError(message.replace("argument ", "", 1))

    parser.error = refuse  # type: ignore[method-assign]
