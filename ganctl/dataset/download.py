"""Published files: what their data sets have in common, and fetching one over HTTP with short time limits.

A dead network is reported in seconds, and no file is ever half there.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ganctl.contract import Progress

ANSWER_SECONDS = 7.0  # until a server must have answered, and the longest silence afterwards
SLOW_SECONDS = 10.0  # in which at least SLOW_BYTES must arrive
SLOW_BYTES = 16384


def check_options(root: str, split: str, download: bool) -> None:
    """Raises ValueError unless these are what a data set that is kept in files under `root` can be asked for."""
    if not isinstance(root, str) or not root:
        raise ValueError(f"dataset.root={root}: is no folder's name; try dataset.root=data")
    if split not in ("train", "test"):
        raise ValueError(f"dataset.split={split}: is neither train nor test; try dataset.split=train")
    if not isinstance(download, bool):
        raise ValueError(f"dataset.download={download}: is neither true nor false; try dataset.download=true")


def fetch(urls: Sequence[str], path: Path, *, md5: str, progress: Progress | None = None) -> None:
    """Puts the file that has the checksum `md5` at `path`, from the first of `urls` that delivers it.

    It is written under another name beside `path` and renamed when its checksum is right, so that several processes
    may do it at once.

    Raises:
        OSError: no URL delivered it, or the folder cannot be written; says in one line what was tried.
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    tried: list[str] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                with unfinished.open("wb") as file:
                    found = _receive(url, file.write, f"downloading {path.name}", progress)
                    file.flush()
                    os.fsync(file.fileno())
                if found != md5:
                    raise OSError(f"wrong checksum, {found} instead of {md5}")
                unfinished.replace(path)
                return
            except (OSError, HTTPException, ValueError) as error:
                tried.append(f"{url}: {_reason(error)}")
    except OSError as error:
        raise OSError(f"{path.parent}: {_reason(error)}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    raise OSError("; ".join(tried))


def missing(root: str, folder: Path, files: Sequence[str], why: str) -> ValueError:
    """The error for `files` that are not in `folder`, with what to do about it."""
    return ValueError(f"dataset.root={root}: {why}; put {' and '.join(files)} into {folder}, or try dataset=mnist5k")


def damaged(root: str, path: Path) -> ValueError:
    """The error for a file at `path` that is not the published one."""
    return ValueError(
        f"dataset.root={root}: {path} is damaged or not the published file; remove it, and it is downloaded again"
    )


def md5_of(path: Path) -> str:
    """The MD5 sum of a file, in hexadecimal."""
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            md5.update(chunk)
    return md5.hexdigest()


def _receive(url: str, write: Callable[[bytes], object], what: str, progress: Progress | None) -> str:
    """Passes the body on to `write` and returns its MD5 sum; raises OSError if it is cut off or too slow."""
    md5 = hashlib.md5(usedforsecurity=False)
    with _answer(url) as response:
        total, done = response.length, 0
        window_end, window_bytes = time.monotonic() + SLOW_SECONDS, 0
        while chunk := response.read1(1 << 16):
            write(chunk)
            md5.update(chunk)
            done, window_bytes = done + len(chunk), window_bytes + len(chunk)
            if progress:
                progress(what, done, max(done, total or 0))
            if time.monotonic() > window_end:
                if window_bytes < SLOW_BYTES:
                    raise OSError(f"only {window_bytes} bytes in {SLOW_SECONDS:g} s")
                window_end, window_bytes = time.monotonic() + SLOW_SECONDS, 0
    if total is not None and done < total:
        raise OSError(f"ended after {done} of {total} bytes")
    return md5.hexdigest()


def _answer(url: str) -> HTTPResponse:
    """The open response. In a thread, for no time limit of urlopen's covers name look-up or a host's many addresses."""
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    too_late = threading.Event()

    def ask() -> None:
        try:
            response = urlopen(Request(url, headers={"User-Agent": "ganctl"}), timeout=ANSWER_SECONDS)
        except Exception as error:  # handed to the thread that waits
            answers.put(error)
        else:
            answers.put(response)
            if too_late.is_set():
                response.close()

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        too_late.set()
        raise OSError(f"no answer in {ANSWER_SECONDS:g} s") from None
    if isinstance(answer, HTTPError):
        answer.close()
        raise OSError(f"HTTP status {answer.code}")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer in {ANSWER_SECONDS:g} s"
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return " ".join(text.split()) or type(cause).__name__
