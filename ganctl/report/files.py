"""The files of runs and sweeps as typed plain data: each field is what ganctl writes there, or not there at all.

A file that cannot be read, or is of another kind altogether, is a ValueError of one line that names it. A file that is
missing is empty: a run may have been killed before it was written.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ganctl.bounded import read_json, read_yaml
from ganctl.evaluation.scores import numbers
from ganctl.forms import (
    LONGEST_NAME,
    MOST_JOBS,
    Form,
    either,
    flag,
    legible,
    listed,
    mapping,
    node,
    number,
    printable,
    record,
    text,
    whole,
)
from ganctl.record.jsonl import read_lines

MOST_TEXT = 2**18  # characters of the settings of a run, or of its environment, with what aliases repeat
MOST_CURVES, MOST_SCORES = 100, 3000  # names in the losses, and in the scores, of a run; ImageNet's classes are 1000
MOST_VARIED = 30  # settings of a job of a sweep

_VALUE = either(number, flag, text)
_SCORE = record(
    {
        "name": text,
        "value": either(number, text),  # "NaN" is text on disk
        "higher_is_better": flag,
        "protocol": node,
        "made_by": text,
    },
    required=["name"],
)
_SCORES: dict[str, Form] = dict.fromkeys(("scores", "protocol", "made_by", "about", "left_out"), node)
_SUMMARY: dict[str, Form] = {
    "status": text,
    "reason": text,
    "step": whole,
    "best_step": whole,
    "seconds": number,
    "score": _SCORE,
    "choices": node,
    "held_out": node,
    "fid": record({"skipped": text, "command": text, **_SCORES}),
    **_SCORES,
}
_EVENT_MUST_HAVE = ("title", "evidence", "cure")
_EVENTS: dict[str, dict[str, Form]] = {
    "trouble": {"title": text, "level": text, "evidence": text, "cure": text, "over": flag},
    "rollback": {"title": text, "evidence": text, "cure": text, "from": whole, "attempt": whole, "abandoned": text},
}
_ENVIRONMENT: dict[str, Form] = {"choices": node, "options": listed(text)}
_EVALUATED: dict[str, Form] = {"step": whole, "draws": listed(record(_SCORES))}


def _varied(value: object) -> dict[str, Any] | None:
    taken = mapping(_VALUE)(value)
    return taken and dict(list(taken.items())[:MOST_VARIED])


_RESULT: dict[str, Form] = {
    "job": whole,
    "folder": text,
    "overrides": listed(text),
    "varied": _varied,
    "status": text,
    "score": _SCORE,
    "failed": flag,
    "error": text,
    "seconds": number,
}
_JOB_MUST_HAVE = ("job", "varied")
_MEAN = record(
    {"varied": _varied, "score": _SCORE, "mean": number, "deviation": number, "seeds": whole},
    required=["varied", "score", "mean", "seeds"],
)
_SWEEP: dict[str, Form] = {
    "status": text,
    "not_run": whole,
    "ranking": listed(record({"rank": whole, **_RESULT}, _JOB_MUST_HAVE)),
    "over_seeds": listed(_MEAN),
    "not_ranked_together": listed(text),
}


def read_summary(folder: Path) -> dict[str, Any]:
    """How a run ended: summary.json."""
    return _record(folder / "summary.json", _SUMMARY)


def read_environment(folder: Path) -> dict[str, Any]:
    """Where a run ran: environment.json, of whose fields only the options and the choices are of a form."""
    content = _modest(folder / "environment.json", _mapping(folder / "environment.json", read_json))
    others = {key: value for key, value in content.items() if key not in _ENVIRONMENT}
    typed = {key: form(content[key]) for key, form in _ENVIRONMENT.items() if key in content}
    known = legible(others) | {key: value for key, value in typed.items() if value is not None}
    return {name: known[name] for key in content if (name := printable(key, LONGEST_NAME)) in known}  # in its order


def read_evaluated(path: Path) -> dict[str, Any]:
    """The step and the draws of a file that `ganctl evaluate` left in a run."""
    return _record(path, _EVALUATED)


def read_result(path: Path) -> dict[str, Any] | None:
    """What a job of a sweep has written of itself; None where it says not even which job it is."""
    return record(_RESULT, _JOB_MUST_HAVE)(_mapping(path, read_json))


def read_sweep(folder: Path) -> tuple[dict[str, Any], int]:
    """What a sweep wrote of itself, empty while it runs; and of how many jobs it is no record."""
    content = _mapping(folder / "sweep.json", read_json)
    sweep = record(_SWEEP)(content)
    jobs = content.get("ranking")
    if isinstance(jobs, list) and len(jobs) > MOST_JOBS:
        raise ValueError(f"{printable(folder / 'sweep.json')}: has more than {MOST_JOBS:,} jobs")
    return sweep, len(jobs) - len(sweep["ranking"]) if isinstance(jobs, list) else 0


def read_config(path: Path) -> dict[str, Any]:
    """A run's settings, nested."""
    return legible(_modest(path, _mapping(path, read_yaml)))


