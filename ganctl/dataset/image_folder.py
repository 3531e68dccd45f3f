"""Any folder or zip of images, brought to one size."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import numpy

from ganctl.contract import DataSpec, ImageStore, Progress
from ganctl.dataset.listing import Entry, classes, digest, open_source
from ganctl.dataset.reading import decoded, one_line
from ganctl.dataset.store import Content, packed

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm")


class ImageFolder:
    """The images at `path`, square, `resolution` pixels a side.

    Files are classes' by folder if they lie one level down in two folders or more (see `listing.classes`), otherwise
    unlabelled. Every file with one of the extensions must be readable: none is left out silently.

    Args:
        path: a folder, searched to any depth; a .zip; or a folder inside a zip (photos.zip/train).
        resolution: height and width in pixels; in [4, 1024].
        channels: 3 for colour, 1 for grey.
        fit: what is done with images that are not square: crop (keep the central square), pad (with white), stretch.
        filter: lanczos, bicubic, bilinear, box or nearest; all but nearest without aliasing.
        extensions: names' ends that count as images, in any case of letters.
        cache: the folder of packed data sets; None = the user's own (see `store.cache_folder`).

    Raises:
        ValueError: an option is none of these, or there is nothing at `path`.
    """

    def __init__(
        self,
        *,
        path: str | int | None = None,
        resolution: int = 64,
        channels: int = 3,
        fit: str = "crop",
        filter: str = "lanczos",
        extensions: Sequence[str] = EXTENSIONS,
        cache: str | None = None,
    ):
        if path is None or isinstance(path, bool) or not str(path):
            raise ValueError(f"dataset.path={'null' if path is None else path}: give a folder or .zip of images")
        if isinstance(resolution, bool) or not isinstance(resolution, int) or not 4 <= resolution <= 1024:
            raise ValueError(f"dataset.resolution={resolution}: is no whole number in [4, 1024]; try 64")
        if channels not in (1, 3):
            raise ValueError(f"dataset.channels={channels}: is neither 3 (colour) nor 1 (grey)")
        if fit not in ("crop", "pad", "stretch"):
            raise ValueError(f"dataset.fit={fit}: is none of crop, pad, stretch")
        if filter not in ("lanczos", "bicubic", "bilinear", "box", "nearest"):
            raise ValueError(f"dataset.filter={filter}: is none of lanczos, bicubic, bilinear, box, nearest")
        if isinstance(extensions, str) or not extensions or not all(isinstance(end, str) and end for end in extensions):
            raise ValueError(f"dataset.extensions={extensions}: is no list of endings; try dataset.extensions=[png]")
        self.path = str(path)  # a folder called 2024 arrives as a number
        self.resolution, self.channels, self.fit, self.filter = resolution, channels, fit, filter
        self.extensions = tuple(end.lower().removeprefix(".") for end in extensions)
        self.cache = cache
        self.source = open_source(self.path)

    @cached_property
    def entries(self) -> list[Entry]:
        """The images, listed at first use. Raises ValueError if there are none or they cannot be listed."""
        try:
            entries = self.source.entries(self.extensions)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ValueError(f"dataset.path={self.path}: cannot be read ({one_line(error)})") from error
        if not entries:
            raise ValueError(
                f"dataset.path={self.path}: holds no file that ends in .{', .'.join(self.extensions)}; "
                "try another folder, or dataset.extensions"
            )
        return entries

    @cached_property
    def spec(self) -> DataSpec:
        """Takes a listing of the files, and opens none of them."""
        class_names = classes([entry.name for entry in self.entries])[1]
        shape = (self.channels, self.resolution, self.resolution)
        return DataSpec(self.source.name or "image_folder", shape, len(class_names) or None)

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the images. Raises ValueError, in one line that names the files, for bad ones."""
        labels, class_names = classes([entry.name for entry in self.entries])
        return packed(
            self.spec,
            key={
                "source": self.source.state(),
                "listing": digest(self.entries),
                "fit": self.fit,
                "filter": self.filter,
            },
            read=lambda: Content(numpy.array(labels, dtype=numpy.int64), self._blocks()),
            class_names=class_names,
            cache=self.cache,
            progress=progress,
        )

    def _blocks(self) -> Iterator[numpy.ndarray]:
        from ganctl.dataset.decode import decode

        to_pixels = partial(
            decode, resolution=self.resolution, channels=self.channels, fit=self.fit, resample=self.filter
        )
        image_bytes = self.channels * self.resolution**2
        return decoded(f"dataset.path={self.path}", self.source, self.entries, to_pixels, image_bytes=image_bytes)
