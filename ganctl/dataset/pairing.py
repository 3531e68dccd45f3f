"""Whether two collections of pictures belong together by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganctl.dataset.decode import Look


@dataclass(frozen=True)
class Pairing:
    """Names without their endings: in both, in one only, and those in both whose pictures differ in width or height."""

    both: list[str]
    without_source: list[str]
    without_image: list[str]
    unequal: list[str]

    @property
    def are_pairs(self) -> bool:
        """Whether every picture has its partner."""
        return bool(self.both) and not self.without_source and not self.without_image


def stem(name: str) -> str:
    """A file's name with its folders, without the ending."""
    return str(PurePosixPath(name).with_suffix(""))


def pairing(images: Mapping[str, Look], sources: Mapping[str, Look]) -> Pairing:
    """How the pictures of two collections, by name, belong together."""
    first, second = ({stem(name): look for name, look in looks.items()} for looks in (images, sources))
    both = sorted(first.keys() & second.keys())
    return Pairing(
        both=both,
        without_source=sorted(first.keys() - second.keys()),
        without_image=sorted(second.keys() - first.keys()),
        unequal=[n for n in both if (first[n].width, first[n].height) != (second[n].width, second[n].height)],
    )
