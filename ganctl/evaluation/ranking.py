"""The one ranking of scores: best first, and only among those that were made alike. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ganctl.contract import Direction
from ganctl.evaluation.protocol import Protocol, difference, identity
from ganctl.evaluation.scores import Measurement


@dataclass(frozen=True)
class Entry:
    """A score that is to be ranked: whose it is, and under which protocol. `place` is the caller's number for it."""

    place: int
    label: str
    measured: Measurement
    protocol: Protocol


def better(direction: Direction | None, new: float, old: float) -> bool:
    """Whether `new` is strictly better than `old`; NaN is worse than any number, and nothing is without a direction."""
    if direction is None:
        return False
    if math.isnan(new) or math.isnan(old):
        return not math.isnan(new)
    return new < old if direction == "lower" else new > old


def groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries of one score made alike, best first (in their order without a direction); NaN is last."""
    alike: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        measured = entry.measured
        alike.setdefault((measured.score.name, *identity(entry.protocol, measured.metric)), []).append(entry)
    return list(map(best_first, alike.values()))


def best_first(entries: Sequence[Entry]) -> list[Entry]:
    """Entries that may be ranked with each other (in their order without a direction); NaN is last."""
    return sorted(entries, key=_loss)


def reasons(entries: Sequence[Entry]) -> list[str]:
    """Why entries of one score are not ranked with each other: a sentence a group, against the first of that score."""
    sentences = []
    firsts: dict[str, Entry] = {}
    for members in groups(entries):
        entry = min(members, key=lambda member: member.place)
        name, metric = entry.measured.score.name, entry.measured.metric
        first = firsts.setdefault(name, entry)
        labels = (first.label, entry.label)
        sentences.append(difference(name, labels, first.protocol, entry.protocol, metric or first.measured.metric))
    return [sentence for sentence in sentences if sentence is not None]


def _loss(entry: Entry) -> float:
    value, direction = entry.measured.value, entry.measured.score.direction
    if direction is None:
        return 0.0
    return math.inf if math.isnan(value) else value if direction == "lower" else -value
