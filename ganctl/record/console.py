"""What a person sees of a run: a header, a live bar (or plain lines in a pipe), tables at the end; and its log file."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ganctl.files import append, disk_fault
from ganctl.record.wording import Standing, aligned, duration, progress_line, score_texts, scores_line, training_line

_PATIENCE = 10.0  # seconds of progress inside training between lines in a pipe or a log file


class Console:
    """The console of one run, to be used as a context manager: however the block ends, the terminal is left in order.

    `log_file` (None = none) gets everything but the moving bars, each line with its time, after what it holds already.
    `terminal`: whether to draw a live display; None = if standard output is a terminal. While open, log records and
    Python warnings of any library come here as well. Opening another console closes the one before it.
    """

    def __init__(self, log_file: Path | None = None, *, terminal: bool | None = None) -> None:
        for handler in logging.getLogger().handlers[:]:
            if isinstance(handler, _Relay):
                handler.console.close()
        self._file = self._screen = self._job = None
        self._closing = ExitStack()
        if log_file is not None:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._closing.enter_context(log_file.open("ab", buffering=0))
        if terminal is None:  # can standard output move its cursor?
            dumb = os.environ.get("TERM") in ("dumb", "unknown")
            terminal = sys.stdout is not None and sys.stdout.isatty() and not dumb
        if terminal:
            from ganctl.record.screen import Screen

            self._screen = self._closing.enter_context(closing(Screen()))
        self._standing = Standing(0, 0)
        self._began, self._first_step, self._deadline = time.monotonic(), 0, None
        self._closing.enter_context(_records_to(self, log_file))
        atexit.register(self.close)

    def header(self, rows: Mapping[str, str], *, title: str = "ganctl") -> None:
        """What is about to run: data set, networks, device, budget, folder, each by its name."""
        if self._screen:
            self._screen.panel(title, rows)
        self._line(_section(title, rows))

    def start(self, total_steps: int, first_step: int = 0, deadline: float | None = None) -> None:
        """Training begins, at `first_step` when resumed. Time left is reckoned from here.

        `deadline`, in seconds of the monotonic clock: when it ends though steps are left.
        """
        self._end_job()
        self._standing = Standing(first_step, total_steps, score=self._standing.score)
        self._began, self._first_step, self._deadline = time.monotonic(), first_step, deadline
        if self._screen:
            self._screen.training(self._standing, whole=True)

    def advance(self, step: int) -> None:
        """Moves the bar to `step`; cheap enough for every step, and nothing at all in a pipe."""
        if self._screen:
            self._end_job()
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
        self._end_job()
        self._standing = replace(
            self._standing,
            step=step,
            log=dict(log),
            images_per_second=images_per_second,
            seconds_left=self._seconds_left(step),
            score=score or self._standing.score,
        )
        if self._screen:
            self._screen.training(self._standing, whole=True)
        self._line(training_line(self._standing))

    def progress(self, what: str, done: int, total: int) -> None:
        """How far something that lasts is (a `contract.Progress`): a bar, or a line at times. `total` 0 = unknown."""
        now = time.monotonic()
        job = self._job
        if job is None or job.what != what:
            self._end_job()
            job = self._job = _Job(what, began=now, last_line=now)
        spent = now - job.began
        left = spent * (total - done) / done if 0 < done <= total and spent > 1 else None
        if 0 < total <= done:
            if job.is_long:
                self._line(f"{what} {done}/{total}  took {duration(spent)}")
            self._end_job()
            return
        if self._screen:
            self._screen.progress(what, done, total, left)
        if now - job.last_line >= _PATIENCE:
            job.last_line, job.is_long = now, True
            self._line(progress_line(what, done, total, left))

    def scores(self, step: int, scores: Mapping[str, float | str], *, best: bool = False) -> None:
        """The scores of an evaluation."""
        self.note(scores_line(step, self._standing.total_steps, scores, best=best))

    def note(self, text: str) -> None:
        """A message that matters."""
        self._message(text, logging.INFO)

    def warn(self, text: str) -> None:
        """A message that should make somebody look."""
        self._message(text, logging.WARNING)

    def summary(self, scores: Mapping[str, float | str], rows: Mapping[str, str], commands: Mapping[str, str]) -> None:
        """The end of a run: scores (or a text that says why there is none), files by name, commands by their use."""
        self._end_job()
        for title, lines in (("Scores", score_texts(scores)), ("Files", rows), ("Next", commands)):
            if lines:
                if self._screen:
                    self._screen.table(title, lines)
                self._line(_section(title, lines))

    def close(self) -> None:
        """Leaves terminal and logging as they were before. May be called again."""
        atexit.unregister(self.close)
        self._closing.close()

    def __enter__(self) -> Console:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            with suppress(OSError):  # of a disk that is full: `error` says so already, or is what matters more
                if isinstance(error, Exception):
                    said = disk_fault(error) or "".join(traceback.format_exception(error)).rstrip()
                    self._record(f"error: {said}")
                elif error is not None:
                    self._record(f"stopped by {type(error).__name__}")
        finally:
            self.close()

    def _message(self, text: str, level: int) -> None:
        text = ("error: " if level >= logging.ERROR else "warning: " if level >= logging.WARNING else "") + text
        if self._screen:
            self._screen.print(text, level)
        self._line(text)

    def _line(self, text: str) -> None:
        """Text that the live display, if there is one, shows in its own way."""
        if not self._screen:
            _print(text)
        self._record(text)

    def _record(self, text: str) -> None:
        if self._file is not None and not self._file.closed:
            now = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
            append(self._file, "".join(f"{now}  {line}\n" for line in text.splitlines()).encode(errors="replace"))

    def _seconds_left(self, step: int) -> float | None:
        done, left = step - self._first_step, self._standing.total_steps - step
        if done <= 0:
            return None
        now = time.monotonic()
        seconds = (now - self._began) / done * left
        return seconds if self._deadline is None else min(seconds, max(0.0, self._deadline - now))

    def _end_job(self) -> None:
        if self._job is not None and self._screen:
            self._screen.progress_over()
        self._job = None


@dataclass
class _Job:
    """Something that lasts, inside training or before it. Times in seconds; `is_long` once it had a line."""

    what: str
    began: float
    last_line: float
    is_long: bool = False


class _Relay(logging.Handler):
    """Brings log records to a console. rich's own handler would break long lines: no path could be copied from them."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.console._message(self.format(record), record.levelno)
        except Exception as error:  # what logging asks of every handler: no message stops a program
            if disk_fault(error) is None:  # otherwise what the run writes next says so, and ends it
                self.handleError(record)


