"""What a person sees of a run: a header, a live bar (or plain lines in a pipe), tables at the end; and its log file."""

from __future__ import annotations

import atexit
import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ganctl.record.relay import Relay
from ganctl.record.screen import PlainScreen, Screen, TerminalScreen, is_terminal, progress_line
from ganctl.record.wording import Standing, aligned, duration, score_texts, scores_line, training_line

if TYPE_CHECKING:
    from typing_extensions import Self

_PATIENCE = 10.0  # seconds of progress inside training between lines in a pipe or a log file


class Console:
    """The console of one run, to be used as a context manager: however the block ends, the terminal is left in order.

    `log_file` (None = none) gets everything but the moving bars, each line with its time, after what it holds already.
    `terminal`: whether to draw a live display; None = if standard output is a terminal. While open, log records and
    Python warnings of any library come here as well. Opening another console closes the one before it.
    """

    def __init__(self, log_file: Path | None = None, *, terminal: bool | None = None) -> None:
        for handler in logging.getLogger().handlers[:]:
            if isinstance(handler, _ConsoleRelay):
                handler.console.close()
        if log_file is not None:
            log_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = None if log_file is None else log_file.open("a", encoding="utf-8", buffering=1)
        self._live = is_terminal() if terminal is None else terminal
        self._screen: Screen = TerminalScreen() if self._live else PlainScreen()
        self._standing = Standing(0, 0)
        self._began, self._first_step = time.monotonic(), 0
        self._inside: _Inside | None = None
        self._relay = _ConsoleRelay(self, log_file)
        self._relay.install()
        atexit.register(self.close)

    def header(self, rows: Mapping[str, str], *, title: str = "ganctl") -> None:
        """What is about to run: data set, networks, device, budget, folder, each by its name."""
        self._screen.panel(title, rows)
        self._record("\n".join([title, *(f"  {line}" for line in aligned(rows))]))

    def start(self, total_steps: int, first_step: int = 0) -> None:
        """Training begins, at `first_step` when resumed. Time left is reckoned from here."""
        self._inside_is_over()
        self._standing = Standing(first_step, total_steps, score=self._standing.score)
        self._began, self._first_step = time.monotonic(), first_step
        if self._live:
            self._screen.training(self._standing, whole=True)

    def advance(self, step: int) -> None:
        """Moves the bar to `step`; cheap enough for every step, and nothing at all in a pipe."""
        if self._live:
            self._inside_is_over()
            self._standing = replace(self._standing, step=step, seconds_left=self._seconds_left(step))
            self._screen.training(self._standing, whole=False)

    def step(
        self,
        step: int,
        log: Mapping[str, float],
        images_per_second: float | None = None,
        score: tuple[str, float] | None = None,
    ) -> None:
        """The log of a step (keys as `train_step` names them); `score` None = the one given last."""
        self._inside_is_over()
        self._standing = replace(
            self._standing,
            step=step,
            log={name: float(value) for name, value in log.items()},
            images_per_second=images_per_second,
            seconds_left=self._seconds_left(step),
            score=score or self._standing.score,
        )
        self._screen.training(self._standing, whole=True)
        self._record(training_line(self._standing))

    def progress(self, what: str, done: int, total: int) -> None:
        """How far something that lasts is (a `contract.Progress`): a bar, or a line at times. `total` 0 = unknown."""
        now = time.monotonic()
        inside = self._inside
        if inside is None or inside.what != what:
            self._inside_is_over()
            inside = self._inside = _Inside(what, began=now, told=now)
        left = (now - inside.began) * (total - done) / done if 0 < done <= total and now - inside.began > 1 else None
        if 0 < total <= done:
            if inside.is_long:
                self._line(f"{what} {done}/{total}  took {duration(now - inside.began)}")
            self._inside_is_over()
            return
        self._screen.progress(what, done, total, left)
        if now - inside.told >= _PATIENCE:
            inside.told, inside.is_long = now, True
            self._line(progress_line(what, done, total, left))

    def scores(self, step: int, scores: Mapping[str, float | str], *, best: bool = False) -> None:
        """What an evaluation found."""
        self.note(scores_line(step, self._standing.total_steps, scores, best=best))

    def note(self, text: str) -> None:
        """A message that matters."""
        self._tell(text, logging.INFO)

    def warn(self, text: str) -> None:
        """A message that should make somebody look."""
        self._tell(text, logging.WARNING)

    def summary(
        self,
        scores: Mapping[str, float | str],
        rows: Mapping[str, str],
        commands: Mapping[str, str],
    ) -> None:
        """The end of a run: scores (or a text that says why there is none), files by name, commands by their use."""
        self._inside_is_over()
        for title, lines in (("Scores", score_texts(scores)), ("Files", rows), ("Next", commands)):
            if lines:
                self._screen.table(title, lines)
                self._record("\n".join([title, *(f"  {line}" for line in aligned(lines))]))

    def close(self) -> None:
        """Leaves terminal and logging as they were found. May be called again."""
        atexit.unregister(self.close)
        self._relay.remove()
        try:
            self._screen.close()
        finally:
            if self._file is not None:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Exception):
                self._record("error: " + "".join(traceback.format_exception(error)).rstrip())
            elif error is not None:
                self._record(f"stopped by {type(error).__name__}")
        finally:
            self.close()

    def _tell(self, text: str, level: int) -> None:
        label = "error: " if level >= logging.ERROR else "warning: " if level >= logging.WARNING else ""
        self._screen.tell(label + text, level)
        self._record(label + text)

    def _line(self, text: str) -> None:
        """A line that a moving bar makes needless."""
        if not self._live:
            self._screen.tell(text, logging.INFO)
        self._record(text)

    def _record(self, text: str) -> None:
        if self._file is not None and not self._file.closed:
            now = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
            self._file.write("".join(f"{now}  {line}\n" for line in text.splitlines()))

    def _seconds_left(self, step: int) -> float | None:
        done = step - self._first_step
        if done <= 0:
            return None
        return (time.monotonic() - self._began) / done * (self._standing.total_steps - step)

    def _inside_is_over(self) -> None:
        if self._inside is not None:
            self._inside = None
            self._screen.progress_over()


@dataclass
class _Inside:
    """Something that lasts inside training or before it: since when, when last told of, whether at all."""

    what: str
    began: float
    told: float
    is_long: bool = False


class _ConsoleRelay(Relay):
    """The relay of one console, by which the next console finds it."""

    def __init__(self, console: Console, log_file: Path | None) -> None:
        super().__init__(console._tell, log_file)
        self.console = console
