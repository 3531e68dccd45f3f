"""What runs have left on disk, read back for tables and reports: no torch, no Hydra, and nothing of it is trusted."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ganctl.contract import Score
from ganctl.evaluation.scores import ScoreSet, declarations, numbers
from ganctl.files import given_path
from ganctl.forms import LONGEST_NAME, printable, whole
from ganctl.report.files import (
    is_there,
    read_choices,
    read_config,
    read_curves,
    read_environment,
    read_evaluated,
    read_overrides,
    read_result,
    read_summary,
)

MOST_EVENTS = 200  # of a run, the last ones; a trouble that comes and goes has one each few hundred steps


@dataclass(frozen=True)
class Evaluation:
    """One set of scores of a run, the `step` of its checkpoint, and where it was read (a file's name)."""

    scores: ScoreSet
    step: int | None
    origin: str


@dataclass(frozen=True)
class Recorded:
    """A run's folder as plain data. What a run that was killed has not written is empty.

    `label` tells it from the others of one table; `config` (nested) and `overrides` are those it was last resumed with;
    `losses` and `scores` are the lines of metrics.jsonl of either kind; `final` are the scores of summary.json and
    those that `ganctl evaluate` added, oldest first; `choices` has the option of each group, as `model`;
    `skipped_lines` of metrics.jsonl are no records; its `events`, by step, are the troubles that were said while it
    trained, and the times that it went back.
    """

    folder: Path
    label: str
    config: dict[str, Any]
    overrides: list[str]
    environment: dict[str, Any]
    summary: dict[str, Any]
    losses: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    final: list[Evaluation]
    choices: dict[str, Any] = field(default_factory=dict)
    skipped_lines: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def flat_config(self) -> dict[str, Any]:
        """The configuration's leaves by their dotted keys."""
        return self._flat_config

    @cached_property
    def _flat_config(self) -> dict[str, Any]:
        return dict(flat(self.config))

    @cached_property
    def declared(self) -> dict[str, Score]:
        """What its records say of scores by name; records of earlier versions only of the one that judged the run."""
        declared = {}
        judge = self.summary.get("score") or {}
        if isinstance(judge.get("higher_is_better"), bool):
            declared[judge["name"]] = Score(judge["name"], "higher" if judge["higher_is_better"] else "lower")
        for record in self.scores:
            declared |= declarations(record)
        for evaluation in self.final:
            scores = [measured.score for measured in evaluation.scores.scores.values()]
            declared |= {score.name: score for score in scores if score != Score(score.name)}
        return declared

    @cached_property
    def last_while_training(self) -> Evaluation | None:
        """The last evaluation before the end."""
        if not self.scores:
            return None
        record, step = self.scores[-1], self.scores[-1].get("step")
        scores = ScoreSet.from_plain({**record, "scores": numbers(record)})
        return Evaluation(scores, step, "last evaluation while training")

    def grids(self) -> list[tuple[int, Path]]:
        """The sample grids with their steps, in order."""
        grids = [(path.stem.removeprefix("step-"), path) for path in (self.folder / "samples").glob("step-*.png")]
        return sorted((int(step), path) for step, path in grids if step.isdecimal())


def read_runs(paths: Sequence[Path]) -> list[Recorded]:
    """The runs at `paths`, each a run's folder, a checkpoint in it, or a sweep's folder (all its runs), none twice.

    Raises ValueError, in one line, for a path where there is no run, and for files of a run that cannot be read.
    """
    folders: dict[Path, Path] = {}
    for folder in itertools.chain.from_iterable(map(_folders, paths)):
        folders.setdefault(folder.resolve(), folder)
    return [read_run(*pair) for pair in zip(folders.values(), _labels(list(folders.values())), strict=True)]


def read_run(folder: Path, label: str | None = None) -> Recorded:
    """One run. Raises ValueError in one line for files that are there and cannot be read."""
    summary, environment = read_summary(folder), read_environment(folder)
    curves = read_curves(folder / "metrics.jsonl")
    overrides = _newest_overrides(folder)
    return Recorded(
        folder=folder,
        label=label or printable(folder.name),
        config=read_config(_newest_config(folder)),
        overrides=read_overrides(overrides),
        environment=environment,
        summary=summary,
        losses=curves["losses"],
        scores=curves["scores"],
        final=list(_final(folder, summary)),
        choices=environment.get("choices") or summary.get("choices") or read_choices(overrides.with_name("hydra.yaml")),
        skipped_lines=len(curves["none"]),
        events=sorted((*curves["trouble"], *curves["rollback"]), key=lambda event: event["step"])[-MOST_EVENTS:],
    )


def is_sweep(folder: Path) -> bool:
    """Whether the folder is that of a sweep (`-m`), perhaps of one that goes on or was killed."""
    files = ("sweep.json", "multirun.yaml", "jobs.json")
    return any(is_there(folder / name) for name in files) or any(folder.glob("*/result.json"))


def runs_of_sweep(folder: Path) -> list[Recorded]:
    """The sweep's runs that have begun, in the order of the jobs; none if each failed before it began."""
    return read_runs(_runs_in(folder))


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What the jobs of a sweep that ended have written of themselves, in the order of the jobs."""
    files = sorted(folder.glob("*/result.json"), key=lambda path: _job_number(path.parent))
    return [result for path in files if (result := read_result(path)) is not None]


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested data by their dotted keys."""
    for key, value in node.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from flat(value, name)
        else:
            yield name, value


def _folders(path: Path) -> list[Path]:
    place = given_path(path)
    if not place.exists():
        raise ValueError(f"{printable(path)}: there is no such run or sweep folder")
    if place.is_file():
        place = place.parent.parent if place.parent.name == "checkpoints" else place.parent
    if _is_run(place):
        return [place]
    if is_sweep(place) and (runs := _runs_in(place)):
        return runs
    raise ValueError(f"{printable(path)}: neither a run's folder nor a sweep's; they lie in outputs/<date>/")


def _runs_in(folder: Path) -> list[Path]:
    return sorted(filter(_is_run, folder.iterdir()), key=_job_number)


def _is_run(folder: Path) -> bool:
    return is_there(folder / "metrics.jsonl") or is_there(folder / "summary.json")


def _job_number(folder: Path) -> tuple[int, str]:
    head = folder.name.partition("-")[0]
    return (int(head) if head.isdecimal() else 0, folder.name)


def _labels(folders: list[Path]) -> list[str]:
    """The folders' own names, with as many of their parents as tell them apart."""
    for depth in range(1, 12):
        labels = ["/".join(map(_shown, folder.resolve().parts[-depth:])) for folder in folders]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{_shown(str(folder))} ({number})" for number, folder in enumerate(folders, 1)]


def _shown(name: str) -> str:
    return printable(name, LONGEST_NAME)


def _newest_config(folder: Path) -> Path:
    """The configuration of the last stretch: resuming at step N leaves config-from-N.yaml beside config.yaml."""
    resumed = [path for path in folder.glob("config-from-*.yaml") if is_there(path)]
    return max(resumed, key=lambda path: path.stat().st_mtime_ns, default=folder / "config.yaml")


def _newest_overrides(folder: Path) -> Path:
    """What was typed for the last stretch: the n-th resuming leaves .hydra-resume-n beside .hydra."""
    numbered = {path: path.parent.name.rpartition("-")[2] for path in folder.glob(".hydra-resume-*/overrides.yaml")}
    resumed = [path for path, number in numbered.items() if number.isdecimal()]
    return max(resumed, key=lambda path: int(numbered[path]), default=folder / ".hydra" / "overrides.yaml")


def _final(folder: Path, summary: dict[str, Any]) -> Iterator[Evaluation]:
    for part in (summary, summary.get("fid") or {}):
        if part.get("scores"):
            protocol = part.get("protocol") or {}
            step = whole(protocol["step"]) if "step" in protocol else summary.get("best_step")
            yield Evaluation(ScoreSet.from_plain(part), step, "summary.json")
    for path in sorted(folder.glob("scores-*.json")):
        content = read_evaluated(path)
        for draw in content.get("draws") or []:
            yield Evaluation(ScoreSet.from_plain(draw), content["step"], printable(path.name))
