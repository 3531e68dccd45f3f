"""Ranges of numbers, written `[0, inf)` in the comments of YAML files and at the fields of parts."""

import re
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from ganctl.contract import ArgumentError

Number = TypeVar("Number", int, float)
_NUMBER = r"[-+]?(?:inf|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)"
_INTERVAL = rf"([\[(])\s*({_NUMBER})\s*,\s*({_NUMBER})\s*([\])])"


@dataclass(frozen=True)
class Interval:
    """A range of numbers, open at the ends whose bracket is round."""

    low: float
    high: float
    low_open: bool
    high_open: bool

    def __contains__(self, value: float) -> bool:
        above = value > self.low or (value == self.low and not self.low_open)
        below = value < self.high or (value == self.high and not self.high_open)
        return above and below

    def __str__(self) -> str:
        return f"{'(['[not self.low_open]}{self.low:.15g}, {self.high:.15g}{')]'[not self.high_open]}"


def find_interval(text: str, before: str = "") -> Interval | None:
    """The first interval in `text`, behind the pattern `before`; None if there is none."""
    match = re.search(before + _INTERVAL, text)
    return Interval(float(match[2]), float(match[3]), match[1] == "(", match[4] == ")") if match else None


def ranged(default: Any, interval: str, *, cure: object) -> Any:
    """A dataclass field with a range; `cure` is a value to try instead of one outside it."""
    return field(default=default, metadata={"interval": find_interval(interval), "cure": cure})


def check_ranges(part: Any) -> None:
    """Raises ArgumentError for a field of the dataclass `part` outside its range; None is in any. A `__post_init__`."""
    for entry in fields(part):
        value, interval = getattr(part, entry.name), entry.metadata.get("interval")
        if interval is not None and value is not None:
            _check(entry.name, value, interval, entry.metadata["cure"])


def in_range(argument: str, value: Number, interval: str, *, cure: object) -> Number:
    """`value`, of a part that is no dataclass. Raises ArgumentError if it lies outside its range."""
    _check(argument, value, find_interval(interval), cure)
    return value


def _check(argument: str, value: float, interval: Interval | None, cure: object) -> None:
    if interval is not None and value not in interval:
        raise ArgumentError(argument, value, f"must be in {interval}", cure)
