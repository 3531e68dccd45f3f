"""The two ways of showing a run: plain lines for pipes and files, a live display for terminals."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ganctl.record.wording import Standing, aligned, duration, latest, losses, pace, training_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_WIDTH = 100  # columns that the bars fill at most
_REFRESH = 0.2  # seconds between two drawings of the live display


class Screen(Protocol):
    """What the console needs of either."""

    def tell(self, text: str, level: int) -> None:
        """One message, a line or more; `level` as in logging."""

    def panel(self, title: str, rows: Mapping[str, str]) -> None:
        """The header of a run."""

    def training(self, standing: Standing, *, whole: bool) -> None:
        """Where training is; not `whole`: only its step has changed."""

    def progress(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        """Where something inside training, or before it, is; `total` 0 = not known."""

    def progress_over(self) -> None:
        """That something is done, or given up."""

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """Names and values, as at the end of a run; every value stays in one piece."""

    def close(self) -> None:
        """Leaves the terminal as it was found."""


def is_terminal() -> bool:
    """Whether standard output is a terminal that can move its cursor."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def progress_line(what: str, done: int, total: int, seconds_left: float | None) -> str:
    """`evaluating 2500/5000  0:00:12 left`."""
    return f"{what} {_count(done, total)}" + ("" if seconds_left is None else f"  {duration(seconds_left)} left")


class PlainScreen:
    """Lines on standard output, each at once and in one piece, without colours. Bars do not exist."""

    def tell(self, text: str, level: int) -> None:
        del level
        try:
            print(text, flush=True)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)

    def panel(self, title: str, rows: Mapping[str, str]) -> None:
        self.table(title, rows)

    def training(self, standing: Standing, *, whole: bool) -> None:
        if whole:
            self.tell(training_line(standing), logging.INFO)

    def progress(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        pass

    def progress_over(self) -> None:
        pass

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        self.tell("\n".join([title, *(f"  {line}" for line in aligned(rows))]), logging.INFO)

    def close(self) -> None:
        pass


class TerminalScreen:
    """A live display below ordinary lines, drawn by the thread that trains: no other competes for the processor."""

    def __init__(self) -> None:
        from rich.console import Console, Group
        from rich.constrain import Constrain
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.text import Text

        self._console = Console(force_terminal=True, force_jupyter=False, highlight=False, markup=False, emoji=False)
        self._bars: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[tail]}", markup=False),
            console=self._console,
            auto_refresh=False,
            expand=True,
        )
        self._numbers = Text(no_wrap=True, overflow="ellipsis")
        display = Group(Constrain(self._bars, _WIDTH), self._numbers)
        self._live = Live(display, console=self._console, auto_refresh=False)
        self._training: TaskID | None = None
        self._inside: TaskID | None = None
        self._drawn = 0.0

    def tell(self, text: str, level: int) -> None:
        style = "bold red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else None
        self._console.print(text, style=style, soft_wrap=True)

    def panel(self, title: str, rows: Mapping[str, str]) -> None:
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for name, value in rows.items():
            grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
        self._console.print(Panel(grid, title=Text(title), title_align="left", expand=False))

    def training(self, standing: Standing, *, whole: bool) -> None:
        if self._training is None:
            self._training = self._bars.add_task("training", total=standing.total_steps, count="", tail="")
        count = _count(standing.step, standing.total_steps)
        self._bars.update(self._training, completed=standing.step, count=count, tail=pace(standing))
        if whole:
            self._numbers.plain = "  ".join(part for part in (losses(standing.log), latest(standing)) if part)
        self._draw(now=whole)

    def progress(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        tail = "" if seconds_left is None else f"{duration(seconds_left)} left"
        new = self._inside is None
        if self._inside is None:
            self._inside = self._bars.add_task(what, total=total or None, count="", tail="")
        self._bars.update(self._inside, completed=done, count=_count(done, total), tail=tail)
        self._draw(now=new)

    def progress_over(self) -> None:
        if self._inside is not None:
            self._bars.remove_task(self._inside)
            self._inside = None
            if self._training is None:
                self._stop()
            else:
                self._draw(now=True)

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        self._stop()
        self._console.print(title, style="bold", soft_wrap=True)
        for line in aligned(rows):
            self._console.print(f"  {line}", soft_wrap=True)

    def close(self) -> None:
        self._stop()

    def _draw(self, *, now: bool) -> None:
        if not self._live.is_started:
            self._live.start(refresh=False)
        elif not now and time.monotonic() - self._drawn < _REFRESH:
            return
        self._live.refresh()
        self._drawn = time.monotonic()

    def _stop(self) -> None:
        """Ends the live display. Of training the last state stays on the screen, of what was inside it nothing."""
        if self._inside is not None:
            self._bars.remove_task(self._inside)
            self._inside = None
        if self._live.is_started:
            self._live.transient = self._training is None
            self._live.stop()


def _count(done: int, total: int) -> str:
    return f"{done}/{total}" if total else str(done)
