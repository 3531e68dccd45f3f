"""Many image files to blocks of pixels, in order and by several threads; what cannot be read is named, not left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy

from ganctl.contract import ArgumentError
from ganctl.dataset.listing import Archive, Entry, Folder

CHUNK_BYTES = 32 << 20  # of pixels decoded before they are handed on
_MOST_REPORTED = 20  # unreadable files after which the search for more ends


def decoded(
    path: str,
    source: Folder | Archive,
    entries: Sequence[Entry],
    to_pixels: Callable[[bytes], numpy.ndarray],
    *,
    image_bytes: int,
    check: Callable[[Entry, numpy.ndarray], None],
) -> Iterator[numpy.ndarray]:
    """The pixels (n, C, H, W) uint8 of `entries`, in blocks of about `CHUNK_BYTES` if an image has `image_bytes`.

    `check(entry, pixels)` is called for each image in order and may raise. Where `to_pixels` raises, the other files
    are tried as well, so that one ArgumentError about `path` names several.
    """
    from ganctl.dataset.decode import quiet_pillow

    chunk = max(16, min(512, CHUNK_BYTES // image_bytes))
    bad: list[str] = []
    with quiet_pillow(), source.reader() as read, ThreadPoolExecutor(_num_threads()) as pool:
        for start in range(0, len(entries), chunk):
            some = entries[start : start + chunk]
            results = list(pool.map(partial(attempt, read, to_pixels), some))
            bad += [result for result in results if isinstance(result, str)]
            if len(bad) >= _MOST_REPORTED:
                break
            if bad:
                continue
            images = [result for result in results if not isinstance(result, str)]
            for entry, pixels in zip(some, images, strict=True):
                check(entry, pixels)
            yield numpy.stack(images)
    if bad:
        raise unreadable(path, bad)


def attempt(
    read: Callable[[Entry], bytes], to_pixels: Callable[[bytes], numpy.ndarray], entry: Entry
) -> numpy.ndarray | str:
    """The pixels of an entry, or the sentence that says what is wrong with it."""
    try:
        return to_pixels(read(entry))
    except Exception as error:  # each decompressor of a zip raises its own kind; all are the file's fault
        return f"{shown_name(entry)} {one_line(error)}"


def shown_name(entry: Entry) -> str:
    """An entry's name in one line, whatever bytes are in it."""
    return " ".join(entry.name.encode(errors="replace").decode().split())


def one_line(error: Exception) -> str:
    """What an exception says, in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__


def unreadable(path: str, bad: list[str]) -> ArgumentError:
    """The error for the images at `path` of which `bad` says what is wrong."""
    named = bad[:3]
    if len(bad) >= _MOST_REPORTED:
        named.append("and others")
    elif len(bad) > len(named):
        named.append(f"and {len(bad) - len(named)} more")
    return ArgumentError("path", path, f"{'; '.join(named)}; repair or remove what cannot be read")


def _num_threads() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(8, len(affinity(0)) if affinity else os.cpu_count() or 1)
