"""What the published data sets have in common: options, downloads, and what to do where their files cannot be had."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.store import Content, expanded, packed, stamp
from ganctl.download import fetch


class Published:
    """The files of a data set in `folder` below `root`. Raises ArgumentError for options that it cannot have."""

    def __init__(self, root: str, folder: str, *, split: str, download: bool, cache: str | None):
        if not isinstance(root, str) or not root:
            raise ArgumentError("root", root, "is no folder's name", "data")
        if split not in ("train", "test"):
            raise ArgumentError("split", split, "is neither train nor test", "train")
        if not isinstance(download, bool):
            raise ArgumentError("download", download, "is neither true nor false", "true")
        self.root, self.split, self.download, self.cache = root, split, download, cache
        self.folder = expanded("root", root) / folder

    def fetch(
        self, file: str, urls: Sequence[str], md5: str, *, needed: Sequence[str], lack: str, progress: Progress | None
    ) -> None:
        """Downloads `file`. Raises ArgumentError, with the cure, where that fails, or `lack` where it is forbidden."""
        why = f"{lack}, and downloads are off"
        if self.download:
            try:
                return fetch(urls, self.folder / file, algorithm="md5", checksum=md5, progress=progress)
            except OSError as error:
                why = f"download failed ({error})"
        need = f"{why}; put {' and '.join(needed)} into {self.folder}, or take mnist5k, which needs no download"
        raise ArgumentError("root", self.root, need)

    def damaged(self, path: Path) -> ArgumentError:
        """The error for a file at `path` that is not the published one."""
        need = f"{path} is damaged or not the published file; remove it, and it is downloaded again"
        return ArgumentError("root", self.root, need)

    def store(
        self,
        spec: DataSpec,
        paths: Iterable[Path],
        read: Callable[[], Content],
        class_names: tuple[str, ...],
        progress: Progress | None,
    ) -> ImageStore:
        """The images from the cache, or as `read` gives them where one of the `paths` has changed."""
        return packed(
            spec,
            key={"files": [stamp(path) for path in paths if path.is_file()]},
            read=read,
            split=self.split,
            class_names=class_names,
            cache=self.cache,
            progress=progress,
        )
