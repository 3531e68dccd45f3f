"""Courses of the learning rate, side by side: functions of (step, total_steps) to a factor in (0, 1], with no state.

`step` counts from 0 and `total_steps` is the run's budget. All share a linear warm-up (Goyal et al. 2017,
arXiv:1706.02677, section 2.2), the factor (step + 1) / (warmup_steps + 1), which reaches 1 at step `warmup_steps`; the
course proper begins there and ends at `total_steps`. A run resumed with a longer budget follows the longer course from
where it is. Values outside the ranges of their YAML files raise ArgumentError.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganctl.contract import ArgumentError


@dataclass(frozen=True)
class Constant:
    """1 throughout, after the warm-up."""

    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _check_warmup(self.warmup_steps)

    def __call__(self, step: int, total_steps: int) -> float:
        return _warmup(step, self.warmup_steps)


@dataclass(frozen=True)
class Linear:
    """1 + (final - 1) p, with p the share of the course that is over: from 1 straight down to `final`."""

    final: float = 0.01
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _check_share("final", self.final)
        _check_warmup(self.warmup_steps)

    def __call__(self, step: int, total_steps: int) -> float:
        p = _progress(step, total_steps, self.warmup_steps)
        return _warmup(step, self.warmup_steps) * (1 - p + self.final * p)


@dataclass(frozen=True)
class Cosine:
    """final + (1 - final) (1 + cos(pi p)) / 2: Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, no restarts."""

    final: float = 0.01
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _check_share("final", self.final)
        _check_warmup(self.warmup_steps)

    def __call__(self, step: int, total_steps: int) -> float:
        p = _progress(step, total_steps, self.warmup_steps)
        share = (1 + math.cos(math.pi * p)) / 2
        return _warmup(step, self.warmup_steps) * (share + self.final * (1 - share))


@dataclass(frozen=True)
class Exponential:
    """final^p: every step divides the rate by the same number, and `final` is reached at the end of any budget."""

    final: float = 0.01
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _check_share("final", self.final)
        _check_warmup(self.warmup_steps)

    def __call__(self, step: int, total_steps: int) -> float:
        return _warmup(step, self.warmup_steps) * self.final ** _progress(step, total_steps, self.warmup_steps)


@dataclass(frozen=True)
class Cyclic:
    """The triangular policy (Smith 2017, arXiv:1506.01186, section 3): from `low` up to 1 and down, in `period` steps.

    Smith's step size is half our period. The warm-up leads to `low`, where the first cycle begins.
    """

    period: int = 2000
    low: float = 0.1
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if self.period < 2:
            raise ArgumentError("period", self.period, "must be in [2, inf)", 2000)
        _check_share("low", self.low)
        _check_warmup(self.warmup_steps)

    def __call__(self, step: int, total_steps: int) -> float:
        phase = max(0, step - self.warmup_steps) % self.period / self.period
        height = 1 - abs(2 * phase - 1)
        return _warmup(step, self.warmup_steps) * (height + self.low * (1 - height))


def _warmup(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / (warmup_steps + 1))


def _progress(step: int, total_steps: int, warmup_steps: int) -> float:
    """The share, in [0, 1], that is over of the steps between the warm-up and the end."""
    return min(1.0, max(0, step - warmup_steps) / max(1, total_steps - warmup_steps))


def _check_warmup(warmup_steps: int) -> None:
    if warmup_steps < 0:
        raise ArgumentError("warmup_steps", warmup_steps, "must be in [0, inf)", 0)


def _check_share(argument: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ArgumentError(argument, value, "must be in (0, 1]", 0.1)
