"""SIGTERM, SIGHUP, SIGUSR2 and Ctrl-C ask to stop at the next good moment, instead of ending a run within a step."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

PATIENCE = 30.0  # seconds from the first signal on in which more of them change nothing
NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2") if hasattr(signal, name)]


def end_by_default() -> None:
    """Lets signals end this process by themselves, unless they are ignored: as long as nothing could be saved.

    A handler of Python's is not heard while a library waits, and what it raises inside an import may be lost.
    """
    for number in NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


class Interrupted(Exception):
    """Raised out of a progress callback when a signal asked to stop during something long that may be abandoned."""


class Stopped(BaseException):
    """A signal ends the work at once. Not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class StopSignals:
    """While open, the first SIGTERM, SIGHUP, SIGINT or SIGUSR2 is remembered in `received`.

    SIGUSR2 is what Slurm is asked to send before the time limit.

    A second SIGINT interrupts at once (KeyboardInterrupt), and so does, by `Stopped`, any signal that comes `PATIENCE`
    seconds after the first. A signal that the parent process told this one to ignore (nohup, a job in the background)
    stays ignored. Inside another one, what that one has received counts here too; opening one twice is opening it once.
    Outside the main thread, where Python allows no handlers, nothing is changed.

    `at_once`: the first interrupts as well. `to_the_end`: none ends the process after it has been closed.
    """

    def __init__(self, *, at_once: bool = False, to_the_end: bool = False) -> None:
        self.received: int | None = None
        self._at_once, self._to_the_end = at_once, to_the_end
        self._since = 0.0
        self._depth = 0
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, 0 without one: 130 for Ctrl-C, 143 SIGTERM, 129 SIGHUP, 140 SIGUSR2."""
        return 128 + self.received if self.received else 0

    def adopt(self, number: int) -> None:
        """Takes the signal `number`, 0 = none, that another process of the run has received for one of our own."""
        if number and self.received is None:
            self.received, self._since = number, time.monotonic()

    def raise_if_received(self) -> None:
        """Raises Interrupted once a signal has come; for progress callbacks."""
        if self.received:
            raise Interrupted

    def __enter__(self) -> StopSignals:
        self._depth += 1
        if self._depth > 1 or threading.current_thread() is not threading.main_thread():
            return self
        for number in NUMBERS:
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):
                self._before[number] = before
                signal.signal(number, self._receive)
            outer = getattr(before, "__self__", None)
            if isinstance(outer, StopSignals) and outer.received and not self.received:
                self.received, self._since = outer.received, outer._since
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            for number, handler in self._before.items():
                signal.signal(number, signal.SIG_IGN if self._to_the_end else handler)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._since = number, now
            if not self._at_once:
                return
        elif self.received == signal.SIGINT == number and not self._at_once:
            raise KeyboardInterrupt
        elif now - self._since < PATIENCE and not self._at_once:
            return
        raise Stopped(128 + number)
