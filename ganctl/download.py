"""Fetching a published file over HTTP with short time limits: a dead network is reported in seconds."""

import hashlib
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from ganctl.contract import Progress
from ganctl.files import atomic_file, made_folder, sweep

ANSWER_SECONDS = 7.0  # until a server must have answered, and the longest silence afterwards
SLOW_SECONDS = 10.0  # in which at least SLOW_BYTES must arrive
SLOW_BYTES = 16384


def fetch(
    urls: Sequence[str],
    path: Path,
    *,
    algorithm: str,
    checksum: str,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> None:
    """Puts the file whose hash by `algorithm` (md5, sha256) begins with `checksum` at `path`, whole or not at all.

    It comes from the first of `urls` that delivers it within `seconds`. Several processes may do this at once. Raises
    OSError, which says in one line what was tried, where none does or the folder cannot be written.
    """
    patience = min(ANSWER_SECONDS, seconds)
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(path.parent))
            sweep(path.parent)
        except OSError as error:
            raise OSError(f"{path.parent}: {_reason(error, patience)}") from error
        _fetch(urls, path, algorithm, checksum, seconds, progress)


def _fetch(
    urls: Sequence[str], path: Path, algorithm: str, checksum: str, seconds: float, progress: Progress | None
) -> None:
    patience, tried = min(ANSWER_SECONDS, seconds), []
    for url in urls:
        hashed = hashlib.new(algorithm, usedforsecurity=False)
        try:
            with atomic_file(path) as file:
                for chunk in _received(url, patience, seconds, f"downloading {path.name}", progress):
                    hashed.update(chunk)
                    file.write(chunk)
                if not hashed.hexdigest().startswith(checksum):
                    raise OSError(f"wrong checksum, {hashed.hexdigest()[: len(checksum)]} instead of {checksum}")
            return
        except (OSError, HTTPException, ValueError) as error:
            tried.append(f"{url}: {_reason(error, patience)}")
    raise OSError("; ".join(tried))


def hash_of(path: Path, algorithm: str) -> str:
    """The hash of a file by `algorithm` (md5, sha256), in hexadecimal."""
    hashed = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()


def _received(url: str, patience: float, seconds: float, what: str, progress: Progress | None) -> Iterator[bytes]:
    """The body in pieces; raises OSError if it is cut off, too slow, or longer than `seconds` on its way."""
    deadline = time.monotonic() + seconds
    with _answer(url, patience) as response:
        total, done = response.length, 0
        window_end, window_bytes = time.monotonic() + SLOW_SECONDS, 0
        while chunk := response.read1(1 << 16):
            yield chunk
            done, window_bytes = done + len(chunk), window_bytes + len(chunk)
            if progress:
                progress(what, done, max(done, total or 0))
            if (now := time.monotonic()) > deadline:
                raise OSError(f"only {done / 1e6:.0f} MB came in {seconds:g} s")
            if now > window_end:
                if window_bytes < SLOW_BYTES:
                    raise OSError(f"only {window_bytes} bytes in {SLOW_SECONDS:g} s")
                window_end, window_bytes = now + SLOW_SECONDS, 0
    if total is not None and done < total:
        raise OSError(f"ended after {done} of {total} bytes")


def _answer(url: str, patience: float) -> HTTPResponse:
    """The open response. In a thread, for no time limit of urlopen's covers name look-up or a host's many addresses."""
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    too_late = threading.Event()

    def ask() -> None:
        try:
            response = urlopen(Request(url, headers={"User-Agent": "ganctl"}), timeout=patience)
        except Exception as error:  # handed to the thread that waits
            answers.put(error)
        else:
            answers.put(response)
            if too_late.is_set():
                response.close()

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=patience)
    except queue.Empty:
        too_late.set()
        raise OSError(f"no answer in {patience:g} s") from None
    if isinstance(answer, HTTPError):
        answer.close()
        raise OSError(f"HTTP status {answer.code}")
    if isinstance(answer, Exception):
        raise answer
    return answer


def _reason(error: Exception, patience: float) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer in {patience:g} s"
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return " ".join(text.split()) or type(cause).__name__
