"""A folder or zip of images as they are, to be judged: at their own size and with their own channels."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import cached_property, partial

import numpy

from ganctl.contract import DataSpec, ImageStore, Progress
from ganctl.dataset.image_folder import EXTENSIONS
from ganctl.dataset.listing import Entry, classes, digest, open_source
from ganctl.dataset.reading import attempt, decoded, one_line, shown_name
from ganctl.dataset.store import Content, packed


class AnyImages:
    """The images of a folder (to any depth), a .zip, or a folder inside a zip, in the order of their names.

    They have one channel if all files are grey and three otherwise. What pytorch-fid's command reads through Pillow's
    `convert("RGB")` has the same values here, except transparent parts (white here), 16-bit greys (scaled here, cut off
    there) and photographs with a rotation in their EXIF data (upright here); that command also takes no GIF files and
    nothing from folders inside the folder.

    Args:
        path: the folder or zip; messages begin with it.
        resolution: None = as they are, all of one size; otherwise the height and width they are brought to.
        fit: as in `ImageFolder`; so is `filter`.
        cache: the folder of packed data; None = the user's own (see `store.cache_folder`).

    Raises:
        ValueError: there is nothing at `path`.
    """

    def __init__(
        self,
        *,
        path: str,
        resolution: int | None = None,
        fit: str = "crop",
        filter: str = "lanczos",
        cache: str | None = None,
    ):
        self.path, self.resolution, self.fit, self.filter, self.cache = path, resolution, fit, filter, cache
        self.source = open_source(path, path)

    @cached_property
    def entries(self) -> list[Entry]:
        """The images, listed at first use. Raises ValueError for fewer than two, and if they cannot be listed."""
        try:
            entries = self.source.entries(EXTENSIONS)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ValueError(f"{self.path}: cannot be read ({one_line(error)})") from error
        if len(entries) < 2:
            found = "one image only" if entries else f"no file that ends in .{', .'.join(EXTENSIONS)}"
            raise ValueError(f"{self.path}: holds {found}; statistics need at least 2 images")
        return entries

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the images.

        Raises:
            ValueError: in one line, for unreadable files, and for images of two sizes unless there is a `resolution`.
        """
        shape = self._first_shape()
        try:
            return self._packed(shape, progress)
        except _ColourFound:
            return self._packed((3, *shape[1:]), progress)

    def _first_shape(self) -> tuple[int, int, int]:
        from ganctl.dataset.decode import quiet_pillow

        with quiet_pillow(), self.source.reader() as read:
            first = attempt(read, self._to_pixels(None), self.entries[0])
        if isinstance(first, str):
            raise ValueError(f"{self.path}: {first}; repair or remove what cannot be read")
        return first.shape[0], first.shape[1], first.shape[2]

    def _to_pixels(self, channels: int | None):
        from ganctl.dataset.decode import decode

        return partial(decode, resolution=self.resolution, channels=channels, fit=self.fit, resample=self.filter)

    def _packed(self, shape: tuple[int, int, int], progress: Progress | None) -> ImageStore:
        labels, class_names = classes([entry.name for entry in self.entries])
        return packed(
            DataSpec(self.source.name or "images", shape, len(class_names) or None),
            key={
                "source": self.source.state(),
                "listing": digest(self.entries),
                "resolution": self.resolution,
                "fit": self.fit,
                "filter": self.filter,
            },
            read=lambda: Content(numpy.array(labels, dtype=numpy.int64), self._blocks(shape)),
            class_names=class_names,
            cache=self.cache,
            progress=progress,
        )

    def _blocks(self, shape: tuple[int, int, int]) -> Iterator[numpy.ndarray]:
        first = shown_name(self.entries[0])

        def check(entry: Entry, pixels: numpy.ndarray) -> None:
            height, width = pixels.shape[1:]
            if (height, width) != shape[1:]:
                side = min(max(min(shape[1:]), 4), 1024)
                raise ValueError(
                    f"{self.path}: {first} has {shape[2]}x{shape[1]} pixels and {shown_name(entry)} {width}x{height}; "
                    f"bring all to one size with resolution={side}"
                )
            if len(pixels) != shape[0]:
                raise _ColourFound

        # With colour in the first file, all are read in colour; otherwise grey is to be refuted by each.
        to_pixels = self._to_pixels(3 if shape[0] == 3 else None)
        image_bytes = shape[0] * shape[1] * shape[2]
        return decoded(self.path, self.source, self.entries, to_pixels, image_bytes=image_bytes, check=check)


class _ColourFound(Exception):
    """The first file is grey and a later one is not."""
