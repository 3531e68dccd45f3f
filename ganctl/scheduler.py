"""Courses of the learning rate, side by side: functions of (step, total_steps) to a factor in (0, 1], with no state.

`step` counts from 0 and `total_steps` is the run's budget. All share a linear warm-up (Goyal et al. 2017,
arXiv:1706.02677, section 2.2), the factor (step + 1) / (warmup_steps + 1), which reaches 1 at step `warmup_steps`; the
course proper begins there and ends at `total_steps`. A run resumed with a longer budget follows the longer course from
where it is. Values outside the ranges of their YAML files raise ArgumentError.
"""

import math
from dataclasses import dataclass

from ganctl.course import half_cosine
from ganctl.ranges import check_ranges, ranged


@dataclass(frozen=True)
class Constant:
    """1 throughout, after the warm-up."""

    warmup_steps: int = ranged(0, "[0, inf)", cure=0)

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        return _warmup(step, self.warmup_steps)


@dataclass(frozen=True)
class Linear:
    """1 + (final - 1) p, with p the share of the course that is over: from 1 straight down to `final`."""

    final: float = ranged(0.01, "(0, 1]", cure=0.1)
    warmup_steps: int = ranged(0, "[0, inf)", cure=0)

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        p = _progress(step, total_steps, self.warmup_steps)
        return _warmup(step, self.warmup_steps) * (1 - p + self.final * p)


@dataclass(frozen=True)
class Cosine:
    """final + (1 - final) (1 + cos(pi p)) / 2: Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, no restarts."""

    final: float = ranged(0.01, "(0, 1]", cure=0.1)
    warmup_steps: int = ranged(0, "[0, inf)", cure=0)

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        p = _progress(step, total_steps, self.warmup_steps)
        share = (1 + math.cos(math.pi * p)) / 2
        return _warmup(step, self.warmup_steps) * (share + self.final * (1 - share))


@dataclass(frozen=True)
class Exponential:
    """final^p: every step divides the rate by the same number, and `final` is reached at the end of any budget."""

    final: float = ranged(0.01, "(0, 1]", cure=0.1)
    warmup_steps: int = ranged(0, "[0, inf)", cure=0)

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        return _warmup(step, self.warmup_steps) * self.final ** _progress(step, total_steps, self.warmup_steps)


@dataclass(frozen=True)
class Cyclic:
    """The triangular policy (Smith 2017, arXiv:1506.01186, section 3): from `low` up to 1 and down, in `period` steps.

    Smith's step size is half our period. The warm-up leads to `low`, where the first cycle begins.
    """

    period: int = ranged(2000, "[2, inf)", cure=2000)
    low: float = ranged(0.1, "(0, 1]", cure=0.1)
    warmup_steps: int = ranged(0, "[0, inf)", cure=0)

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        phase = max(0, step - self.warmup_steps) % self.period / self.period
        height = 1 - abs(2 * phase - 1)
        return _warmup(step, self.warmup_steps) * (height + self.low * (1 - height))


@dataclass(frozen=True)
class BurnIn:
    """From 1 to `final` along half a cosine over the burn-in, then level (Huang et al. 2024, arXiv:2501.05441).

    As in the authors' training_loop.py, Adam's second beta goes from the optimizer's to `final_beta2` on the same way
    (None: it stays). `burn_in_steps` is the length.
    """

    final: float = ranged(0.25, "(0, 1]", cure=0.25)
    final_beta2: float | None = ranged(0.99, "[0, 1)", cure=0.99)
    warmup_steps: int = ranged(0, "[0, inf)", cure=0)
    burn_in_steps: float = 1.0

    __post_init__ = check_ranges

    def __call__(self, step: int, total_steps: int) -> float:
        return _warmup(step, self.warmup_steps) * half_cosine(1.0, self.final, min(1.0, step / self.burn_in_steps))

    def beta2(self, beta2: float, step: int) -> float:
        last = beta2 if self.final_beta2 is None else self.final_beta2
        return half_cosine(beta2, last, min(1.0, step / self.burn_in_steps))


def _warmup(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / (warmup_steps + 1))


def _progress(step: int, total_steps: int, warmup_steps: int) -> float:
    """The share, in [0, 1], that is over of the steps between the warm-up and the end."""
    return min(1.0, max(0, step - warmup_steps) / max(1, total_steps - warmup_steps))
