"""What data are: a data set, its images and facts, a batch of it, and the share of one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: how anything that lasts tells whoever listens how far it is."""

Plain = str | int | float | bool | None

Rows = TypeVar("Rows", "Tensor", "numpy.ndarray")


@dataclass(frozen=True)
class World:
    """The place of this process among the `size` processes of a run; `rank` 0 is the one that writes.

    Whatever is drawn is drawn for the whole batch and then shared out, so that many processes see what one would. Where
    a batch is split into `parts`, one after the other, each process has its share of each. On its machine a process is
    number `local_rank` of `local_size`.
    """

    rank: int = 0
    size: int = 1
    parts: int = 1
    local_rank: int = 0
    local_size: int = 1

    def share(self, rows: Rows) -> Rows:
        """This process's rows of the whole batch's (N, ...): (N / size, ...); all of them where it is alone."""
        if self.size == 1:
            return rows
        number = len(rows) // (self.parts * self.size)
        places = rows.reshape(self.parts, self.size, number, *rows.shape[1:])[:, self.rank]
        return places.reshape(self.parts * number, *rows.shape[1:])


ALONE = World()


@dataclass(frozen=True)
class DataSpec:
    """What is known of a data set before it is read: enough to build networks for it.

    `image_shape` is (channels, height, width), channels 1 or 3; `num_classes` is None for unlabelled images.
    `source_shape` is that of the images that a generator starts from; None where the data have none.
    """

    name: str
    image_shape: tuple[int, ...]
    num_classes: int | None
    source_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ImageStore:
    """A whole data set in one array: `images` (N, C, H, W) uint8 (a memory map when large), `labels` (N,) int64.

    Unlabelled data have all labels 0. `content_hash` is the SHA-256 of pixels and labels, in hexadecimal. `sources`
    (M, ...) uint8 are the images that a generator starts from: number i belongs to image i where `paired`. `left_out`
    names, with the reason, what of the data could not be read. `larger` (N, C, H', W') uint8 are the images of which
    training takes another random part each time; `images` then are one such part of each.
    """

    spec: DataSpec
    images: numpy.ndarray
    labels: numpy.ndarray
    content_hash: str
    split: str = "train"
    class_names: tuple[str, ...] = ()
    sources: numpy.ndarray | None = None
    paired: bool = True
    left_out: tuple[str, ...] = ()
    larger: numpy.ndarray | None = None


class Batch(NamedTuple):
    """Real images (N, C, ...) float32 in [-1, 1], their labels (N,) int64, and source images where there are any."""

    images: Tensor
    labels: Tensor
    source: Tensor | None = None


@runtime_checkable
class Dataset(Protocol):
    """A source of images. Building one and reading `spec` is cheap and imports no torch; `load` does the work."""

    @property
    def spec(self) -> DataSpec: ...

    def load(self, progress: Progress | None = None) -> ImageStore: ...
