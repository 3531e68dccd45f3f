"""The live display of a run in a terminal; importing it takes rich, which a pipe does without."""

import logging
import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from ganctl.record.wording import Standing, aligned, count, duration, latest, losses, pace

_WIDTH = 100  # columns that the bars fill at most
_REFRESH = 0.2  # seconds between two drawings of the live display


class Screen:
    """A live display below ordinary lines, drawn by the thread that trains: no other competes for the processor."""

    def __init__(self) -> None:
        self._console = Console(force_terminal=True, force_jupyter=False, highlight=False, markup=False, emoji=False)
        texts = ("description", "fields[count]", "fields[tail]")
        name, *numbers = (TextColumn(f"{{task.{text}}}", markup=False) for text in texts)
        bars = (name, BarColumn(bar_width=None), *numbers)
        self._bars = Progress(*bars, console=self._console, auto_refresh=False, expand=True)
        self._numbers = Text(no_wrap=True, overflow="ellipsis")
        display = Group(Constrain(self._bars, _WIDTH), self._numbers)
        self._live = Live(display, console=self._console, auto_refresh=False)
        self._training: TaskID | None = None
        self._job: TaskID | None = None
        self._drawn = 0.0

    def print(self, text: str, level: int = logging.INFO) -> None:
        """Lines above the display, each in one piece however long; `level` as in logging."""
        style = "bold red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else None
        self._console.print(text, style=style, soft_wrap=True)

    def panel(self, title: str, rows: Mapping[str, str]) -> None:
        """The header of a run."""
        grid = Table.grid(padding=(0, 2))
        for name, value in rows.items():
            grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
        self._console.print(Panel(grid, title=Text(title), title_align="left", expand=False))

    def training(self, standing: Standing, *, whole: bool) -> None:
        """Where training is; not `whole`: only its step has changed."""
        if self._training is None:
            self._training = self._bars.add_task("training", total=standing.total_steps, count="", tail="")
        steps = count(standing.step, standing.total_steps)
        self._bars.update(self._training, completed=standing.step, count=steps, tail=pace(standing))
        if whole:
            self._numbers.plain = "  ".join(part for part in (losses(standing.log), latest(standing)) if part)
        self._draw(now=whole)

    def progress(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        """Where a job inside training, or before it, is; `total` 0 = not known."""
        tail = "" if seconds_left is None else f"{duration(seconds_left)} left"
        if new := self._job is None:
            self._job = self._bars.add_task(what, total=total or None, count="", tail="")
        self._bars.update(self._job, completed=done, count=count(done, total), tail=tail)
        self._draw(now=new)

    def progress_over(self) -> None:
        """That the job is done, or given up."""
        if self._training is None:
            self.close()
        else:
            self._remove_job()
            self._draw(now=True)

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """Names and values, as at the end of a run; every value stays in one piece."""
        self.close()
        self._console.print(title, style="bold", soft_wrap=True)
        for line in aligned(rows):
            self.print(f"  {line}")

    def close(self) -> None:
        """Ends the live display. Of training the last state stays on the screen, of a job inside it nothing."""
        self._remove_job()
        if self._live.is_started:
            self._live.transient = self._training is None
            self._live.stop()

    def _remove_job(self) -> None:
        if self._job is not None:
            self._bars.remove_task(self._job)
            self._job = None

    def _draw(self, *, now: bool) -> None:
        if not self._live.is_started:
            self._live.start(refresh=False)
        elif not now and time.monotonic() - self._drawn < _REFRESH:
            return
        self._live.refresh()
        self._drawn = time.monotonic()
