"""SIGTERM and Ctrl-C as a request to stop at the next good moment, not as an exception in the middle of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupted(Exception):
    """Raised out of a progress callback when a signal asked to stop during something long that may be abandoned."""


class StopSignals:
    """While open, the first SIGTERM or SIGINT is remembered in `received`; a second SIGINT interrupts at once.

    Outside the main thread, where Python allows no handlers, nothing is changed.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, 0 without one: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.received if self.received else 0

    def raise_if_received(self) -> None:
        """Raises Interrupted once a signal has come; for progress callbacks."""
        if self.received:
            raise Interrupted

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.received = number
