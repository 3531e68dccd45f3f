"""What runs have left on disk, read back for tables and reports: no torch, no Hydra, and nothing of it is trusted."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ganctl.contract import Score
from ganctl.evaluation.scores import ScoreSet, declarations, numbers
from ganctl.record.jsonl import read_metrics


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
    those that `ganctl evaluate` added, oldest first; `choices` has the option of each group, as `model`.
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

    def flat_config(self) -> dict[str, Any]:
        """The configuration's leaves by their dotted keys."""
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
        return Evaluation(scores, step if isinstance(step, int) else None, "last evaluation while training")

    def grids(self) -> list[tuple[int, Path]]:
        """The sample grids with their steps, in order."""
        grids = [(path.stem.removeprefix("step-"), path) for path in (self.folder / "samples").glob("step-*.png")]
        return sorted((int(step), path) for step, path in grids if step.isdigit())


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
    metrics = folder / "metrics.jsonl"
    records = read_metrics(metrics) if metrics.is_file() else []
    summary, environment = _json(folder / "summary.json"), _json(folder / "environment.json")
    return Recorded(
        folder=folder,
        label=label or folder.name,
        config=_yaml(_newest_config(folder), {}),
        overrides=list(map(str, _yaml(_newest_overrides(folder), []))),
        environment=environment,
        summary=summary,
        losses=[record for record in records if record.get("kind") == "losses"],
        scores=[record for record in records if record.get("kind") == "scores"],
        final=list(_final(folder, summary)),
        choices=_mapping(environment.get("choices")) or _mapping(summary.get("choices")) or _hydra_choices(folder),
    )


def is_sweep(folder: Path) -> bool:
    """Whether the folder is that of a sweep (`-m`), perhaps of one that goes on or was killed."""
    files = (folder / "sweep.json", folder / "multirun.yaml")
    return any(file.is_file() for file in files) or any(folder.glob("*/result.json"))


def runs_of_sweep(folder: Path) -> list[Recorded]:
    """The sweep's runs that have begun, in the order of the jobs; none if each failed before it began."""
    return read_runs(_runs_in(folder))


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What the jobs of a sweep that ended have written of themselves, in the order of the jobs."""
    return [_json(path) for path in sorted(folder.glob("*/result.json"), key=lambda path: _job_number(path.parent))]


def read_sweep(folder: Path) -> dict[str, Any]:
    """What a sweep wrote of itself: status and ranking; empty while it runs."""
    return _json(folder / "sweep.json")


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested data by their dotted keys."""
    for key, value in node.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            yield from flat(value, name)
        else:
            yield name, value


def _folders(path: Path) -> list[Path]:
    place = path.expanduser()
    if not place.exists():
        raise ValueError(f"{path}: there is no such run or sweep folder")
    if place.is_file():
        place = place.parent.parent if place.parent.name == "checkpoints" else place.parent
    if _is_run(place):
        return [place]
    if is_sweep(place) and (runs := _runs_in(place)):
        return runs
    raise ValueError(f"{path}: neither a run's folder nor a sweep's; they lie in outputs/<date>/")


def _runs_in(folder: Path) -> list[Path]:
    return sorted(filter(_is_run, folder.iterdir()), key=_job_number)


def _is_run(folder: Path) -> bool:
    return (folder / "metrics.jsonl").is_file() or (folder / "summary.json").is_file()


def _job_number(folder: Path) -> tuple[int, str]:
    head = folder.name.partition("-")[0]
    return (int(head) if head.isdigit() else 0, folder.name)


def _labels(folders: list[Path]) -> list[str]:
    """The folders' own names, with as many of their parents as tell them apart."""
    for depth in range(1, 12):
        labels = ["/".join(folder.resolve().parts[-depth:]) for folder in folders]
        if len(set(labels)) == len(labels):
            return labels
    return [str(folder) for folder in folders]


def _newest_config(folder: Path) -> Path:
    """The configuration of the last stretch: resuming at step N leaves config-from-N.yaml beside config.yaml."""
    resumed = [path for path in folder.glob("config-from-*.yaml") if path.is_file()]
    return max(resumed, key=lambda path: path.stat().st_mtime_ns, default=folder / "config.yaml")


def _newest_overrides(folder: Path) -> Path:
    """What was typed for the last stretch: the n-th resuming leaves .hydra-resume-n beside .hydra."""
    numbered = {path: path.parent.name.rpartition("-")[2] for path in folder.glob(".hydra-resume-*/overrides.yaml")}
    resumed = [path for path, number in numbered.items() if number.isdigit()]
    return max(resumed, key=lambda path: int(numbered[path]), default=folder / ".hydra" / "overrides.yaml")


def _hydra_choices(folder: Path) -> dict[str, Any]:
    """The options that Hydra noted, where the run itself has not."""
    node = _yaml(_newest_overrides(folder).with_name("hydra.yaml"), {})
    for key in ("hydra", "runtime", "choices"):
        node = _mapping(node.get(key))
    return node


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _final(folder: Path, summary: dict[str, Any]) -> Iterator[Evaluation]:
    for part in (summary, summary.get("fid") or {}):
        if part.get("scores"):
            step = part.get("protocol", {}).get("step", summary.get("best_step"))
            yield Evaluation(ScoreSet.from_plain(part), step, "summary.json")
    for path in sorted(folder.glob("scores-*.json")):
        content = _json(path)
        for draw in content.get("draws", []):
            yield Evaluation(ScoreSet.from_plain(draw), content.get("step"), path.name)


def _json(path: Path) -> dict[str, Any]:
    content = _read(path, json.loads, {})
    if not isinstance(content, dict):
        raise ValueError(f"{path}: is not what ganctl writes there")
    return content


def _yaml(path: Path, default: Any) -> Any:
    content = _read(path, yaml.safe_load, default)
    return content if isinstance(content, type(default)) else default


def _read(path: Path, parse: Callable[[str], Any], default: Any) -> Any:
    if not path.is_file():
        return default
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
