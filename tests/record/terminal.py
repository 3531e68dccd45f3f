"""A terminal to test with: programs run on a pseudo-terminal, and what they write is drawn as terminals do it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, field

SNAP = "\x1b]0;snap\x07"  # a window title: shows nothing, and marks a moment to look at the screen
BREAK = "\x1b]0;break\x07"  # a window title that makes `run_in_terminal` press Ctrl-C
_TOKEN = re.compile(r"\x1b\]0;[^\x07]*\x07|\x1b\[(\?25|\d*)([A-Za-z])|\x1b\[[\d;]*m|.", re.DOTALL)


@dataclass
class Terminal:
    """Draws text with the control sequences of a VT100 that rich uses; refuses every other."""

    width: int
    lines: list[list[str]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    cursor_visible: bool = True
    cursor_was_hidden: bool = False
    snapshots: list[list[str]] = field(default_factory=list)

    def feed(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token[0] == SNAP:
                self.snapshots.append(self.screen_lines())
            elif token[2]:
                self._control(token[1], token[2])
            elif token[0] == "\r":
                self.column = 0
            elif token[0] == "\n":
                self._line_feed()
            elif not token[0].startswith(("\x1b[", "\x1b]")):
                assert token[0].isprintable(), f"unknown control character {token[0]!r}"
                self._put(token[0])

    def screen_lines(self) -> list[str]:
        """The lines on the screen, without what is blank at their ends and below them."""
        lines = ["".join(line).rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _control(self, number: str, letter: str) -> None:
        if number == "?25":
            self.cursor_visible = letter == "h"
            self.cursor_was_hidden |= letter == "l"
        elif letter == "A":
            self.row = max(0, self.row - int(number or 1))
        elif (number, letter) == ("2", "K"):
            self.lines[self.row] = []
        else:
            assert letter == "m", f"unknown control sequence {number}{letter}"

    def _put(self, character: str) -> None:
        if self.column == self.width:
            self.column = 0
            self._line_feed()
        line = self.lines[self.row]
        line.extend(" " * (self.column + 1 - len(line)))
        line[self.column] = character
        self.column += 1

    def _line_feed(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would tell a program more of its terminal than the terminal does."""
    hints = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if name not in hints}
    return kept | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | changes


def run_in_terminal(script: str, *arguments: str, width: int = 80, **variables: str) -> tuple[int, Terminal]:
    """Runs a Python script on a pseudo-terminal and returns its exit status and the screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment(**variables))
    os.close(slave)
    written = b""
    try:
        while chunk := _read(master):
            written += chunk
            if BREAK.encode() in chunk:
                process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    terminal = Terminal(width)
    terminal.feed(written.decode())
    return status, terminal


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux's way of saying that nobody has the other end any more
        return b""
