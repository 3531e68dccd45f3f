"""The pages of the documentation and the command lines in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = ("transcript.md",)  # what was typed and printed on one day
PROGRAMS = ("ganctl", "make", "python", "pip", "git")


def command_lines(text: str) -> list[str]:
    """The commands in code blocks, sentences and tables, without the comments behind them."""
    blocks = re.findall(r"^(?: {4}|\$ )(.+)$", text, re.M) + re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    found = [re.sub(r"\s+#.*$", "", line) for line in lines]
    return [line for line in dict.fromkeys(found) if is_command(line)]


def is_command(line: str) -> bool:
    """Whether a line begins with a program and its subcommand."""
    try:
        words = shlex.split(line)
    except ValueError:
        return False
    return len(words) > 1 and words[0] in PROGRAMS and words[1].islower()
