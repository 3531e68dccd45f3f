"""The scores of one evaluation as typed values, and as they stand on disk. Imports no torch."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from ganctl.contract import Direction, Kind, Score
from ganctl.evaluation.protocol import Protocol, few_modes, too_few
from ganctl.forms import mapping, measured, node, text


@dataclass(frozen=True)
class Measurement:
    """A value of `score`, by the metric of the name `metric` (None = an old record that does not say)."""

    score: Score
    value: float
    metric: str | None


@dataclass(frozen=True)
class ScoreSet:
    """Scores by name, the protocol that they share, and for each metric that could not be computed the reason."""

    scores: Mapping[str, Measurement]
    protocol: Protocol = field(default_factory=Protocol)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        return {name: measured.value for name, measured in self.scores.items()}

    @property
    def headlines(self) -> dict[str, float]:
        """The values that a table shows: no class's share, and no end of an interval."""
        return {name: measured.value for name, measured in self.scores.items() if measured.score.kind == "score"}

    @property
    def shares(self) -> dict[str, float]:
        """How often each class is drawn, by class."""
        return {m.score.of: m.value for m in self.scores.values() if m.score.kind == "share"}

    @property
    def warnings(self) -> list[str]:
        """What makes these scores mean less than they seem to: a sentence each."""
        biased = too_few(self.protocol) if self.quantity("frechet_distance") else None
        return [warning for warning in (biased, few_modes(self.protocol)) if warning]

    def interval(self, name: str) -> tuple[float, float] | None:
        """The ends of the 95 % interval of a score that has one."""
        ends = {m.score.kind: m.value for m in self.scores.values() if m.score.of == name and m.score.kind != "share"}
        return (ends["low"], ends["high"]) if ends.keys() == {"low", "high"} else None

    def quantity(self, name: str) -> dict[str, float]:
        """The scores that measure `name`, whatever the features."""
        return {key: measured.value for key, measured in self.scores.items() if measured.score.quantity == name}

    def with_values(self, values: Mapping[str, float]) -> "ScoreSet":
        """The scores named in `values`, with these values."""
        return replace(self, scores={name: replace(self.scores[name], value=value) for name, value in values.items()})

    def remarked(self, **remarks: Any) -> "ScoreSet":
        """The same, with more remarks in the protocol."""
        return replace(self, protocol=replace(self.protocol, remarks={**self.protocol.remarks, **remarks}))

    def to_plain(self) -> dict[str, Any]:
        """As it stands on disk: values and metrics by score, and in `about` what the metrics declare of them."""
        return {
            "scores": self.values,
            "protocol": self.protocol.to_plain(),
            "made_by": {name: measured.metric for name, measured in self.scores.items() if measured.metric},
            "about": {name: about for name, m in self.scores.items() if (about := _as_plain(m.score))},
            "left_out": dict(self.left_out),
        }

    @staticmethod
    def from_plain(record: Mapping[str, Any]) -> "ScoreSet":
        """What `to_plain` made. Of an older record's scores neither direction nor kind is known."""
        made_by, declared = _TEXTS(record.get("made_by")) or {}, declarations(record)
        return ScoreSet(
            {
                name: Measurement(declared.get(name, Score(name)), value, made_by.get(name))
                for name, value in (_NUMBERS(record.get("scores")) or {}).items()
                if name != "step"
            },
            Protocol.from_plain(record.get("protocol")),
            _TEXTS(record.get("left_out")) or {},
        )


def declarations(record: Mapping[str, Any]) -> dict[str, Score]:
    """What a record says of scores besides their values."""
    declared = {}
    for name, about in (mapping(node)(record.get("about")) or {}).items():
        direction = about.get("direction") if about.get("direction") in get_args(Direction) else None
        kind: Any = about.get("kind") if about.get("kind") in get_args(Kind) else "score"
        declared[name] = Score(name, direction, kind, text(about.get("of")) or "", text(about.get("quantity")) or "")
    return declared


def numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among the values of a record, but for its step."""
    values = _NUMBERS(record) or {}
    return {name: value for name, value in values.items() if name != "step"}


def mean(values: Sequence[float]) -> float:
    """The mean, not a number or infinite where one of the values is."""
    return statistics.fmean(values) if all(map(math.isfinite, values)) else sum(values)


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation (n - 1); None of a single value, not a number where one of several is not finite."""
    if len(values) < 2:
        return None
    return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


_TEXTS, _NUMBERS = mapping(text), mapping(measured)


def _as_plain(score: Score) -> dict[str, Any]:
    usual = asdict(Score(score.name))
    return {key: value for key, value in asdict(score).items() if value != usual[key]}
