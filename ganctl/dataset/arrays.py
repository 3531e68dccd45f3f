"""Images in an .npz file, read in slices and without pickle: an array of objects is never opened."""

import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy

from ganctl.contract import DataSpec, ImageStore, Progress
from ganctl.dataset.store import Content, packed, stamp
from ganctl.files import one_line

_BLOCK_BYTES = 32 << 20
_MOST_CLASSES = 100_000
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Header:
    """What an array in an .npz file says of itself; `begins` is the place of its first value, in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: numpy.dtype
    begins: int


def headers(path: Path) -> dict[str, Header]:
    """The arrays of an .npz file by name. Raises ValueError, in one line, for no such file, and for pickled objects."""
    arrays: dict[str, Header] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as file:
                    header = _header(file)
                name = info.filename.removesuffix(".npy")
                if header.dtype.hasobject:
                    raise ValueError(f"its array {name} holds Python objects, which may be code; none was opened")
                if info.file_size != header.begins + header.dtype.itemsize * math.prod(header.shape):
                    raise ValueError(f"its array {name} is not as long as it says")
                arrays[name] = header
    except zipfile.BadZipFile:
        raise ValueError(f"{path}: is no .npz file (a zip of arrays, as numpy.savez writes it), or damaged") from None
    except _UNREADABLE as error:
        raise ValueError(f"{path}: cannot be read ({one_line(error)}); write it with numpy.savez") from None
    return arrays


def is_statistics(arrays: Mapping[str, Header]) -> bool:
    """Whether arrays are pytorch-fid's statistics, `mu` and `sigma`, and no images."""
    return {"mu", "sigma"} <= arrays.keys() and not {"images", "arr_0"} & arrays.keys()


class NpzImages:
    """The images in an .npz file: its array `images`, or `arr_0`, or the only one.

    They are uint8, (N, H, W, C), (N, C, H, W) or (N, H, W), with C 1 or 3. An array `labels` (N,) of whole numbers from
    0 on, if there is one, gives the classes. `cache` is the folder of packed data, None for the user's own. Raises
    ValueError, in one line with the cure, where there are no such images.
    """

    def __init__(self, *, path: str, cache: str | None = None):
        self.path, self.cache = Path(path), cache
        self.arrays = headers(self.path)
        self.key = next((key for key in ("images", "arr_0") if key in self.arrays), "")
        if not self.key:
            if len(self.arrays) != 1:
                named = ", ".join(sorted(self.arrays)) or "none"
                raise ValueError(f"{path}: which of its arrays ({named}) holds the images? call that one images")
            self.key = next(iter(self.arrays))
        self.header = self.arrays[self.key]
        self.order, self.shape = self._layout()

    @cached_property
    def labels(self) -> numpy.ndarray | None:
        """The classes (N,) int64, or None."""
        header = self.arrays.get("labels")
        if header is None or header.shape != self.header.shape[:1] or header.dtype.kind not in "iu":
            return None
        try:
            with numpy.load(self.path, allow_pickle=False) as file:
                labels = file["labels"].astype(numpy.int64)
        except _UNREADABLE as error:
            raise ValueError(f"{self.path}: its array labels cannot be read ({one_line(error)})") from None
        return labels if labels.min() >= 0 and labels.max() < _MOST_CLASSES else None

    @cached_property
    def spec(self) -> DataSpec:
        """Reads the labels, if any, and no images."""
        num_classes = None if self.labels is None else int(self.labels.max()) + 1
        return DataSpec(self.path.stem or "images", self.shape, num_classes)

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the array. Raises ValueError, in one line, where the file is damaged."""
        count = self.header.shape[0]
        labels = numpy.zeros(count, numpy.int64) if self.labels is None else self.labels
        return packed(
            self.spec,
            key={"file": stamp(self.path), "array": self.key},
            read=lambda: Content(labels, self._blocks()),
            cache=self.cache,
            progress=progress,
        )

    def _layout(self) -> tuple[str, tuple[int, int, int]]:
        """The letters of the axes behind the first, and (C, H, W)."""
        shape, label = self.header.shape, f"{self.path}: its array {self.key}"
        if self.header.dtype != numpy.uint8:
            raise ValueError(
                f"{label} is {self.header.dtype}, and images must be uint8 from 0 to 255; "
                "convert them, as with (255 * x).round().astype('uint8') from [0, 1]"
            )
        orders = [order for order, axis in (("CHW", 1), ("HWC", 3)) if len(shape) == 4 and shape[axis] in (1, 3)]
        orders += ["HW"] if len(shape) == 3 else []
        if len(orders) != 1:
            raise ValueError(f"{label} is {shape}; images are (N, H, W, C), (N, C, H, W) or (N, H, W), with C 1 or 3")
        sides = dict(zip(orders[0], shape[1:], strict=True))
        if shape[0] < 2 or min(shape) < 1:
            raise ValueError(f"{label} is {shape}; statistics need at least 2 images")
        return orders[0], (sides.get("C", 1), sides["H"], sides["W"])

    def _blocks(self) -> Iterator[numpy.ndarray]:
        shape = self.header.shape
        row = math.prod(shape[1:])
        count = shape[0] if self.header.fortran else max(1, _BLOCK_BYTES // row)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.key}.npy") as file:
                file.read(self.header.begins)
                for start in range(0, shape[0], count):
                    number = min(count, shape[0] - start)
                    yield self._ordered(file.read(number * row), number)
        except _UNREADABLE as error:
            raise ValueError(f"{self.path}: its array {self.key} cannot be read ({one_line(error)})") from None

    def _ordered(self, content: bytes, number: int) -> numpy.ndarray:
        """The bytes of `number` images as (number, C, H, W)."""
        pixels = numpy.frombuffer(content, numpy.uint8)
        shape = (number, *self.header.shape[1:])
        pixels = pixels.reshape(shape[::-1]).transpose() if self.header.fortran else pixels.reshape(shape)
        return {"HW": pixels[:, None], "HWC": numpy.moveaxis(pixels, -1, 1)}.get(self.order, pixels)


def _header(file: IO[bytes]) -> Header:
    major, minor = numpy.lib.format.read_magic(file)
    if (major, minor) not in ((1, 0), (2, 0)):
        raise ValueError(f"an array in format {major}.{minor}")
    shape, fortran, dtype = getattr(numpy.lib.format, f"read_array_header_{major}_0")(file)
    return Header(tuple(shape), fortran, dtype, file.tell())