def read_overrides(path: Path) -> list[str]:
    """What was typed for a run."""
    if not is_there(path):
        return []
    content = read_yaml(path)
    if not isinstance(content, list):
        raise ValueError(f"{printable(path)}: is not the list that ganctl writes there")
    return listed(text)(_modest(path, content))


def read_choices(path: Path) -> dict[str, Any]:
    """The option of each group as Hydra noted it."""
    content: Any = _modest(path, _mapping(path, read_yaml))
    for key in ("hydra", "runtime", "choices"):
        content = content.get(key)
        if not isinstance(content, dict):
            return {}
    return legible(content)


def read_curves(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of metrics.jsonl by their kind: `losses`, `scores`, `trouble`, `rollback`; empty for what is none."""
    return curves_of(read_lines(path) if is_there(path) else [])


def curves_of(lines: Iterable[dict[str, Any] | None]) -> dict[str, list[dict[str, Any]]]:
    """As `read_curves`, of lines as a metrics log has them. `none` has an empty record for each that is no record."""
    losses, scores = _Names(MOST_CURVES), _Names(MOST_SCORES)
    kept: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ("losses", "scores", "trouble", "rollback", "none")}
    for line in lines:
        step, kind = (whole(line.get("step")), text(line.get("kind"))) if line else (None, None)
        if line is None or step is None or kind is None:
            kept["none"].append({})
        elif kind == "losses":
            kept[kind].append({"step": step, "kind": kind, **losses.kept(numbers(line))})
        elif kind == "scores":
            about = {key: node(line[key]) for key in _SCORES if key in line and key != "scores"}
            kept[kind].append({"step": step, "kind": kind, **scores.kept(numbers(line)), **about})
        elif kind in _EVENTS and (event := record(_EVENTS[kind], _EVENT_MUST_HAVE)(line)):
            kept[kind].append({"step": step, "kind": kind, **event})
    return kept


def is_there(path: Path) -> bool:
    """Whether there is such a file. Raises ValueError for what is there and no file: a folder, a pipe, a dead link."""
    if path.is_file():
        return True
    if os.path.lexists(path):
        raise ValueError(f"{printable(path)}: cannot be read (is no file)")
    return False


class _Names:
    """The first so many names of a log, which bounds the curves of a page."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def kept(self, values: dict[str, float]) -> dict[str, float]:
        for name in values:
            if len(self._names) < self._most:
                self._names.add(name)
        return {name: value for name, value in values.items() if name in self._names}


def _record(path: Path, fields: dict[str, Form]) -> dict[str, Any]:
    content = _mapping(path, read_json)
    return record(fields)(content) if content else {}


def _mapping(path: Path, read: Any) -> dict[str, Any]:
    if not is_there(path):
        return {}
    content = read(path)
    if not isinstance(content, dict):
        raise ValueError(f"{printable(path)}: is not the mapping that ganctl writes there")
    return content


def _modest(path: Path, content: Any) -> Any:
    """The content. Raises ValueError where it is larger than any settings, its aliases expanded."""
    if sum(map(len, _texts(content))) > MOST_TEXT:
        raise ValueError(f"{printable(path)}: holds more text than any that ganctl writes there")
    return content


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)
