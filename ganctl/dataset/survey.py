"""What there is in a folder or zip of pictures: each file looked at once, and what that says of the whole."""

import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

from ganctl.contract import ArgumentError, Progress
from ganctl.dataset.decode import Look, look, quiet_pillow
from ganctl.dataset.duplicates import near, same
from ganctl.dataset.listing import Entry, classes, name_in_one_line, num_threads, open_source
from ganctl.files import one_line

_CHUNK = 256
_NEARLY = 1.05  # of the longer side to the shorter, as that of a square


@dataclass(frozen=True)
class Survey:
    """The images by name with what they are, files that cannot be read with the reason, and files left out.

    `other` are files whose names do not end as an image's does, `outside` those of a zip whose names lead out of it,
    and `linked` how many of the images lie outside the folder, behind a link.
    """

    name: str
    looks: dict[str, Look]
    broken: dict[str, str]
    other: list[str]
    outside: list[str]
    linked: int
    num_bytes: int

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each image, from the smallest area to the largest."""
        return sorted(((look.width, look.height) for look in self.looks.values()), key=lambda size: size[0] * size[1])

    @cached_property
    def shapes(self) -> Counter[str]:
        """How many are square, wide and tall."""
        return Counter(_shape(*size) for size in self.sizes)

    def num_shaped(self, width: int, height: int) -> int:
        """How many have nearly the shape of `width` by `height` pixels, so that cropping takes little away."""
        ratios = (wide * height / (tall * width) for wide, tall in self.sizes)
        return sum(1 / _NEARLY <= ratio <= _NEARLY for ratio in ratios)

    @cached_property
    def formats(self) -> Counter[str]:
        return Counter(look.format for look in self.looks.values())

    @cached_property
    def kinds(self) -> Counter[str]:
        """How many are grey or coloured, and how many have which trait."""
        kinds = Counter("grey" if look.channels == 1 else "colour" for look in self.looks.values())
        return kinds + Counter(trait for look in self.looks.values() for trait in look.traits)

    @cached_property
    def classes(self) -> Counter[str]:
        """How many files each class has; empty where the folders are no classes."""
        if not self.looks:
            return Counter()
        labels, names = classes(list(self.looks))
        return Counter(names[label] for label in labels) if names else Counter()

    @cached_property
    def duplicates(self) -> list[list[str]]:
        """The names of images with equal pixels, in groups."""
        names = list(self.looks)
        return [[names[place] for place in group] for group in same([look.pixels for look in self.looks.values()])]

    @cached_property
    def num_different(self) -> int:
        return len({look.pixels for look in self.looks.values()})

    @cached_property
    def near_duplicates(self) -> list[tuple[str, str]]:
        """Pairs of images that look the same and are not. Of equal ones, the first stands for all."""
        once = {look.pixels: (name, look.likeness) for name, look in reversed(self.looks.items())}
        hashes = {name: likeness for name, likeness in reversed(once.values()) if likeness is not None}
        names = list(hashes)
        return [(names[first], names[second]) for first, second in near(list(hashes.values()))]


def survey(path: str, extensions: Sequence[str], progress: Progress | None = None) -> Survey:
    """Looks at every file at `path`. Raises ArgumentError where there is no folder or zip to look into."""
    source = open_source(path)
    try:
        entries, files = source.entries(extensions), source.entries(None)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ArgumentError("path", path, f"cannot be read ({one_line(error)})") from error
    known = {entry.name for entry in entries}
    rest = [name_in_one_line(entry.name) for entry in files if entry.name not in known]
    outside = [name for name in rest if ".." in name.split("/")]
    looks: dict[str, Look] = {}
    broken: dict[str, str] = {}
    with quiet_pillow(), source.reader() as read, ThreadPoolExecutor(num_threads()) as pool:
        for start in range(0, len(entries), _CHUNK):
            chunk = entries[start : start + _CHUNK]
            for entry, fact in zip(chunk, pool.map(partial(_look_or_fault, read), chunk), strict=True):
                if isinstance(fact, Look):
                    looks[name_in_one_line(entry.name)] = fact
                else:
                    broken[name_in_one_line(entry.name)] = fact
            if progress:
                progress("looking at images", min(start + _CHUNK, len(entries)), len(entries))
    return Survey(
        name=source.name or "image_folder",
        looks=looks,
        broken=broken,
        other=[name for name in rest if name not in set(outside)],
        outside=outside,
        linked=source.num_linked(entries),
        num_bytes=sum(entry.size for entry in entries),
    )


def _look_or_fault(read: Callable[[Entry], bytes], entry: Entry) -> Look | str:
    try:
        return look(read(entry))
    except Exception as error:  # each decompressor of a zip raises its own kind; all are the file's fault
        return one_line(error)


def _shape(width: int, height: int) -> str:
    if max(width, height) <= _NEARLY * min(width, height):
        return "square"
    return "wide" if width > height else "tall"
