"""What a report says of a run at several places: its judge, best score, end and curves, also of one that was killed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ganctl.evaluation.ranking import better, can_judge, lower_is_better
from ganctl.report.recorded import Recorded, numbers

UNFINISHED = "unfinished"
NOT_CURVES = ("step", "kind", "seconds")
"""What stands in every line of losses and is no curve."""


def status(run: Recorded) -> str:
    """The summary's word for how it ended; "unfinished" without one, or where the run went on after it and stopped."""
    ended = run.summary.get("status")
    if not isinstance(ended, str) or last_step(run) > _whole(run.summary.get("step"), last_step(run)):
        return UNFINISHED
    return ended


def last_step(run: Recorded) -> int:
    """The last step of which anything is known; 0 before the first."""
    steps = [_whole(record.get("step"), 0) for record in (*run.losses[-1:], *run.scores[-1:])]
    return max(steps, default=_whole(run.summary.get("step"), 0))


def seconds(run: Recorded) -> float | None:
    """How long it trained, by the summary or by its last line."""
    found = number(run.summary.get("seconds")) if status(run) != UNFINISHED else None
    return found if found is not None or not run.losses else number(run.losses[-1].get("seconds"))


def total_steps(run: Recorded) -> int | None:
    """The steps it was to train; None where epochs say it, whose length is not recorded."""
    settings = run.flat_config()
    steps, images, batch = (number(settings.get(f"training.{key}")) for key in ("steps", "images", "batch_size"))
    if steps:
        return int(steps)
    return math.ceil(images / batch) if images and batch else None


def budget(run: Recorded) -> str:
    """`64,000 images: 1,000 steps of 64`, as far as it is known."""
    settings, steps = run.flat_config(), total_steps(run)
    batch = number(settings.get("training.batch_size"))
    parts = []
    for key in ("epochs", "images"):
        if (value := number(settings.get(f"training.{key}"))) is not None:
            parts.append(f"{value:,.6g} {key}" if value < 1e6 or key == "epochs" else f"{value:,.0f} {key}")
    if steps is not None:
        parts.append(f"{steps:,} steps" + (f" of {batch:.0f}" if batch else ""))
    return ": ".join(parts) or "unknown"


def judged_by(run: Recorded) -> str | None:
    """The score that decides which checkpoint is best; None where none is known yet."""
    named = (run.summary.get("score") or {}).get("name") or run.flat_config().get("stop.score")
    if named:
        return str(named)
    for record in reversed(run.scores):
        frechet = [name for name in numbers(record) if name == "fid" or name.startswith("fd_")]
        if frechet:
            return frechet[0]
    return None


def best(run: Recorded) -> tuple[str, float, int | None] | None:
    """The judging score of the best checkpoint: name, value, step. By the summary, else by the evaluations so far."""
    name = judged_by(run)
    if name is None:
        return None
    value = number((run.summary.get("score") or {}).get("value"))
    if value is not None and status(run) != UNFINISHED:
        step = run.summary.get("best_step")
        return name, value, step if isinstance(step, int) else None
    steps, values = series(run.scores, name)
    place = best_place(name, values)
    return None if place is None else (name, values[place], int(steps[place]))


def best_place(name: str, values: Sequence[float]) -> int | None:
    """The index of the best of `values`; None where none is a number, or the score has no better and worse."""
    if direction(name) is None:
        return None
    found: int | None = None
    for place, value in enumerate(values):
        if math.isfinite(value) and (found is None or better(name, value, values[found])):
            found = place
    return found


def direction(name: str) -> str | None:
    """`lower` or `higher` is better; None for what has no better and worse."""
    if not can_judge(name):
        return None
    return "lower" if lower_is_better(name) else "higher"


def series(records: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one quantity, NaN and infinite ones included."""
    pairs = [(number(record.get("step")), record.get(name)) for record in records]
    found = [
        (step, float(value))
        for step, value in pairs
        if step is not None and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return [step for step, _ in found], [value for _, value in found]


def names_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """All quantities of these lines, in order of appearance."""
    return list(dict.fromkeys(name for record in records for name in numbers(record) if name not in NOT_CURVES))


def shares(values: Mapping[str, float]) -> dict[str, float]:
    """The class shares among scores, by the class: `share_3_digits` is {"3": ...}."""
    found = {name: value for name, value in values.items() if name.startswith("share_")}
    return {name.split("_")[1]: value for name, value in found.items() if len(name.split("_")) >= 3}


def newest_scores(run: Recorded) -> tuple[dict[str, float], dict[str, Any], int | None]:
    """Values, protocol and step of the last set of scores: the final one, else the last evaluation; empty if none."""
    if run.final:
        return run.final[-1].values, run.final[-1].protocol, run.final[-1].step
    if run.scores:
        record = run.scores[-1]
        step = record.get("step")
        return numbers(record), record.get("protocol") or {}, step if isinstance(step, int) else None
    return {}, {}, None


def class_shares(run: Recorded) -> tuple[dict[str, float], dict[str, Any]]:
    """The newest class shares there are, with the protocol of their scores; empty if none."""
    for scores in reversed(run.final):
        if found := shares(scores.values):
            return found, scores.protocol
    for record in reversed(run.scores):
        if found := shares(numbers(record)):
            return found, record.get("protocol") or {}
    return {}, {}


def number(value: object) -> float | None:
    """A finite number as float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: object, otherwise: int) -> int:
    found = number(value)
    return otherwise if found is None else int(found)
