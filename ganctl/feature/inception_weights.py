"""Where Inception's weights come from: a file, torch hub's cache, or a download that is checked and bounded in time."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
FILE_NAME = "pt_inception-2015-12-05-6726825d.pth"
HASH_PREFIX = "6726825d"  # of the SHA-256, as torch hub writes it into file names
STALL_SECONDS = 10.0
MEBIBYTE = 1 << 20


def cached_file() -> Path:
    """Where torch hub and pytorch-fid keep the weights, whether they are there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME


def weights_at_hand(weights: str | None = None) -> Path | None:
    """The file that would be used without any download, or None; nothing is loaded or checked."""
    path = Path(weights).expanduser() if weights else cached_file()
    return path if path.is_file() else None


def find_weights(weights: str | None, *, url: str, max_download_seconds: float) -> Path:
    """The file of weights: `weights` if given, else torch hub's cache, filled from `url` where it is empty.

    Raises ValueError, in one line with the cures, where there is none to be had. Only a file from the cache or the
    network has to be pytorch-fid's own: what somebody names is taken, and called by its hash.
    """
    path = weights_at_hand(weights)
    if weights:
        if path is None:
            raise ValueError(f"feature.weights={weights}: no such file; {cures()}")
        return path
    if path is None:
        path = cached_file()
        try:
            download(url, path, hash_prefix=HASH_PREFIX, max_seconds=max_download_seconds)
        except OSError as error:
            raise ValueError(f"feature=inception: no weights at {path}, and {error}; {cures()}") from None
    elif not sha256(path).startswith(HASH_PREFIX):
        raise ValueError(
            f"feature=inception: {path} is damaged, its SHA-256 does not begin with {HASH_PREFIX}; "
            f"delete it, or {cures()}"
        )
    return path


def cures() -> str:
    others = "feature=digits for digits, feature=pixels (crude) for anything"
    return f"give feature.weights=FILE, put {FILE_NAME} into {cached_file().parent}, or take {others}"


def download(url: str, path: Path, *, hash_prefix: str, max_seconds: float) -> None:
    """Fetches `url` to `path`, whole and with the right SHA-256 or not at all.

    Raises OSError that says in a few words what went wrong: no answer for ten seconds, more than `max_seconds` in all,
    refused, truncated, or another file than expected.
    """
    if max_seconds <= 0:
        raise OSError("downloads are off (feature.max_download_seconds=0)")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as file:
            for chunk in fetch(url, max_seconds):
                digest.update(chunk)
                file.write(chunk)
        if not digest.hexdigest().startswith(hash_prefix):
            raise OSError(f"{url} gave another file: SHA-256 begins with {digest.hexdigest()[:8]}, not {hash_prefix}")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def fetch(url: str, max_seconds: float) -> Iterator[bytes]:
    """The content of `url` in pieces. Raises OSError that names the url and the reason."""
    deadline = time.monotonic() + max_seconds
    received, expected = 0, None
    try:
        with urllib.request.urlopen(url, timeout=min(STALL_SECONDS, max_seconds)) as response:
            expected = response.headers.get("Content-Length")
            while chunk := response.read1(MEBIBYTE):
                received += len(chunk)
                yield chunk
                if time.monotonic() > deadline:
                    raise TimeoutError(f"only {received / 1e6:.0f} MB came in {max_seconds:g} s")
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise OSError(
            f"the download from {url} failed ({' '.join(str(reason).split()) or type(error).__name__})"
        ) from None
    if expected is not None and received != int(expected):
        raise OSError(f"the download from {url} broke off after {received} of {expected} bytes")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that torch.save wrote, running no code of it. Raises ValueError in one line.

    It takes no more memory than the file has bytes, a few times over: what would be larger unpacked is refused.
    """
    size = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > size:
                    raise ValueError("compressed")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the bytes lead it to, an IndexError for plain text
        raise ValueError(
            f"feature.weights={path}: not a file of weights, or truncated ({type(error).__name__}); {cures()}"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"feature.weights={path}: holds something else than named tensors; {cures()}")
    if sum(value.numel() * value.element_size() for value in state.values()) > size:
        raise ValueError(f"feature.weights={path}: its tensors are larger than the file; {cures()}")
    return state


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(MEBIBYTE):
            digest.update(chunk)
    return digest.hexdigest()