@contextmanager
def _records_to(console: Console, log_file: Path | None) -> Iterator[None]:
    """Inside, log records (ganctl's from INFO on) and Python warnings go to `console`.

    Handlers of the root logger that write to the screen or to `log_file` themselves are put aside for as long.
    """
    root, ganctl = logging.getLogger(), logging.getLogger("ganctl")
    aside = [handler for handler in root.handlers if _interferes(handler, log_file)]
    level, format_warning, relay = ganctl.level, warnings.formatwarning, _Relay(console)
    root.handlers[:] = [*(handler for handler in root.handlers if handler not in aside), relay]
    ganctl.setLevel(logging.INFO)
    warnings.formatwarning = _warning_line
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        warnings.formatwarning = format_warning
        ganctl.setLevel(level)
        root.removeHandler(relay)
        root.handlers += aside


def _interferes(handler: logging.Handler, log_file: Path | None) -> bool:
    if isinstance(handler, logging.FileHandler):
        return log_file is not None and Path(handler.baseFilename).resolve() == log_file.resolve()
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, logging.StreamHandler) and handler.stream in streams


def _warning_line(message: object, category: type[Warning], filename: str, lineno: int, line: object = None) -> str:
    return f"{category.__name__}: {message} ({filename}:{lineno})"


def _print(text: str) -> None:
    """Lines on standard output, at once and in one piece; letters that its encoding lacks by their codes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _section(title: str, rows: Mapping[str, str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in aligned(rows))])
