"""Random patches of one or a few large pictures: textures to learn where there is no collection."""

import importlib.util
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.image_folder import EXTENSIONS, ImageFolder
from ganctl.dataset.listing import Entry, Folder, digest, name_in_one_line
from ganctl.dataset.store import Content, expanded, packed

_RANGES = {
    "num_images": (2, 10_000_000),
    "patch": (4, 16_384),
    "resolution": (4, 1024),
    "seed": (0, 2**32 - 1),
}
_BLOCK = 256


class Crops:
    """`num_images` squares of `patch` pixels, at places drawn uniformly by `seed`, scaled to `resolution`.

    Each picture at `path` (None: china.jpg, 640x427, which scikit-learn ships) gives as many as any other, to one. The
    arguments are those of configs/dataset/crops.yaml. Raises ArgumentError for other arguments, where there is no
    picture, and, in `load`, for one that cannot be read or is smaller than a patch.
    """

    def __init__(
        self,
        *,
        path: str | int | None = None,
        num_images: int = 10_000,
        patch: int = 64,
        resolution: int = 64,
        channels: int = 3,
        seed: int = 0,
        cache: str | None = None,
    ):
        values = {"num_images": num_images, "patch": patch, "resolution": resolution, "seed": seed}
        for argument, (least, most) in _RANGES.items():
            if type(values[argument]) is not int or not least <= values[argument] <= most:
                raise ArgumentError(argument, values[argument], f"is no whole number in [{least}, {most}]")
        if channels not in (1, 3):
            raise ArgumentError("channels", channels, "is neither 3 (colour) nor 1 (grey)")
        self.path = _shipped() if path is None else str(path)
        self.num_images, self.patch, self.seed, self.cache = num_images, patch, seed, cache
        self.spec = DataSpec("crops", (channels, resolution, resolution), None)
        place = expanded("path", self.path)
        self.name = place.name if place.is_file() and place.suffix.lower().lstrip(".") in EXTENSIONS else None
        folder = str(place.parent) if self.name else self.path
        self.folder = ImageFolder(path=folder, resolution=None, channels=channels, max_broken=0)

    @cached_property
    def entries(self) -> list[Entry]:
        """The pictures, listed at first use."""
        if self.name is None:
            return self.folder.entries
        assert isinstance(self.folder.source, Folder)
        status = (self.folder.source.path / self.name).stat()
        return [Entry(self.name, status.st_size, status.st_mtime_ns)]

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the pictures."""
        return packed(
            self.spec,
            key={
                "source": self.folder.source.state(),
                "listing": digest(self.entries),
                "num_images": self.num_images,
                "patch": self.patch,
                "seed": self.seed,
            },
            read=lambda: Content(numpy.zeros(self.num_images, numpy.int64), self._blocks()),
            cache=self.cache,
            progress=progress,
        )

    def _blocks(self) -> Iterator[numpy.ndarray]:
        from ganctl.dataset.decode import quiet_pillow, scaled

        with quiet_pillow(), self.folder.source.reader() as read:
            for number, entry in enumerate(self.entries):
                count = (self.num_images + number) // len(self.entries)
                picture = self._picture(read, entry)
                draw = numpy.random.default_rng((self.seed, number))
                tops, lefts = (draw.integers(0, side - self.patch + 1, count) for side in picture.shape[1:])
                for start in range(0, count, _BLOCK):
                    places = zip(tops[start : start + _BLOCK], lefts[start : start + _BLOCK], strict=True)
                    patches = [picture[:, t : t + self.patch, left : left + self.patch] for t, left in places]
                    yield numpy.stack([scaled(patch, self.spec.image_shape[1]) for patch in patches])

    def _picture(self, read: Callable[[Entry], bytes], entry: Entry) -> numpy.ndarray:
        """(C, H, W)."""
        from ganctl.dataset.decode import decode

        name = name_in_one_line(entry.name)
        try:
            pixels = decode(read(entry), size=None, channels=self.spec.image_shape[0], fit="crop", resample="box")
        except Exception as error:  # each decompressor of a zip raises its own kind; all are the file's fault
            raise ArgumentError("path", self.path, f"{name} {error}; repair or remove it") from error
        if min(pixels.shape[1:]) < self.patch:
            size = f"{pixels.shape[2]}x{pixels.shape[1]}"
            raise ArgumentError("patch", self.patch, f"{name} has {size} pixels only", min(pixels.shape[1:]))
        return pixels


def _shipped() -> str:
    spec = importlib.util.find_spec("sklearn")  # imports nothing
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent / "datasets" / "images" / "china.jpg")
