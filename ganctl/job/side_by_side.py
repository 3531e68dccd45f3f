"""hydra/launcher=local: a sweep's jobs side by side on one machine, each a process of its own.

What the processes print comes out line by line, with the job's number in front. They end, saving, with the process
that started them, however that ends: each waits for the end of its standard input.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ganctl.invocation.arguments import Arguments
from ganctl.job.expansion import Job
from ganctl.job.machine import gpus
from ganctl.job.signals import Stopped, StopSignals
from ganctl.job.sweep_job import RESULT, run_job
from ganctl.job.sweep_record import result_without_run
from ganctl.record.streams import Streams
from ganctl.report.files import read_result

MOST = 256  # processes at once
_EVERY = 0.05  # seconds between looks at the processes
_PATIENCE = 5.0  # seconds for the last words of a process that has ended
_NO_MORE = object()


@dataclass
class _Process:
    """A job at work: its process, its place among those at work, the threads that print, its last word of trouble."""

    job: Job
    place: int
    process: subprocess.Popen[bytes]
    printers: list[threading.Thread] = field(default_factory=list)
    last_error: str = ""


def run_side_by_side(
    jobs: Iterable[Job | None],
    number: int,
    folder: Path,
    arguments: Arguments,
    signals: StopSignals,
    ended: Callable[[dict[str, Any]], None],
    *,
    at_once: int,
) -> None:
    """Runs `jobs`, of the `number` of the sweep in `folder`, `at_once` at a time, and hands each result to `ended`.

    A job is asked for when there is place for it; None instead of one says that it waits for one at work.
    Of several GPUs each place has one. The first signal asks all to save and end, a second ends them at once.
    Raises Stopped where a signal came.
    """
    waiting, is_open, free = iter(jobs), True, list(range(at_once))
    devices = gpus()
    at_work: list[_Process] = []
    is_told = False
    try:
        while at_work or (is_open and not signals.received):
            while is_open and free and not signals.received:
                job = next(waiting, _NO_MORE)
                if not isinstance(job, Job):
                    is_open = job is not _NO_MORE
                    break
                device = devices[free[0] % len(devices)] if len(devices) > 1 else None
                at_work.append(_started(job, free.pop(0), number, folder, arguments, device))
            if signals.received and not is_told:
                is_told = True
                for each in at_work:
                    each.process.terminate()
            for each in [each for each in at_work if each.process.poll() is not None]:
                at_work.remove(each)
                free.append(each.place)
                if (result := _result(each, number, folder, is_told)) is not None:
                    ended(result)
            time.sleep(_EVERY)
    finally:
        for each in at_work:
            each.process.kill()
            each.process.wait()
    if signals.received:
        raise Stopped(signals.exit_code)


def _started(job: Job, place: int, number: int, folder: Path, arguments: Arguments, device: str | None) -> _Process:
    print(f"job {job.number} of {number}: {job.name}", flush=True)
    code = f"import sys; sys.path[:] = {sys.path!r}; from ganctl.job.side_by_side import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | ({"CUDA_VISIBLE_DEVICES": device} if device else {}),
        start_new_session=True,  # Ctrl-C in the terminal is for the sweep, which passes it on once
    )
    assert process.stdin and process.stdout and process.stderr
    each = _Process(job, place, process)
    for stream, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
        each.printers.append(threading.Thread(target=_print_lines, args=(each, stream, target), daemon=True))
        each.printers[-1].start()
    with suppress(BrokenPipeError):  # it has ended already, which the next look at it finds
        process.stdin.write(pickle.dumps((job, number, folder, arguments)))
        process.stdin.flush()
    return each


def _print_lines(each: _Process, stream: IO[bytes], target: IO[str]) -> None:
    name = f"job {each.job.number}"
    is_error = target is sys.stderr
    with stream:
        for line in stream:
            if text := line.decode(errors="replace").rstrip():
                print(text if text.startswith(f"{name} ") else f"{name}: {text}", file=target, flush=True)
                each.last_error = text if is_error else each.last_error


def _result(each: _Process, number: int, folder: Path, is_told: bool) -> dict[str, Any] | None:
    """What an ended process has written of its job; of one that was killed, that; None of one that did not begin."""
    for printer in each.printers:
        printer.join(_PATIENCE)
    assert each.process.stdin
    with suppress(BrokenPipeError):
        each.process.stdin.close()
    job, code, place = each.job, each.process.returncode, folder.absolute() / each.job.folder
    if code == 0:
        result = read_result(place / RESULT)
        if result and result["status"] == "interrupted" and not is_told:  # by somebody, alone
            return result | {"failed": True, "error": "was interrupted"}
        return result
    if is_told and (code < 0 or code > 128):
        return None
    said = f"was killed by {signal.Signals(-code).name}" if code < 0 else each.last_error or f"ended with {code}"
    print(f"job {job.number} of {number} ({job.name}) {said}", file=sys.stderr, flush=True)
    return result_without_run(job, place, "killed", said)


def main() -> int:
    """The process of one job, which it reads from standard input. Returns 0 if its result.json was written."""
    with StopSignals(to_the_end=True) as signals, Streams():
        job, number, folder, arguments = pickle.load(sys.stdin.buffer)  # of the process that started this one
        threading.Thread(target=_end_with_parent, daemon=True).start()
        outcome = run_job(job, number, folder, arguments, signals)
    if outcome.is_written:
        return 0
    return outcome.stop or 1


def _end_with_parent() -> None:
    """Waits until the process that started this one is gone, then asks this one to save and end."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
