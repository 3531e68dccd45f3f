"""Which of two scores is better, by name alone; imports no torch, so that a configuration can be checked early."""

from __future__ import annotations

import math

LOWER_IS_BETTER = ("fid", "fd_")  # a whole name, or its beginning where it ends in "_"
HIGHER_IS_BETTER = ("is_", "confidence_")


def lower_is_better(name: str) -> bool:
    """True for distances, False for scores to be raised. Raises ValueError for names without a better and a worse."""
    if _is_one_of(name, LOWER_IS_BETTER):
        return True
    if _is_one_of(name, HIGHER_IS_BETTER):
        return False
    raise ValueError(
        f"stop.score={name}: has no better and worse; choose a score named fid, fd_<extractor>, is_<extractor> or "
        "confidence_<extractor>"
    )


def better(name: str, new: float, old: float) -> bool:
    """Whether the score `new` is strictly better than `old`; NaN is worse than any number."""
    lower = lower_is_better(name)
    if math.isnan(new) or math.isnan(old):
        return not math.isnan(new)
    return new < old if lower else new > old


def frechet_name(extractor: str) -> str:
    """What the Frechet distance is called with this extractor: `fid` is Inception's alone."""
    return "fid" if extractor == "inception" else f"fd_{extractor}"


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name.startswith(pattern) if pattern.endswith("_") else name == pattern for pattern in patterns)
