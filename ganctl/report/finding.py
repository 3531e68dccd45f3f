"""One thing that a report warns of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """`seen` has the numbers, `advice` what they usually mean, `cure` what to type: overrides, or a whole command."""

    level: Level
    title: str
    seen: str
    advice: str
    cure: str


def tail(values: Sequence[float], parts: int = 5) -> list[float]:
    """The last of `parts` equal parts of a curve, at least one value of it."""
    return list(values[-max(1, len(values) // parts) :])
