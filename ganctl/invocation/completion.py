"""TAB completion: the command's name by us, what follows `ganctl train` by Hydra.

Hydra's shell functions call `ganctl -sc query=SHELL` with the line in COMP_LINE,
and take its first word for the program.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence

COMPOSED = ("train", "sample", "evaluate", "fid")
"""The commands whose words Hydra completes."""


def complete(
    words: list[str], commands: Collection[str], main_of: Callable[[str], Callable[[Sequence[str]], int]]
) -> int:
    """Answers `ganctl -sc WORDS`: install, uninstall or query. `main_of(command)` runs one. Returns the exit code."""
    if not any(word.startswith("query=") for word in words):
        return main_of("train")(["-sc", *words])
    typed = os.environ.get("COMP_LINE", "").split(" ")
    if len(typed) < 3:
        print(" ".join(name for name in sorted(commands) if name.startswith(typed[-1] if len(typed) == 2 else "")))
        return 0
    if typed[1] not in COMPOSED:
        return 0
    overrides = [word for word in typed[2:-1] if "=" in word and not word.startswith("-")]
    os.environ["COMP_LINE"] = " ".join([typed[0], *overrides, typed[-1]])
    return main_of(typed[1])(["-sc", *words])
