"""The process of a tracker that is kept apart: calls come as pickles on standard input, answers go to standard output.

The calls end with `close` or with the end of the input, where the training has been killed. Whatever the tracker's
package prints goes to standard error, which is a file in the run's folder.
"""

import os
import pickle
import signal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

OPEN, FAILED = "open", "failed "  # what an answer begins with


def main() -> None:
    """Serves one tracker to its end."""
    for number in (signal.SIGTERM, signal.SIGINT):  # the training decides when all is said
        signal.signal(number, signal.SIG_IGN)
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        tracker, last_step = pickle.load(calls)
        _serve(tracker, last_step, calls, answers)
    except Exception as error:  # of a package, which may raise anything
        print(FAILED + " ".join(f"{type(error).__name__}: {error}".split()), file=answers)
        raise


def _serve(tracker: Any, last_step: Path, calls: BinaryIO, answers: TextIO) -> None:
    """Makes the calls. `last_step` keeps the last step that the tracker knows.

    A resumed run comes to steps between its checkpoint and where it was stopped again, bit for bit as they were: the
    tracker, which cannot take back what it has, is not told a second time.
    """
    name: str
    arguments: tuple[Any, ...]
    known = last = -1
    while True:
        try:
            name, arguments = pickle.load(calls)
        except EOFError:
            name, arguments = "close", (None,)
        is_point = name in ("scalars", "scores", "grid")
        if is_point and arguments[0] <= known:
            continue
        getattr(tracker, name)(*arguments)
        if is_point:
            last = max(last, arguments[0])
        elif name == "open":
            if arguments[0].resumed_at is not None and last_step.is_file():
                known = last = int(last_step.read_text())
            print(OPEN, file=answers)
        else:
            last_step.write_text(f"{last}\n")
        if name == "close":
            return


if __name__ == "__main__":
    main()
