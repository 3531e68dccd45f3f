"""One folder, one writer: a folder of a run or a sweep belongs to the process that works in it, as long as it lives."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from ganctl.bounded import read_json
from ganctl.configuration.names import one_line
from ganctl.files import one_line as of_file
from ganctl.files import write_json

LOCK, MARK = ".lock", ".lock-mark"
OWNER = ".owner.json"  # who works in a folder
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_PATIENCE = 1.0  # seconds for an owner that has just locked the folder to say who it is


class TakenError(ValueError):
    """Somebody else is at work in the folder: nothing is to be written there."""


@contextlib.contextmanager
def locked(folder: Path, setting: str) -> Iterator[None]:
    """Keeps other processes out of `folder` until the block ends or this process does, however it dies.

    By the operating system's lock, on a network file system the server's; where a file system has none, by a file that
    says whose it is, which another process on the same host removes once its owner is dead. The folder is made where it
    is missing, and removed again if the block leaves nothing in it.

    Raises ValueError in one line that begins with `setting`: a TakenError with the owner's process and host where there
    is one, or what stands in the way of writing there.
    """
    folder, made = folder.absolute(), []
    try:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        lock = _acquired(folder)
    except Timeout:
        cure = "wait until it has ended, or take another folder"
        raise TakenError(f"{setting}: {_owner(folder)} is working in it; {cure}") from None
    except OSError as error:
        _remove_empty(made)
        raise ValueError(f"{setting}: cannot be written to ({of_file(error)}); choose another") from None
    try:
        about = {"process": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        with contextlib.suppress(OSError):  # a full disk; the lock holds without it
            write_json(folder / OWNER, about, sync=False)
        yield
    finally:
        _remove(folder / OWNER)
        _remove(folder / LOCK)  # who has opened it meanwhile finds that it is no file any more: filelock >= 3.21
        lock.release()
        _remove_empty(made)


def _acquired(folder: Path) -> BaseFileLock:
    """The lock of the folder, which is made if it is missing. Raises Timeout where another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock: BaseFileLock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, Timeout) or (isinstance(error, OSError) and error.errno not in _NO_LOCKS):
            raise
        lock = SoftFileLock(folder / MARK, timeout=0)
        lock.acquire()
    return lock


def _owner(folder: Path) -> str:
    """Who has the lock, as far as that has been written."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            about = read_json(folder / OWNER)
            process, host, since = int(about["process"]), str(about["host"])[:80], str(about["since"])[:30]
            return one_line(f"process {process} on {host} since {since}")
        if time.monotonic() > deadline:
            return "another process"
        time.sleep(0.05)


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
