"""Leads log records and warnings of any library to the console, so that they never write across its live display."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TextIO


class Relay(logging.Handler):
    """While installed, passes records (from INFO on) and Python warnings to `tell(text, level)`, each as one message.

    Handlers of the root logger that write to standard output, to standard error or to `log_file` themselves are put
    aside for as long.
    """

    def __init__(self, tell: Callable[[str, int], None], log_file: Path | None) -> None:
        super().__init__(logging.INFO)
        self._tell = tell
        self._log_file = None if log_file is None else log_file.resolve()
        self._aside: list[logging.Handler] = []
        self._own_level = logging.NOTSET
        self._show_warning = warnings.showwarning

    def install(self) -> None:
        root, ganctl = logging.getLogger(), logging.getLogger("ganctl")
        self._aside = [handler for handler in root.handlers if self._interferes(handler)]
        for handler in self._aside:
            root.removeHandler(handler)
        root.addHandler(self)
        self._own_level = ganctl.level
        ganctl.setLevel(logging.INFO)
        self._show_warning = warnings.showwarning
        warnings.showwarning = self._warn

    def remove(self) -> None:
        """Puts everything back as `install` found it. Does nothing when not installed."""
        root = logging.getLogger()
        if self not in root.handlers:
            return
        root.removeHandler(self)
        for handler in self._aside:
            root.addHandler(handler)
        logging.getLogger("ganctl").setLevel(self._own_level)
        if warnings.showwarning == self._warn:
            warnings.showwarning = self._show_warning

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(self.format(record), record.levelno)
        except Exception:  # what logging asks of every handler: a message that cannot be shown stops no program
            self.handleError(record)

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            self._show_warning(message, category, filename, lineno, file, line)
        else:
            self._tell(f"{category.__name__}: {message} ({filename}:{lineno})", logging.WARNING)

    def _interferes(self, handler: logging.Handler) -> bool:
        if isinstance(handler, logging.FileHandler):
            return self._log_file is not None and Path(handler.baseFilename).resolve() == self._log_file
        streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        return isinstance(handler, logging.StreamHandler) and any(handler.stream is stream for stream in streams)
