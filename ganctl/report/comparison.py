"""Several runs' scores side by side, ranked only among equals: scores of unequal protocol are refused, or marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganctl.contract import Score
from ganctl.evaluation.protocol import identity
from ganctl.evaluation.ranking import Entry, best_first, better, reasons
from ganctl.evaluation.scores import deviation, mean
from ganctl.forms import printable, shorten
from ganctl.report.facts import score_of
from ganctl.report.recorded import Evaluation, Recorded

NO_SETTINGS = ("output.", "final_fid.", "tag", "trust", "dataset.root", "dataset.cache")
_CODE = ("_target_", "shape_rule")  # which the names of the options say in fewer words


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

    def text(self, name: str) -> str:
        """A score in four digits, with its deviation where there are several draws."""
        spread = f" ± {self.deviations[name]:.2g}" if name in self.deviations else ""
        return f"{self.means[name]:.4g}{spread}"


@dataclass(frozen=True)
class Comparison:
    """Rows, best first, by the score `by`; `columns` are the scores that all runs have, `headlines` the main ones.

    `settings` are the keys in which configurations differ, `unequal` has a sentence on each score whose protocols do.
    """

    by: str
    columns: list[str]
    headlines: list[str]
    shares: list[str]
    rows: list[Row]
    settings: list[str]
    unequal: dict[str, str]

    def reasons(self) -> list[str]:
        """The sentences on scores that must not be compared, those of one reason as one."""
        alike: dict[str, list[str]] = {}
        for name, sentence in self.unequal.items():
            alike.setdefault(sentence.removeprefix(name), []).append(name)
        headlines = {reason: [name for name in names if name in self.headlines] for reason, names in alike.items()}
        return [", ".join(headlines[reason] or names) + reason for reason, names in alike.items()]


def compare(runs: Sequence[Recorded], *, by: str | None = None, force: bool = False) -> Comparison:
    """Ranks `runs` by the score `by` (None: the one that judged them), from sets of scores with one protocol if any.

    Each run may have been judged several times; the newest protocol that all runs share is taken, and where there is
    none, each run's newest. Sets that differ only in their seed count as draws of one.

    Raises:
        ValueError: a run has no scores, or not this one; it has no better and worse; or the protocols differ and not
            `force`. In one line.
    """
    for run in runs:
        if not run.final:
            raise ValueError(
                f"{run.label}: has no scores yet; finish the run, or `ganctl evaluate {printable(run.folder)}`"
            )
    by = by or _common_score(runs)
    chosen = _choose(runs, by)
    if score_of(by, *runs).direction is None:
        raise ValueError(
            f"--score={printable(by)}: has no better and worse by what these runs recorded; choose another"
        )
    names = [name for name in chosen[0][0].scores.scores if all(name in draws[0].scores.scores for draws in chosen)]
    columns = [by, *(name for name in names if name != by)]
    settings = differing(runs)
    rows = [_row(run, draws, names, settings) for run, draws in zip(runs, chosen, strict=True)]
    declared = {name: score_of(name, *runs) for name in columns}
    entries = {name: _entries(declared[name], rows, chosen) for name in names}
    unequal = {name: sentences[0] for name in names if (sentences := reasons(entries[name]))}
    if by not in unequal:
        rows = _ranked(rows, entries[by])
    elif not force:
        raise ValueError(f"{unequal[by]}; evaluate them alike (`ganctl evaluate RUN ...`), or add --force")
    headlines = [name for name in columns if declared[name].kind == "score"]
    shares = [name for name in columns if declared[name].kind == "share"]
    return Comparison(by, columns, headlines, shares, rows, settings, unequal)


def differing(runs: Sequence[Recorded]) -> list[str]:
    """The keys of the configuration in which the runs differ, without those that say where things lie."""
    flat = [run.flat_config() for run in runs]
    keys = list(dict.fromkeys(key for settings in flat for key in settings if not key.startswith(NO_SETTINGS)))
    keys = [key for key in keys if key.rpartition(".")[2] not in _CODE]
    return [key for key in keys if any(settings.get(key) != flat[0].get(key) for settings in flat)]


def _common_score(runs: Sequence[Recorded]) -> str:
    named = {run.label: (run.summary.get("score") or {}).get("name") for run in runs}
    names = list(dict.fromkeys(named.values()))
    if len(names) == 1 and names[0] is not None:
        return str(names[0])
    if None in names:
        for name in runs[0].final[-1].scores.scores:
            if score_of(name, *runs).direction and all(name in run.final[-1].scores.scores for run in runs):
                return name
    judges = ", ".join(f"{label} by {name or 'none'}" for label, name in named.items())
    raise ValueError(f"the runs are judged by different scores ({judges}); choose one with --score NAME")


def _choose(runs: Sequence[Recorded], by: str) -> list[list[Evaluation]]:
    """For each run the draws of one protocol that has the score `by`."""
    by_protocol = []
    for run in runs:
        having = [evaluation for evaluation in run.final if by in evaluation.scores.scores]
        if not having:
            sets = [evaluation.scores.scores.values() for evaluation in run.final]
            known = dict.fromkeys(m.score.name for scores in sets for m in scores if m.score.kind != "share")
            raise ValueError(
                f"--score={printable(by)}: {run.label} has no such score; it has {shorten(', '.join(known))}"
            )
        draws: dict[tuple[Any, ...], dict[Any, Evaluation]] = {}
        for evaluation in having:
            protocol = evaluation.scores.protocol
            key = (evaluation.step, *identity(protocol, evaluation.scores.scores[by].metric))
            alike = draws.setdefault(key, {})
            alike.pop(protocol.seed, None)  # evaluated again: the newer stands
            alike[protocol.seed] = evaluation
        by_protocol.append({key: list(alike.values()) for key, alike in draws.items()})
    for key in reversed(by_protocol[0]):
        shared = [{k[1:]: alike for k, alike in draws.items()}.get(key[1:]) for draws in by_protocol]
        if all(shared):
            return [alike for alike in shared if alike]
    return [list(draws.values())[-1] for draws in by_protocol]


def _row(run: Recorded, draws: Sequence[Evaluation], columns: Sequence[str], settings: Sequence[str]) -> Row:
    drawn = [draw.scores.values for draw in draws]
    values = {name: [scores[name] for scores in drawn if name in scores] for name in columns}
    return Row(
        rank=None,
        label=run.label,
        step=draws[0].step,
        means={name: mean(column) for name, column in values.items()},
        deviations={name: spread for name, column in values.items() if (spread := deviation(column)) is not None},
        draws=len(draws),
        settings={key: run.flat_config().get(key) for key in settings},
        protocol=draws[0].scores.protocol.known(),
    )


def _entries(score: Score, rows: Sequence[Row], chosen: Sequence[Sequence[Evaluation]]) -> list[Entry]:
    """The means of one score, as of the first draws."""
    entries = []
    for place, (row, draws) in enumerate(zip(rows, chosen, strict=True)):
        scores = draws[0].scores
        measured = replace(scores.scores[score.name], score=score, value=row.means[score.name])
        entries.append(Entry(place, row.label, measured, scores.protocol))
    return entries


def _ranked(rows: Sequence[Row], entries: Sequence[Entry]) -> list[Row]:
    """The rows of comparable scores, best first; equal ones share a rank."""
    ordered = best_first(entries)
    measured = [entry.measured for entry in ordered]
    ranks = [1 + sum(better(m.score.direction, other.value, m.value) for other in measured) for m in measured]
    return [replace(rows[entry.place], rank=rank) for entry, rank in zip(ordered, ranks, strict=True)]
