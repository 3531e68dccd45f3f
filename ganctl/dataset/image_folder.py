"""Any folder or zip of images: brought to one size to learn from, or as they are to be judged."""

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.listing import Entry, classes, digest, open_source
from ganctl.dataset.store import Content, packed
from ganctl.files import one_line

CHUNK_BYTES = 32 << 20  # of pixels decoded before they are handed on
_MOST_REPORTED = 20  # unreadable files after which the search for more ends
EXTENSIONS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm")
FITS = ("crop", "pad", "stretch")
FILTERS = ("lanczos", "bicubic", "bilinear", "box", "nearest")


class ImageFolder:
    """The images at `path`, in the order of their names.

    Files are classes' by folder if they lie one level down in two folders or more (see `listing.classes`), otherwise
    unlabelled. Every file with one of the extensions must be readable: none is left out silently.

    With `resolution` and `channels` None the pixels are those that pytorch-fid's command reads through Pillow's
    `convert("RGB")`, except transparent parts (white here), 16-bit greys (scaled here, cut off there) and photographs
    with a rotation in their EXIF data (upright here); that command also takes no GIF files and nothing from folders
    inside the folder.

    The arguments are those of configs/dataset/image_folder.yaml; besides, `resolution` None takes images as they are,
    all of one size, and `channels` None is 1 if all files are grey, else 3. Folders are searched to any depth. Raises
    ArgumentError for other arguments, and where there is nothing at `path`.
    """

    def __init__(
        self,
        *,
        path: str | int | None = None,
        resolution: int | None = 64,
        channels: int | None = 3,
        fit: str = "crop",
        filter: str = "lanczos",
        extensions: Sequence[str] = EXTENSIONS,
        cache: str | None = None,
    ):
        if path is None or isinstance(path, bool) or not str(path):
            raise ArgumentError("path", "null" if path is None else path, "give a folder or .zip of images")
        if resolution is not None and (type(resolution) is not int or not 4 <= resolution <= 1024):
            raise ArgumentError("resolution", resolution, "is no whole number in [4, 1024]", 64)
        if channels not in (1, 3, None):
            raise ArgumentError("channels", channels, "is neither 3 (colour) nor 1 (grey)")
        for argument, value, choices in (("fit", fit, FITS), ("filter", filter, FILTERS)):
            if value not in choices:
                raise ArgumentError(argument, value, f"is none of {', '.join(choices)}")
        if isinstance(extensions, str) or not extensions or not all(isinstance(end, str) and end for end in extensions):
            raise ArgumentError("extensions", extensions, "is no list of endings", "[png]")
        self.path = str(path)  # a folder called 2024 arrives as a number
        self.resolution, self.channels, self.fit, self.filter = resolution, channels, fit, filter
        self.extensions = tuple(end.lower().removeprefix(".") for end in extensions)
        self.cache = cache
        self.source = open_source(self.path)

    @cached_property
    def entries(self) -> list[Entry]:
        """The images, listed at first use. Raises ArgumentError if there are none or they cannot be listed."""
        try:
            entries = self.source.entries(self.extensions)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ArgumentError("path", self.path, f"cannot be read ({one_line(error)})") from error
        if not entries:
            need = f"holds no file that ends in .{', .'.join(self.extensions)}; try another folder, or other extensions"
            raise ArgumentError("path", self.path, need)
        return entries

    @cached_property
    def spec(self) -> DataSpec:
        """Takes a listing of the files; where size or channels are not given, the images themselves."""
        if self.resolution is None or self.channels is None:
            return self.load().spec
        return self._spec((self.channels, self.resolution, self.resolution))

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the images. Raises ArgumentError for bad files, and for two sizes if none is given."""
        if self.resolution is not None and self.channels is not None:
            return self._packed((self.channels, self.resolution, self.resolution), progress)
        shape = self._first_shape()
        try:
            return self._packed(shape, progress)
        except _LaterColour:
            return self._packed((3, *shape[1:]), progress)

    def _spec(self, shape: tuple[int, int, int]) -> DataSpec:
        class_names = classes([entry.name for entry in self.entries])[1]
        return DataSpec(self.source.name or "image_folder", shape, len(class_names) or None)

    def _first_shape(self) -> tuple[int, int, int]:
        from ganctl.dataset.decode import quiet_pillow

        with quiet_pillow(), self.source.reader() as read:
            first = _pixels_or_fault(read, self._to_pixels(self.channels), self.entries[0])
        if isinstance(first, str):
            raise self._unreadable([first])
        return first.shape[0], first.shape[1], first.shape[2]

    def _to_pixels(self, channels: int | None) -> Callable[[bytes], numpy.ndarray]:
        from ganctl.dataset.decode import decode

        return partial(decode, resolution=self.resolution, channels=channels, fit=self.fit, resample=self.filter)

    def _packed(self, shape: tuple[int, int, int], progress: Progress | None) -> ImageStore:
        labels, class_names = classes([entry.name for entry in self.entries])
        key = {"source": self.source.state(), "listing": digest(self.entries), "fit": self.fit, "filter": self.filter}
        if None in (self.resolution, self.channels):  # what the shape tells otherwise
            key |= {"resolution": self.resolution, "channels": self.channels}
        return packed(
            self._spec(shape),
            key=key,
            read=lambda: Content(numpy.array(labels, dtype=numpy.int64), self._blocks(shape)),
            class_names=class_names,
            cache=self.cache,
            progress=progress,
        )

    def _blocks(self, shape: tuple[int, int, int]) -> Iterator[numpy.ndarray]:
        """The pixels (n, C, H, W), about `CHUNK_BYTES` at a time. After a fault the rest is tried, to name several."""
        from ganctl.dataset.decode import quiet_pillow

        # With colour in the first file, all are read in colour; otherwise grey is to be refuted by each.
        to_pixels = self._to_pixels(self.channels or (3 if shape[0] == 3 else None))
        chunk = max(16, min(512, CHUNK_BYTES // math.prod(shape)))
        faults: list[str] = []
        with quiet_pillow(), self.source.reader() as read, ThreadPoolExecutor(_num_threads()) as pool:
            for start in range(0, len(self.entries), chunk):
                entries = self.entries[start : start + chunk]
                results = list(pool.map(partial(_pixels_or_fault, read, to_pixels), entries))
                faults += [result for result in results if isinstance(result, str)]
                if len(faults) >= _MOST_REPORTED:
                    break
                images = [result for result in results if not isinstance(result, str)]
                if not faults:
                    for entry, pixels in zip(entries, images, strict=True):
                        self._check(entry, pixels, shape)
                    yield numpy.stack(images)
        if faults:
            raise self._unreadable(faults)

    def _check(self, entry: Entry, pixels: numpy.ndarray, shape: tuple[int, int, int]) -> None:
        if pixels.shape[1:] != shape[1:]:
            first, other = _in_one_line(self.entries[0].name), _in_one_line(entry.name)
            sizes = f"{first} has {shape[2]}x{shape[1]} pixels and {other} {pixels.shape[2]}x{pixels.shape[1]}"
            side = min(max(min(shape[1:]), 4), 1024)
            raise ArgumentError("path", self.path, f"{sizes}; bring all to one size with resolution={side}")
        if len(pixels) != shape[0]:
            raise _LaterColour

    def _unreadable(self, faults: list[str]) -> ArgumentError:
        named = faults[:3]
        if len(faults) > 3:
            named.append("and others" if len(faults) >= _MOST_REPORTED else f"and {len(faults) - 3} more")
        return ArgumentError("path", self.path, f"{'; '.join(named)}; repair or remove what cannot be read")


class _LaterColour(Exception):
    """The first file is grey and a later one is not."""


def _pixels_or_fault(
    read: Callable[[Entry], bytes], to_pixels: Callable[[bytes], numpy.ndarray], entry: Entry
) -> numpy.ndarray | str:
    try:
        return to_pixels(read(entry))
    except Exception as error:  # each decompressor of a zip raises its own kind; all are the file's fault
        return f"{_in_one_line(entry.name)} {one_line(error)}"


def _in_one_line(name: str) -> str:
    """A file's name, whatever bytes are in it."""
    return " ".join(name.encode(errors="replace").decode().split())


def _num_threads() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(8, len(affinity(0)) if affinity else os.cpu_count() or 1)
