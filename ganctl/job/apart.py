"""A tracker in a process of its own: what its package does to signals, logging, exits or the network, it does there.

Calls are queued, and a thread hands them over, so that no server, however slow, holds the training up.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from ganctl.tracker.__main__ import FAILED, OPEN

if TYPE_CHECKING:
    import numpy

    from ganctl.contract import TrackedRun, Tracker

MOST_WAITING = 64 * 2**20  # bytes of calls that are not handed over yet
OPENING = 120.0  # seconds until a tracker must have been opened; imports on a busy machine take half a minute
CLOSING = 30.0  # seconds that the end of a run waits for it

_START = "import sys; sys.path[:] = sys.argv[1:]; from ganctl.tracker.__main__ import main; main()"


class Apart:
    """Calls `tracker` in a process; what that prints goes to the file `log`. As `Tracker`, but for `command`.

    Every method raises OSError, with the reason, once the tracker has failed, ended, or does not keep up.
    """

    def __init__(self, tracker: Tracker, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,  # Ctrl-C and a closed terminal are for the training
            )
        assert self._process.stdin and self._process.stdout
        self._calls: SimpleQueue[bytes | None] = SimpleQueue()
        self._waiting, self._opened, self._failure = 0, False, ""
        self._deadline = time.monotonic() + OPENING
        self._threads = [
            Thread(target=self._hand_over, args=(self._process.stdin,), daemon=True),
            Thread(target=self._listen, args=(self._process.stdout,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._send((tracker, log.with_suffix(".step")))

    def open(self, run: TrackedRun) -> None:
        self._call("open", run)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._call("scalars", step, dict(values))

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        self._call("scores", step, dict(values), protocol)

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        self._call("grid", step, name, pixels)

    def flush(self) -> None:
        self._call("flush")

    def close(self, summary: Mapping[str, Any] | None) -> None:
        """Waits for the end, at most `CLOSING` seconds; then the process is ended."""
        try:
            self._call("close", summary)
            self._calls.put(None)
            try:
                self._process.wait(CLOSING)
            except subprocess.TimeoutExpired:
                raise OSError(f"it did not end within {CLOSING:g} seconds") from None
            self._threads[1].join(CLOSING)
            if self._failure:
                raise OSError(self._failure)
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends the process at once, with those that it has started."""
        self._calls.put(None)
        with suppress(OSError):  # it has ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _call(self, name: str, *arguments: object) -> None:
        if self._failure:
            raise OSError(self._failure)
        if not self._opened and time.monotonic() > self._deadline:
            raise OSError(f"it could not be opened within {OPENING:g} seconds")
        if self._waiting > MOST_WAITING:
            raise OSError("it does not keep up with the run")
        self._send((name, arguments))

    def _send(self, content: object) -> None:
        call = pickle.dumps(content)
        self._waiting += len(call)
        self._calls.put(call)

    def _hand_over(self, stream: IO[bytes]) -> None:
        with suppress(OSError):  # of a process that has ended, which `_listen` notices
            while (call := self._calls.get()) is not None:
                stream.write(call)
                stream.flush()
                self._waiting -= len(call)
        with suppress(OSError):
            stream.close()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode(errors="replace").strip()
                if text == OPEN:
                    self._opened = True
                elif text.startswith(FAILED):
                    self._failure = text.removeprefix(FAILED)
        if not self._failure and self._process.wait() != 0:
            self._failure = f"its process ended with {self._process.returncode}"
