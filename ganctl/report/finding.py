"""One thing that a report warns of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["error", "warning", "note"]

LEVELS: tuple[str, ...] = get_args(Level)
"""The grave ones first."""


@dataclass(frozen=True)
class Finding:
    """`evidence` has the numbers, `advice` what they usually mean, `cure` what to type: overrides or a command."""

    level: Level
    title: str
    evidence: str
    advice: str
    cure: str
