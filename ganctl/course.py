"""The way along which numbers of a run go from one value to another."""

import math


def half_cosine(first: float, last: float, share: float) -> float:
    """first + (last - first) (1 - cos(pi share)) / 2: `first` at a `share` of 0, `last` at 1, level at both ends."""
    return first + (last - first) * (1 - math.cos(math.pi * share)) / 2
