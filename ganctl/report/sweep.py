"""The jobs of a sweep ranked by their scores, and the means over its seeds: what sweep.json holds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ganctl.contract import Direction, Score
from ganctl.evaluation.protocol import Protocol
from ganctl.evaluation.ranking import Entry, groups, reasons
from ganctl.evaluation.scores import Measurement, deviation, mean
from ganctl.forms import number

SEED, PRUNED = "seed", "pruned"
_DIRECTIONS: dict[bool | None, Direction] = {True: "higher", False: "lower"}  # None: it was not said, and none is best


def ranked(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results, best score first, each with its `rank` among the scores made alike; those without one are last.

    Jobs whose scores have another name or another protocol (a sweep over the data, or over the judge) stand in groups
    of their own, one after the other.
    """
    scored = sorted(_entries(results), key=lambda entry: entry.measured.score.name)
    places = {entry.place for entry in scored}
    ranks = [(rank, results[entry.place]) for group in groups(scored) for rank, entry in enumerate(group, start=1)]
    ranks += [(None, result) for place, result in enumerate(results) if place not in places]
    return [{"rank": rank, **result} for rank, result in ranks]


def unequal(jobs: Sequence[dict[str, Any]]) -> list[str]:
    """The sentences that say why jobs with a score of one name are not ranked with each other."""
    return reasons(list(_entries(jobs)))


def over_seeds(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where seeds were swept: for each setting the mean score and its standard deviation (n - 1), best first."""
    means: list[Entry] = []
    rows: list[dict[str, Any]] = []
    for group in groups([entry for entry in _entries(jobs) if SEED in jobs[entry.place]["varied"]]):
        settings: dict[tuple[tuple[str, Any], ...], list[Entry]] = {}
        for entry in group:
            setting = tuple(item for item in jobs[entry.place]["varied"].items() if item[0] != SEED)
            settings.setdefault(setting, []).append(entry)
        for setting, entries in settings.items():
            values, first = [entry.measured.value for entry in entries], entries[0].measured
            average = mean(values)
            means.append(replace(entries[0], place=len(rows), measured=replace(first, value=average)))
            rows.append(
                {
                    "varied": dict(setting),
                    "score": {"name": first.score.name, "higher_is_better": first.score.direction == "higher"},
                    "mean": average,
                    "deviation": deviation(values),
                    "seeds": len(values),
                }
            )
    return [rows[entry.place] for group in groups(means) for entry in group]


def protocol_of(job: dict[str, Any]) -> Protocol:
    """The protocol of a job's score."""
    return Protocol.from_plain((job.get("score") or {}).get("protocol"))


def _entries(results: Sequence[dict[str, Any]]) -> Iterator[Entry]:
    """The scores of those that have one; what was pruned was judged too early to be ranked."""
    for place, result in enumerate(results):
        score = result.get("score") or {}
        value = number(score.get("value"))
        if value is not None and result.get("status") != PRUNED:
            declared = Score(score["name"], _DIRECTIONS.get(score["higher_is_better"]))
            measured = Measurement(declared, float(value), score.get("made_by"))
            yield Entry(place, f"job {result['job']}", measured, protocol_of(result))
