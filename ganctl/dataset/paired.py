"""Images with the images that they are to be made of: pairs in one file or two folders, or two folders of any."""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.image_folder import EXTENSIONS, MAX_BROKEN, ImageFolder
from ganctl.dataset.listing import name_in_one_line
from ganctl.dataset.pairing import stem
from ganctl.dataset.size import Resolution

SPLITS = ("train", "test")
_NAMED = 3  # names that a message lists


class PairedFolder:
    """Pairs of a source and an image: side by side in one file, or of one name in two folders.

    Without `sources`, each file at `path` holds both, `side` (left, right) the source. With it, the images are at
    `path` and their sources at `sources`, in files whose names differ by the ending at most. `test_path` (and
    `test_sources`) are pairs kept from training; without them the task keeps a share of these. What cannot be read is
    left out with its partner. The other arguments are those of `ImageFolder`; `source_channels` is 3 or 1.

    Raises:
        ArgumentError: nothing is there, or names have no partner.
    """

    paired: ClassVar = True

    def __init__(
        self,
        *,
        path: str | int | None = None,
        sources: str | None = None,
        test_path: str | None = None,
        test_sources: str | None = None,
        split: str = "train",
        side: str = "left",
        resolution: Resolution = 64,
        channels: int = 3,
        source_channels: int = 3,
        fit: str = "crop",
        filter: str = "lanczos",
        extensions: Sequence[str] = EXTENSIONS,
        max_broken: float = MAX_BROKEN,
        cache: str | None = None,
    ) -> None:
        if side not in ("left", "right"):
            raise ArgumentError("side", side, "is neither left nor right", "left")
        if split not in SPLITS:
            raise ArgumentError("split", split, "is neither train nor test", "train")
        if split == "test" and test_path is None:
            raise ArgumentError("split", split, "there is no dataset.test_path", "train")
        self.split, self.has_test = split, test_path is not None
        self.names = ("path", "sources") if split == "train" else ("test_path", "test_sources")
        path, sources = (path, sources) if split == "train" else (test_path, test_sources)
        shared = {"resolution": resolution, "fit": fit, "filter": filter, "extensions": extensions}
        shared |= {"max_broken": max_broken, "cache": cache}
        if sources is None:
            other = {"left": "right", "right": "left"}[side]
            self.images: ImageFolder = Half(half=other, path=path, channels=channels, **shared)
            self.sources: ImageFolder = Half(half=side, path=path, channels=source_channels, **shared)
        else:
            self.images = ImageFolder(path=path, channels=channels, **shared)
            with_key = "test_sources" if split == "test" else "sources"
            self.sources = _under(with_key, partial(ImageFolder, path=sources, channels=source_channels, **shared))

    @cached_property
    def spec(self) -> DataSpec:
        """Takes a listing of the files. Raises ArgumentError where a name has no partner."""
        if not isinstance(self.images, Half):
            self._check_names()
        return _spec_of(self.images, self.sources)

    def load(self, progress: Progress | None = None) -> ImageStore:
        spec = self.spec
        images, sources = self.images.load(progress), self.sources.load(progress)
        rows = [_rows_by_name(folder, store) for folder, store in ((self.images, images), (self.sources, sources))]
        both = [name for name in rows[0] if name in rows[1]]
        numbers = [[places[name] for name in both] for places in rows]
        pixels = [_taken(store.images, order) for store, order in zip((images, sources), numbers, strict=True)]
        return _together(spec, pixels, (images, sources), paired=True, split=self.split)

    def _check_names(self) -> None:
        first, second = ({stem(entry.name) for entry in folder.entries} for folder in (self.images, self.sources))
        for key, missing, other in zip(self.names, (second - first, first - second), reversed(self.names), strict=True):
            if missing:
                named = ", ".join(sorted(missing)[:_NAMED]) + (" and others" if len(missing) > _NAMED else "")
                path = (self.images if key == self.names[0] else self.sources).path
                need = f"has no partner of {named} of {other}; rename or remove what has none"
                raise ArgumentError(key, path, need)


