"""Where Inception's weights come from: a file, torch hub's cache, or a download that is checked and bounded in time."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import Tensor

from ganctl.contract import ArgumentError
from ganctl.download import fetch, hash_of

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
FILE_NAME = "pt_inception-2015-12-05-6726825d.pth"
HASH_PREFIX = "6726825d"  # of the SHA-256, as torch hub writes it into file names


def cached_file() -> Path:
    """Where torch hub and pytorch-fid keep the weights, whether they are there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME


def weights_at_hand(weights: str | None = None) -> Path | None:
    """The file that would be used without any download, or None; nothing is loaded or checked."""
    path = Path(weights).expanduser() if weights else cached_file()
    return path if path.is_file() else None


def find_weights(weights: str | None, *, url: str, max_download_seconds: float) -> Path:
    """The file of weights: `weights` if given, else torch hub's cache, filled from `url` where it is empty.

    Raises ArgumentError, with the cures, where there is none to be had. Only a file from the cache or the network has
    to be pytorch-fid's own: what somebody names is taken, and called by its hash.
    """
    path = weights_at_hand(weights)
    if weights:
        if path is None:
            raise refusal(weights, "no such file")
        return path
    if path is not None:
        if not hash_of(path, "sha256").startswith(HASH_PREFIX):
            raise refusal(None, f"{path} is damaged, its SHA-256 does not begin with {HASH_PREFIX}; delete it")
        return path
    path = cached_file()
    if max_download_seconds <= 0:
        raise refusal(None, f"no weights at {path}, and downloads are off (max_download_seconds=0)")
    try:
        fetch([url], path, algorithm="sha256", checksum=HASH_PREFIX, seconds=max_download_seconds)
    except OSError as error:
        raise refusal(None, f"no weights at {path}, and the download failed ({error})") from None
    return path


def refusal(weights: str | Path | None, what: str) -> ArgumentError:
    """The error for `weights` that cannot be had or read, with the cures."""
    need = f"{what}; put {FILE_NAME} into {cached_file().parent}, or judge by digits or pixels (crude)"
    return ArgumentError("weights", "null" if weights is None else weights, need, "FILE")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that torch.save wrote, running no code of it. Raises ArgumentError.

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
        raise refusal(path, f"not a file of weights, or truncated ({type(error).__name__})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise refusal(path, "holds something else than named tensors")
    if sum(value.numel() * value.element_size() for value in state.values()) > size:
        raise refusal(path, "its tensors are larger than the file")
    return state
