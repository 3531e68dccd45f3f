"""The command lines of `ganctl compare` and `ganctl report`: runs and a few options, refused in one line; no Hydra."""

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
    known = [option for action in parser._actions for option in action.option_strings]

    def refuse(message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0]
        if unknown:
            raise ValueError(f"{unknown}: no such option; {suggestion(unknown, [*known, '--help'], 'option')}")
        raise ValueError(message.replace("argument ", "", 1))

    parser.error = refuse  # type: ignore[method-assign]
    options = parser.parse_intermixed_args(list(words))
    if not options.runs:
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ").replace("[RUN ...]", "").split()
        raise ValueError(f"RUN... is missing: {' '.join([*usage[:2], 'RUN...', *usage[2:]])}")
    return options