class UnpairedFolder:
    """Images, and sources that belong to none of them: two folders or zips of any images.

    `path` holds what the generator is to make, `sources` what it makes it of; `test_sources` are sources kept from
    training, and `test_path` images to judge by (None: those of `path`).

    Raises:
        ArgumentError: nothing is there.
    """

    paired: ClassVar = False

    def __init__(
        self,
        *,
        path: str | int | None = None,
        sources: str | None = None,
        test_path: str | None = None,
        test_sources: str | None = None,
        split: str = "train",
        resolution: Resolution = 64,
        channels: int = 3,
        source_channels: int = 3,
        fit: str = "crop",
        filter: str = "lanczos",
        extensions: Sequence[str] = EXTENSIONS,
        max_broken: float = MAX_BROKEN,
        cache: str | None = None,
    ) -> None:
        if split not in SPLITS:
            raise ArgumentError("split", split, "is neither train nor test", "train")
        if split == "test" and test_sources is None:
            raise ArgumentError("split", split, "there is no dataset.test_sources", "train")
        self.split, self.has_test = split, test_sources is not None
        shared = {"resolution": resolution, "fit": fit, "filter": filter, "extensions": extensions}
        shared |= {"max_broken": max_broken, "cache": cache}
        chosen = (path, sources) if split == "train" else (path if test_path is None else test_path, test_sources)
        self.images = ImageFolder(path=chosen[0], channels=channels, **shared)
        key = "sources" if split == "train" else "test_sources"
        self.sources = _under(key, partial(ImageFolder, path=chosen[1], channels=source_channels, **shared))

    @cached_property
    def spec(self) -> DataSpec:
        return _spec_of(self.images, self.sources)

    def load(self, progress: Progress | None = None) -> ImageStore:
        images, sources = self.images.load(progress), self.sources.load(progress)
        return _together(self.spec, [images.images, sources.images], (images, sources), paired=False, split=self.split)


class Half(ImageFolder):
    """The left or the right half of each image, brought to one size."""

    def __init__(self, *, half: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.half = half

    def _to_pixels(self, channels: int | None) -> Callable[[bytes], numpy.ndarray]:
        from ganctl.dataset.decode import half_of

        scaled = super()._to_pixels(channels)
        return partial(half_of, half=self.half, decode=scaled)

    @property
    def _variant(self) -> dict[str, Any]:
        return {"half": self.half}


def _under(key: str, build: Callable[[], ImageFolder]) -> ImageFolder:
    """What `build` gives; what it says of a `path` is said of `key`."""
    try:
        return build()
    except ArgumentError as error:
        raise (error.under(key) if error.argument == "path" else error) from None


def _spec_of(images: ImageFolder, sources: ImageFolder) -> DataSpec:
    return DataSpec(images.spec.name, images.spec.image_shape, None, source_shape=sources.spec.image_shape)


def _rows_by_name(folder: ImageFolder, store: ImageStore) -> dict[str, int]:
    """Which row of the store each file became, by its name without ending, in order."""
    broken = {line.partition(" ")[0] for line in store.left_out}
    names = [stem(entry.name) for entry in folder.entries if name_in_one_line(entry.name) not in broken]
    return {name: row for row, name in enumerate(names)}


def _taken(pixels: numpy.ndarray, order: list[int]) -> numpy.ndarray:
    return pixels if order == list(range(len(pixels))) else pixels[order]


def _together(
    spec: DataSpec, pixels: list[numpy.ndarray], stores: Sequence[ImageStore], *, paired: bool, split: str
) -> ImageStore:
    images, sources = pixels
    digest = hashlib.sha256("".join(store.content_hash for store in stores).encode()).hexdigest()
    left_out = tuple(dict.fromkeys(line for store in stores for line in store.left_out))
    labels = numpy.zeros(len(images), numpy.int64)
    return ImageStore(spec, images, labels, digest, split=split, sources=sources, paired=paired, left_out=left_out)
