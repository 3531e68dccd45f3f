"""How the numbers of a run are put into words: the same in a terminal, a pipe and a log file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganctl.evaluation.scores import ScoreSet

_PAIRS = ({"d_loss": "d", "g_loss": "g"}, {"d_real": "D(real)", "d_fake": "D(fake)"})
_GAP = "  "
REAL_NAME = "held-out real images"
"""What scores stand beside those of a run, unless their record names them."""


@dataclass(frozen=True)
class Standing:
    """How far a training is: `step` of `total_steps`, its last log, speed, time left, score (None = not known yet)."""

    step: int
    total_steps: int
    log: Mapping[str, float] = field(default_factory=dict)
    images_per_second: float | None = None
    seconds_left: float | None = None
    score: tuple[str, float] | None = None


def training_line(standing: Standing) -> str:
    """`step 500/10000  d 0.91 g 1.72  D(real) 0.71 D(fake) 0.31  2310 images/s  0:03:12 left  fd_digits 21.3`."""
    parts = [f"step {standing.step}/{standing.total_steps}", losses(standing.log), pace(standing), latest(standing)]
    return _GAP.join(filter(None, parts))


def losses(log: Mapping[str, float]) -> str:
    """Losses and probabilities of a log, then what else it holds; penalties that are nought are left out."""
    groups = [
        " ".join(f"{name} {_two_decimals(log[key])}" for key, name in pair.items() if key in log) for pair in _PAIRS
    ]
    for key, value in log.items():
        is_no_penalty = key in ("d_penalty", "g_penalty") and value == 0
        if not is_no_penalty and not any(key in pair for pair in _PAIRS):
            groups.append(f"{key} {_two_decimals(value)}")
    return _GAP.join(filter(None, groups))


def pace(standing: Standing) -> str:
    """`2310 images/s  0:03:12 left`, or as much of it as is known."""
    speed, left = standing.images_per_second, standing.seconds_left
    parts = [] if speed is None else [f"{speed:.0f} images/s" if speed >= 10 else f"{speed:.2g} images/s"]
    return _GAP.join(parts if left is None else [*parts, f"{duration(left)} left"])


def latest(standing: Standing) -> str:
    """`fd_digits 21.3`, or nothing."""
    return "" if standing.score is None else f"{standing.score[0]} {brief(standing.score[1])}"


def duration(seconds: float) -> str:
    """`0:03:12`; from a day on `2 d 03:12:00`."""
    if not math.isfinite(seconds):
        return "?"
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    start = f"{hours}" if hours < 24 else f"{hours // 24} d {hours % 24:02d}"
    return f"{start}:{minute:02d}:{second:02d}"


def brief(value: float) -> str:
    """A score in about three digits: 0.0123, 9.12, 21.3, 1234."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def with_intervals(scores: ScoreSet) -> dict[str, float | str]:
    """The headlines, those that have an interval in words with it."""
    texts: dict[str, float | str] = {}
    for name, value in scores.headlines.items():
        ends = scores.interval(name)
        texts[name] = value if ends is None else f"{value:.4g}, 95 % within {ends[0]:.4g} to {ends[1]:.4g}"
    return texts


def score_texts(scores: Mapping[str, float | str]) -> dict[str, str]:
    """Scores in four digits, by name; what is in words already stays."""
    return {
        name: value if isinstance(value, str) else f"{float(value):.4g}" if abs(value) < 1000 else brief(value)
        for name, value in scores.items()
    }


def beside_others(scores: Mapping[str, float | str], others: Mapping[str, Any]) -> dict[str, str]:
    """Scores in words, each with what the record `others` (a plain `ScoreSet` and its name) has of the same, if any."""
    texts, same = score_texts(scores), score_texts(with_intervals(ScoreSet.from_plain(others)))
    name = others.get("name", REAL_NAME)
    return texts | {key: f"{texts[key]}  ({name}: {text})" for key, text in same.items() if key in texts}


def scores_line(step: int, total_steps: int, scores: Mapping[str, float | str], *, best: bool) -> str:
    """`step 2000/10000  fd_digits 21.3  is_digits 8.91  best so far`."""
    named = [f"{name} {text}" for name, text in score_texts(scores).items()]
    return _GAP.join([f"step {step}/{total_steps}", *named, *(["best so far"] if best else [])])


def progress_line(what: str, done: int, total: int, seconds_left: float | None) -> str:
    """`evaluating 2500/5000  0:00:12 left`."""
    return f"{what} {count(done, total)}" + ("" if seconds_left is None else f"{_GAP}{duration(seconds_left)} left")


def counted(number: float, noun: str) -> str:
    """`1 step`, `2,000 steps`, `0.5 minutes`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def count(done: int, total: int) -> str:
    """`2500/5000`, or `2500` where `total` is 0, not known."""
    return f"{done}/{total}" if total else str(done)


def aligned(rows: Mapping[str, str]) -> list[str]:
    """One line a row, the values below each other."""
    width = max((len(name) for name in rows), default=0)
    return [f"{name:<{width}}{_GAP}{text}".rstrip() for name, text in rows.items()]


def _two_decimals(value: float) -> str:
    return f"{value:.2f}" if value == 0 or 0.005 <= abs(value) < 1000 else f"{value:.2g}"
