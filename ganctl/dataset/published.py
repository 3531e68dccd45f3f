"""What the published data sets have in common: their options, and what is said where their files cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganctl.contract import ArgumentError


def check_options(root: str, split: str, download: bool) -> None:
    """Raises ArgumentError unless these are what a data set that is kept in files under `root` can be asked for."""
    if not isinstance(root, str) or not root:
        raise ArgumentError("root", root, "is no folder's name", "data")
    if split not in ("train", "test"):
        raise ArgumentError("split", split, "is neither train nor test", "train")
    if not isinstance(download, bool):
        raise ArgumentError("download", download, "is neither true nor false", "true")


def missing(root: str, folder: Path, files: Sequence[str], why: str) -> ArgumentError:
    """The error for `files` that are not in `folder`, with what to do about it."""
    need = f"{why}; put {' and '.join(files)} into {folder}, or take mnist5k, which needs no download"
    return ArgumentError("root", root, need)


def damaged(root: str, path: Path) -> ArgumentError:
    """The error for a file at `path` that is not the published one."""
    return ArgumentError(
        "root", root, f"{path} is damaged or not the published file; remove it, and it is downloaded again"
    )
