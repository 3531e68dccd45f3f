"""Standard output and standard error that are closed, full, or read by nobody any more: words are lost, no work is."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from ganctl.files import one_line

_READER_LEFT = (errno.EPIPE, errno.EIO)  # of a pipe, or the terminal: nobody is there to be told


class Streams:
    """While open, a standard stream that cannot be written to leads nowhere, and what prints to it goes on.

    `failed` says whether words for standard output were lost. Why is said on standard error, unless the reader left.
    """

    def __init__(self) -> None:
        self.failed = False
        self._before = sys.stdout, sys.stderr

    def __enter__(self) -> Streams:
        out, err = self._before
        sys.stderr = _Stream(err or _nowhere())  # type: ignore[assignment]
        sys.stdout = _Stream(out or _nowhere(), self._out_failed)  # type: ignore[assignment]
        if out is None:
            self._out_failed(OSError(errno.EBADF, "it is closed"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = self._before

    def _out_failed(self, error: OSError) -> None:
        self.failed = True
        if error.errno not in _READER_LEFT:
            print(f"standard output: cannot be written, {one_line(error)}", file=sys.stderr, flush=True)


def occupy() -> None:
    """Opens those of the three standard streams that are closed, leading nowhere.

    Otherwise a checkpoint would get the number of one, and in it what the C++ libraries say.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, this one


class _Stream:
    """A text stream that is written to as long as that succeeds."""

    def __init__(self, stream: TextIO, failed: Callable[[OSError], None] = lambda error: None) -> None:
        self._stream, self._failed = stream, failed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lead_nowhere(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._lead_nowhere(error)

    def _lead_nowhere(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self._failed(error)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
