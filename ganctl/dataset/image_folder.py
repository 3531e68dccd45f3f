"""Any folder or zip of images: brought to one size to learn from, or as they are to be judged."""

import errno
import logging
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from itertools import count, islice
from typing import Any

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.listing import Entry, classes, digest, name_in_one_line, num_threads, open_source
from ganctl.dataset.parts import with_parts
from ganctl.dataset.size import LEAST, MOST, Resolution, size_of
from ganctl.dataset.store import Content, packed
from ganctl.files import one_line

_log = logging.getLogger(__name__)
CHUNK_BYTES = 32 << 20  # of pixels decoded before they are handed on
_MOST_REPORTED = 20  # unreadable files after which the search for more ends
_OF_THE_SYSTEM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
MAX_BROKEN = 0.01
_GROUP = 16  # images that a thread decodes at a time: handing over each by itself costs a tenth of packing
DECODING = 3  # another number makes all older packed folders unread: for when `decode` gives other pixels
EXTENSIONS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm")
FITS = ("crop", "pad", "stretch")
FILTERS = ("lanczos", "bicubic", "bilinear", "box", "nearest")


class ImageFolder:
    """The images at `path`, in the order of their names.

    Files are classes' by folder if they lie one level down in two folders or more (see `listing.classes`), otherwise
    unlabelled. Of the files with one of the extensions, those that cannot be read are left out up to the share
    `max_broken` of all (one at least, unless it is 0), and a warning names them; more are an error.

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
        resolution: Resolution | None = 64,
        channels: int | None = 3,
        fit: str = "crop",
        filter: str = "lanczos",
        extensions: Sequence[str] = EXTENSIONS,
        max_broken: float = MAX_BROKEN,
        random_crop: Resolution | None = None,
        cache: str | None = None,
    ):
        if path is None or isinstance(path, bool) or not str(path):
            raise ArgumentError("path", "null" if path is None else path, "give a folder or .zip of images")
        self.size = None if resolution is None else size_of("resolution", resolution)
        self.part = None if random_crop is None else size_of("random_crop", random_crop)
        if self.part and (self.size is None or self.part[0] > self.size[0] or self.part[1] > self.size[1]):
            raise ArgumentError("random_crop", random_crop, f"is no part of images of resolution={resolution}")
        if channels not in (1, 3, None):
            raise ArgumentError("channels", channels, "is neither 3 (colour) nor 1 (grey)")
        for argument, value, choices in (("fit", fit, FITS), ("filter", filter, FILTERS)):
            if value not in choices:
                raise ArgumentError(argument, value, f"is none of {', '.join(choices)}")
        if isinstance(extensions, str) or not extensions or not all(isinstance(end, str) and end for end in extensions):
            raise ArgumentError("extensions", extensions, "is no list of endings", "[png]")
        if isinstance(max_broken, bool) or not isinstance(max_broken, int | float) or not 0 <= max_broken <= 1:
            raise ArgumentError("max_broken", max_broken, "is no share in [0, 1]", MAX_BROKEN)
        self.path = str(path)  # a folder called 2024 arrives as a number
        self.channels, self.fit, self.filter = channels, fit, filter
        self.extensions = tuple(end.lower().removeprefix(".") for end in extensions)
        self.max_broken, self.cache = max_broken, cache
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
        if not self._shape:
            return self.load().spec
        return self._spec((self._shape[0], *(self.part or self._shape[1:])))

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the images, with a warning that names those left out.

        Raises ArgumentError for too many that cannot be read, and for two sizes if none is given.
        """
        store = self._load(progress)
        if len(store.left_out) > self._most_broken:  # packed when more were let pass
            raise self._unreadable(store.left_out)
        self._warn(store.left_out)
        return with_parts(store, self.part, cache=self.cache, progress=progress) if self.part else store

    def blocks(self, left_out: dict[int, str], begin: int = 0) -> Iterator[tuple[list[int], numpy.ndarray]]:
        """Places in `entries`, and pixels (n, C, H, W), of the images from place `begin` on that can be read.

        `left_out`, with the faults of those before `begin`, gets the others', by place. Size and channels must be
        given. Raises ArgumentError for too many faults, and ends with a warning that names some.
        """
        assert self._shape is not None
        places = (place for place in count(begin) if place not in left_out)
        for block in self._blocks(self._shape, left_out, begin):
            yield list(islice(places, len(block))), block
        self._warn(list(left_out.values()))

    def faults(self, places: Iterable[int]) -> dict[int, str]:
        """What is wrong now with the files at these places of `entries`; those that can be read are left out."""
        from ganctl.dataset.decode import quiet_pillow

        to_pixels = self._to_pixels(self.channels)
        with quiet_pillow(), self.source.reader() as read:
            results = {place: self._pixels_or_fault(read, to_pixels, self.entries[place]) for place in places}
        return {place: result for place, result in results.items() if isinstance(result, str)}

    def some(self, count: int) -> numpy.ndarray:
        """Up to `count` of the images that can be read, (n, C, H, W): chosen by chance, but always the same."""
        from ganctl.dataset.decode import quiet_pillow

        to_pixels = self._to_pixels(self.channels)
        images: list[numpy.ndarray] = []
        with quiet_pillow(), self.source.reader() as read:
            for place in numpy.random.default_rng(0).permutation(len(self.entries)):
                pixels = self._pixels_or_fault(read, to_pixels, self.entries[place])
                images += [] if isinstance(pixels, str) else [pixels]
                if len(images) == count:
                    break
        return numpy.stack(images)

    def _load(self, progress: Progress | None) -> ImageStore:
        if self._shape:
            return self._packed(self._shape, progress)
        shape = self._first_shape()
        try:
            return self._packed(shape, progress)
        except _LaterColour:
            return self._packed((3, *shape[1:]), progress)

    @property
    def _shape(self) -> tuple[int, int, int] | None:
        """That of all images (C, H, W), where both size and channels are given."""
        return (self.channels, *self.size) if self.size and self.channels else None

    @property
    def _most_broken(self) -> int:
        return most_broken(len(self.entries), self.max_broken)

    def _spec(self, shape: tuple[int, int, int]) -> DataSpec:
        class_names = classes([entry.name for entry in self.entries])[1]
        return DataSpec(self.source.name or "image_folder", shape, len(class_names) or None)

    def _first_shape(self) -> tuple[int, int, int]:
        from ganctl.dataset.decode import quiet_pillow

        faults: list[str] = []
        with quiet_pillow(), self.source.reader() as read:
            for entry in self.entries:
                first = self._pixels_or_fault(read, self._to_pixels(self.channels), entry)
                if not isinstance(first, str):
                    return first.shape[0], first.shape[1], first.shape[2]
                faults.append(first)
                if len(faults) > self._most_broken:
                    break
        raise self._unreadable(faults)

    def _to_pixels(self, channels: int | None) -> Callable[[bytes], numpy.ndarray]:
        from ganctl.dataset.decode import decode

        return partial(decode, size=self.size, channels=channels, fit=self.fit, resample=self.filter)

    @property
    def key(self) -> dict[str, Any]:
        """What decides the pixels besides their size and channels: plain data, another where a file is."""
        key = {"source": self.source.state(), "listing": digest(self.entries), "fit": self.fit, "filter": self.filter}
        return key | self._variant | {"decoding": DECODING}

    @property
    def _variant(self) -> dict[str, Any]:
        """What else decides the pixels, of a class that reads them in another way."""
        return {}

    def _packed(self, shape: tuple[int, int, int], progress: Progress | None) -> ImageStore:
        labels, class_names = classes([entry.name for entry in self.entries])
        left_out: dict[int, str] = {}
        key = self.key
        if not self._shape:  # which tells both otherwise
            resolution = self.size and (self.size[0] if self.size[0] == self.size[1] else self.size)
            key |= {"resolution": resolution, "channels": self.channels}
        return packed(
            self._spec(shape),
            key=key,
            read=lambda: Content(numpy.array(labels, numpy.int64), self._blocks(shape, left_out), left_out),
            class_names=class_names,
            cache=self.cache,
            progress=progress,
        )

    def _blocks(self, shape: tuple[int, int, int], left_out: dict[int, str], begin: int = 0) -> Iterator[numpy.ndarray]:
        """The pixels (n, C, H, W), about `CHUNK_BYTES` at a time. Puts what cannot be read into `left_out`, by place.

        After a fault too many the rest is tried, to name several.
        """
        from ganctl.dataset.decode import quiet_pillow

        # With colour in the first file, all are read in colour; otherwise grey is to be refuted by each.
        to_pixels = self._to_pixels(self.channels or (3 if shape[0] == 3 else None))
        chunk = max(16, min(512, CHUNK_BYTES // math.prod(shape)))
        for place in [place for place in left_out if place >= begin]:  # of an earlier reading
            del left_out[place]
        with quiet_pillow(), self.source.reader() as read, ThreadPoolExecutor(num_threads()) as pool:

            def one_after_the_other(group: Sequence[Entry]) -> list[numpy.ndarray | str]:
                return [self._pixels_or_fault(read, to_pixels, entry) for entry in group]

            for start in range(begin, len(self.entries), chunk):
                entries = self.entries[start : start + chunk]
                groups = [entries[at : at + _GROUP] for at in range(0, len(entries), _GROUP)]
                results = [each for group in pool.map(one_after_the_other, groups) for each in group]
                left_out |= {start + i: result for i, result in enumerate(results) if isinstance(result, str)}
                if len(left_out) <= self._most_broken:
                    whole = [(e, r) for e, r in zip(entries, results, strict=True) if not isinstance(r, str)]
                    for entry, pixels in whole:
                        self._check(entry, pixels, shape)
                    if whole:
                        yield numpy.stack([pixels for _, pixels in whole])
                elif len(left_out) >= _MOST_REPORTED:
                    break
        if len(left_out) > self._most_broken:
            raise self._unreadable(list(left_out.values()))

    def _check(self, entry: Entry, pixels: numpy.ndarray, shape: tuple[int, int, int]) -> None:
        if pixels.shape[1:] != shape[1:]:
            first, other = name_in_one_line(self.entries[0].name), name_in_one_line(entry.name)
            sizes = f"{first} has {shape[2]}x{shape[1]} pixels and {other} {pixels.shape[2]}x{pixels.shape[1]}"
            side = min(max(min(shape[1:]), LEAST), MOST)
            raise ArgumentError("path", self.path, f"{sizes}; bring all to one size with resolution={side}")
        if len(pixels) != shape[0]:
            raise _LaterColour

    def _pixels_or_fault(
        self, read: Callable[[Entry], bytes], to_pixels: Callable[[bytes], numpy.ndarray], entry: Entry
    ) -> numpy.ndarray | str:
        """The pixels of an image, or what is wrong with its file.

        Raises ArgumentError for what is not the file's fault, and may be over tomorrow.
        """
        try:
            return to_pixels(read(entry))
        except Exception as error:  # each decompressor of a zip raises its own kind; all are the file's fault
            fault = f"{name_in_one_line(entry.name)} {one_line(error)}"
            if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
                raise ArgumentError("path", self.path, f"{fault}; try again") from error
            return fault

    def _warn(self, faults: Sequence[str]) -> None:
        if faults:
            label = f"{len(faults):,} of {len(self.entries):,} files cannot be read and are left out"
            _log.warning("%s: %s: %s", self.path, label, _some(faults))

    def _unreadable(self, faults: Sequence[str]) -> ArgumentError:
        cure = "repair or remove what cannot be read (`ganctl data check PATH` names all)"
        return ArgumentError("path", self.path, f"{_some(faults)}; {cure}")


class _LaterColour(Exception):
    """The first file is grey and a later one is not."""


def most_broken(count: int, share: float) -> int:
    """How many of `count` files may be unreadable: this share, one at least unless it is 0, and never all."""
    return min(count - 1, max(1, int(share * count))) if share else 0


def _some(faults: Sequence[str]) -> str:
    named = list(faults[:3])
    if len(faults) > 3:
        named.append("and others" if len(faults) >= _MOST_REPORTED else f"and {len(faults) - 3} more")
    return "; ".join(named)
