"""The tables and sentences of a report's page, as plain values for its template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ganctl.evaluation.protocol import short
from ganctl.evaluation.scores import ScoreSet
from ganctl.report.comparison import compare, differing
from ganctl.report.health import health
from ganctl.report.health_scores import LEVELS, Finding
from ganctl.report.recorded import Evaluation, Recorded


def trained(run: Recorded) -> dict[str, str]:
    """What was trained on what, in a few words each."""
    settings = run.flat_config()
    networks = [_network(settings.get(f"{part}._target_")) for part in ("generator", "discriminator")]
    regularizers = run.config.get("regularizer")
    loss = str(settings.get("loss._target_") or "unknown loss").rpartition(".")[2]
    loss = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", loss).lower()
    extra = f" + {', '.join(map(str, regularizers))}" if isinstance(regularizers, Mapping) and regularizers else ""
    return {
        "data": str(settings.get("dataset.name") or _network(settings.get("dataset._target_"), "unknown data")),
        "model": " against ".join(dict.fromkeys(networks)),
        "loss": f"{loss}{extra}",
    }


def findings(runs: Sequence[Recorded]) -> list[list[tuple[Recorded, Finding]]]:
    """The health warnings, those of one title together, with the runs that have them."""
    groups: dict[tuple[int, str], list[tuple[Recorded, Finding]]] = {}
    for run in runs:
        for finding in health(run):
            groups.setdefault((LEVELS.index(finding.level), finding.title), []).append((run, finding))
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def score_table(run: Recorded) -> dict[str, Any]:
    """A run's sets of scores side by side, with their protocols."""
    last = run.last_while_training
    evaluations = [last, *run.final] if last else run.final
    sets = [evaluation.scores for evaluation in evaluations]
    names = dict.fromkeys(name for scores in sets for name in scores.headlines)
    return {
        "run": run,
        "heads": [_head(evaluation) for evaluation in evaluations],
        "rows": {name: [_cell(name, scores) for scores in sets] for name in names},
        "protocol": _rows([scores.protocol.known() for scores in sets]),
        "left_out": dict.fromkeys(f"{name}: {why}" for scores in sets for name, why in scores.left_out.items()),
    }


def comparison(runs: Sequence[Recorded], *, force: bool) -> dict[str, Any]:
    """Several runs' scores in one table, ranked among equals; or the sentence that says why not."""
    judged = [run for run in runs if run.final]
    parts = {"judged": judged, "missing": [run.label for run in runs if not run.final], "refused": None, "table": None}
    if len(judged) < 2:
        return parts
    try:
        table = compare(judged, force=force)
    except ValueError as error:
        return parts | {"refused": str(error)}
    flat = {run.label: run.flat_config() for run in judged}
    columns = {tuple(_setting(flat[row.label], key) for row in table.rows): key for key in reversed(table.settings)}
    settings = [key for key in table.settings if key in columns.values()]  # of those that go together, the first
    protocol = _rows([row.protocol for row in table.rows])
    return parts | {
        "table": table,
        "settings": settings,
        "cells": {row.label: [_setting(flat[row.label], key) for key in settings] for row in table.rows},
        "labels": [row.label for row in table.rows],
        "alike": [(key, values[0]) for key, values, differs in protocol if not differs],
        "protocol": [(key, values) for key, values, differs in protocol if differs],
    }


def settings_that_differ(runs: Sequence[Recorded]) -> list[tuple[str, list[str]]]:
    """With their values in each run; those that go together (a rate, and both networks') as one.

    Folders do not count, nor does what is written and when.
    """
    flat = [run.flat_config() for run in runs]
    groups: dict[tuple[str, ...], list[str]] = {}
    for key in differing(runs):
        groups.setdefault(tuple(_setting(settings, key) for settings in flat), []).append(key)
    others = {values: f" (and so {', '.join(keys[1:])})" if len(keys) > 1 else "" for values, keys in groups.items()}
    return [(keys[0] + others[values], list(values)) for values, keys in groups.items()]


def text(value: object) -> str:
    """A setting as the command line has it."""
    return "null" if value is None else str(value)


def whole_config(run: Recorded) -> str:
    """The configuration as YAML."""
    return yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=100)


def _setting(flat: Mapping[str, Any], key: str) -> str:
    return text(flat[key]) if key in flat else "-"


def _head(evaluation: Evaluation) -> str:
    origin = {"summary.json": "best checkpoint, at the end"}.get(evaluation.origin, evaluation.origin)
    return origin if evaluation.step is None else f"{origin} (step {evaluation.step:,})"


def _cell(name: str, scores: ScoreSet) -> str:
    if name not in scores.scores:
        return ""
    ends = scores.interval(name)
    return f"{scores.values[name]:.4g}" + (f" (95 %: {ends[0]:.3g} to {ends[1]:.3g})" if ends else "")


def _rows(protocols: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], bool]]:
    """Key, its value in each of the protocols, and whether they differ."""
    keys = dict.fromkeys(key for protocol in protocols for key in protocol if key != "step")
    columns = {key: [protocol.get(key) for protocol in protocols] for key in keys}
    return [
        (key, list(map(short, values)), any(value != values[0] for value in values)) for key, values in columns.items()
    ]


def _network(target: object, otherwise: str = "unknown") -> str:
    """The module of a class, which has the name of the option that was chosen."""
    parts = str(target or otherwise).split(".")
    return parts[-2] if len(parts) > 1 else parts[0]
