"""Someone who has just installed ganctl: an empty folder, nothing cached, no internet, and a shell to type into."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NOWHERE = "http://127.0.0.1:9"  # nothing listens there: what would be downloaded is refused at once


@dataclass(frozen=True)
class Answer:
    """What was typed, what was printed (both streams, in order), and the exit code."""

    line: str
    text: str
    code: int


class Newcomer:
    """Types commands in `home`/gan, which is made; `home` stands as ~ in what is printed, and can be typed as such."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home.resolve(), home.resolve() / "gan"
        self.folder.mkdir(parents=True)
        program = self.home / "bin" / "ganctl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ganctl "$@"\n')
        program.chmod(0o755)
        paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            "HOME": str(self.home),
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "GANCTL_CACHE": str(self.home / "cache"),
            "TORCH_HOME": str(self.home / "torch"),
            "COLUMNS": "120",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
        }

    def type(self, line: str) -> Answer:
        """Runs one line in a shell, as if it had been pasted."""
        words = ["sh", "-c", line]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        ended = subprocess.run(words, cwd=self.folder, env=self.environment, text=True, check=False, **streams)
        return Answer(line, ended.stdout.replace(str(self.home), "~"), ended.returncode)


def offered(text: str) -> list[str]:
    """The commands that a text offers to paste: under `Next`, or anywhere in backticks, and at the end of a line."""
    commands = re.findall(r"`(ganctl [^`\n]+)`", text)
    commands += re.findall(
        r"(?:^|  |mean )(ganctl (?:train|sample|evaluate|fid|compare|report|list) [^`\n]+?)\??$", text, re.M
    )
    return list(dict.fromkeys(command.strip() for command in commands))
