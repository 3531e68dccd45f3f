"""Which of two scores is better, by name alone; imports no torch, so that a configuration can be checked early."""

from __future__ import annotations

import math

LOWER_IS_BETTER = ("fid", "fd_", "kid", "kd_", "reverse_kl_", "copies_", "duplicates_")
HIGHER_IS_BETTER = (
    *("is_", "confidence_", "class_accuracy_", "modes_"),
    *("precision_", "recall_", "density_", "coverage_"),
)
"""A whole name, or its beginning where it ends in "_". Ends of intervals (`kid_low`, `kd_digits_low`) judge nothing."""


ENDS = ("_low", "_high")
"""Of the names of an interval's ends."""


def lower_is_better(name: str) -> bool:
    """True for distances, False for scores to be raised. Raises ValueError for names without a better and a worse."""
    if _is_one_of(name, LOWER_IS_BETTER):
        return True
    if _is_one_of(name, HIGHER_IS_BETTER):
        return False
    raise ValueError(
        f"stop.score={name}: has no better and worse; choose a score named fid, fd_<extractor>, kd_<extractor>, "
        "is_<extractor>, precision_<extractor>, recall_<extractor> or the like"
    )


def can_judge(name: str) -> bool:
    """Whether the score has a better and a worse."""
    return _is_one_of(name, LOWER_IS_BETTER) or _is_one_of(name, HIGHER_IS_BETTER)


def is_headline(name: str) -> bool:
    """Whether a table shows the score for itself: no class's share, and no end of an interval."""
    return not name.startswith("share_") and not name.endswith(ENDS)


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
    if name.endswith(ENDS):
        return False
    return any(name.startswith(pattern) if pattern.endswith("_") else name == pattern for pattern in patterns)
