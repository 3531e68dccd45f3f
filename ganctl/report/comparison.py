"""Several runs' scores side by side, ranked only among equals: scores of unequal protocol are refused, or marked."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganctl.evaluation.protocol import difference, identity
from ganctl.evaluation.ranking import better, can_judge, lower_is_better
from ganctl.report.recorded import Recorded, Scores

_NOT_TOLD = ("output.", "final_fid.", "tag", "trust", "dataset.root", "dataset.cache")


@dataclass(frozen=True)
class Row:
    """One run: its rank (None where it may not be ranked), and each score's mean and deviation over draws."""

    rank: int | None
    label: str
    step: int | None
    means: dict[str, float]
    deviations: dict[str, float]
    draws: int
    settings: dict[str, Any]
    protocol: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Rows, best first, by the score `by`; `columns` are the scores that all runs have.

    `unequal` has, for each score whose protocols differ, the sentence that says in what; `settings` are the keys of the
    configuration in which the runs differ.
    """

    by: str
    columns: list[str]
    rows: list[Row]
    settings: list[str]
    unequal: dict[str, str]


def compare(runs: Sequence[Recorded], *, by: str | None = None, force: bool = False) -> Comparison:
    """Ranks `runs` by the score `by` (None: the one that judged them), from sets of scores with one protocol if any.

    Each run may have been judged several times; the newest protocol that all runs share is taken, and where there is
    none, each run's newest. Sets that differ only in their seed count as draws of one.

    Raises:
        ValueError: a run has no scores, or not this one; or the protocols differ and not `force`. In one line.
    """
    for run in runs:
        if not run.final:
            raise ValueError(f"{run.label}: has no scores yet; finish the run, or `ganctl evaluate {run.folder}`")
    by = by or _common_score(runs)
    chosen = _choose(runs, by)
    labels = [run.label for run in runs]
    columns = [name for name in chosen[0][0].values if all(name in draws[0].values for draws in chosen)]
    unequal = {
        name: said
        for name in columns
        if (said := _difference(name, labels, [draws[0] for draws in chosen])) is not None
    }
    if by in unequal and not force:
        raise ValueError(f"{unequal[by]}; evaluate them alike (`ganctl evaluate RUN ...`), or add --force")
    settings = differing(runs)
    rows = [_row(run, draws, columns, settings) for run, draws in zip(runs, chosen, strict=True)]
    return Comparison(
        by, [by, *(name for name in columns if name != by)], _ranked(rows, by, unequal), settings, unequal
    )


def differing(runs: Sequence[Recorded]) -> list[str]:
    """The keys of the configuration in which the runs differ, without those that say where things lie."""
    flat = [run.flat_config() for run in runs]
    keys = list(dict.fromkeys(key for each in flat for key in each))
    told = [key for key in keys if not key.startswith(_NOT_TOLD)]
    return [key for key in told if any(each.get(key) != flat[0].get(key) for each in flat)]


def _common_score(runs: Sequence[Recorded]) -> str:
    named = {run.label: (run.summary.get("score") or {}).get("name") for run in runs}
    names = list(dict.fromkeys(named.values()))
    if len(names) == 1 and names[0] is not None:
        return str(names[0])
    if None in names:
        shared = [name for name in runs[0].final[-1].values if all(name in run.final[-1].values for run in runs)]
        ranked = [name for name in shared if can_judge(name)]
        if ranked:
            return ranked[0]
    said = ", ".join(f"{label} by {name or 'none'}" for label, name in named.items())
    raise ValueError(f"the runs are judged by different scores ({said}); choose one with --score NAME")


def _choose(runs: Sequence[Recorded], by: str) -> list[list[Scores]]:
    """For each run the draws of one protocol that has the score `by`."""
    found = []
    for run in runs:
        having = [scores for scores in run.final if by in scores.values]
        if not having:
            known = ", ".join(dict.fromkeys(name for each in run.final for name in each.values if "share_" not in name))
            raise ValueError(f"--score={by}: {run.label} has no such score; it has {known}")
        groups: dict[tuple[Any, ...], list[Scores]] = {}
        for scores in having:
            key = (scores.step, *identity(by, scores.protocol, scores.made_by))
            seeds = [other.protocol.get("seed") for other in groups.get(key, [])]
            if scores.protocol.get("seed") in seeds:  # evaluated again: the newer stands
                groups[key] = [o for o in groups[key] if o.protocol.get("seed") != scores.protocol.get("seed")]
            groups.setdefault(key, []).append(scores)
        found.append(groups)
    newest = reversed(list(found[0]))
    for key in newest:
        alike = [next((k for k in reversed(list(groups)) if k[1:] == key[1:]), None) for groups in found]
        if all(each is not None for each in alike):
            return [groups[each] for groups, each in zip(found, alike, strict=True) if each is not None]
    return [groups[list(groups)[-1]] for groups in found]


def _difference(name: str, labels: Sequence[str], chosen: Sequence[Scores]) -> str | None:
    first = chosen[0]
    found = (
        difference(name, (labels[0], label), first.protocol, other.protocol, first.made_by | other.made_by)
        for label, other in zip(labels[1:], chosen[1:], strict=True)
    )
    return next((said for said in found if said is not None), None)


def _row(run: Recorded, draws: Sequence[Scores], columns: Sequence[str], settings: Sequence[str]) -> Row:
    values = {name: [each.values[name] for each in draws if name in each.values] for name in columns}
    return Row(
        rank=None,
        label=run.label,
        step=draws[0].step,
        means={name: statistics.fmean(each) for name, each in values.items()},
        deviations={name: statistics.stdev(each) for name, each in values.items() if len(each) > 1},
        draws=len(draws),
        settings={key: run.flat_config().get(key) for key in settings},
        protocol=dict(draws[0].protocol),
    )


def _ranked(rows: list[Row], by: str, unequal: Mapping[str, str]) -> list[Row]:
    lower = lower_is_better(by)

    def loss(row: Row) -> float:
        value = row.means[by]
        return math.inf if math.isnan(value) else value if lower else -value

    ordered = sorted(rows, key=loss)
    if by in unequal:
        return rows
    ranks: list[int] = []
    for place, row in enumerate(ordered):
        tied = place > 0 and not better(by, ordered[place - 1].means[by], row.means[by])
        ranks.append(ranks[-1] if tied else place + 1)
    return [replace(row, rank=rank) for row, rank in zip(ordered, ranks, strict=True)]
