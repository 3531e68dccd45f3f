"""The tables and sentences of a report's page, as plain values for its template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ganctl.evaluation.protocol import short
from ganctl.evaluation.scores import ScoreSet
from ganctl.record.wording import duration
from ganctl.report.charts import colour
from ganctl.report.comparison import compare, differing
from ganctl.report.facts import best, budget, last_step, score_of, seconds, status
from ganctl.report.health import health
from ganctl.report.health_scores import LEVELS, Finding
from ganctl.report.recorded import Evaluation, Recorded, flat

_ARROWS = {"lower": "↓", "higher": "↑", None: ""}


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


def overview(run: Recorded, place: int) -> dict[str, Any]:
    """The header's facts of one run."""
    judged, spent = best(run), seconds(run)
    environment = run.environment
    return {
        **trained(run),
        "label": run.label,
        "colour": colour(place),
        "folder": str(run.folder),
        "status": status(run),
        "reason": str(run.summary.get("reason") or ""),
        "score": judged and {"name": judged[0], "value": f"{judged[1]:.4g}", "arrow": arrow(judged[0], run)},
        "best_step": None if judged is None or judged[2] is None else f"{judged[2]:,}",
        "step": f"{last_step(run):,}",
        "duration": None if spent is None else duration(spent),
        "budget": budget(run),
        "date": str(environment.get("date") or "")[:16].replace("T", " "),
        "device": str(environment.get("device") or ""),
        "seed": str(run.flat_config().get("seed", "")),
    }


def arrow(name: str, *runs: Recorded) -> str:
    """An arrow towards the better."""
    return _ARROWS[score_of(name, *runs).direction]


def findings(runs: Sequence[Recorded]) -> list[dict[str, Any]]:
    """The health warnings, those of one title together, with the runs that have them."""
    groups: dict[tuple[str, str], list[tuple[Recorded, Finding]]] = {}
    for run in runs:
        for finding in health(run):
            groups.setdefault((finding.level, finding.title), []).append((run, finding))
    return [
        {
            "level": level,
            "title": title,
            "advice": cases[0][1].advice,
            "cases": [{"run": run.label, "evidence": finding.evidence, "cure": finding.cure} for run, finding in cases],
        }
        for (level, title), cases in sorted(groups.items(), key=lambda item: LEVELS.index(item[0][0]))
    ]


def score_table(run: Recorded) -> dict[str, Any] | None:
    """A run's sets of scores side by side, with their protocols; None where it has none."""
    last = run.last_while_training
    evaluations = [last, *run.final] if last else run.final
    if not evaluations:
        return None
    sets = [evaluation.scores for evaluation in evaluations]
    names = dict.fromkeys(name for scores in sets for name in scores.headlines)
    left_out = {f"{name}: {why}": None for scores in sets for name, why in scores.left_out.items()}
    fid = run.summary.get("fid") or {}
    return {
        "label": run.label,
        "heads": [_head(evaluation) for evaluation in evaluations],
        "rows": [(name, arrow(name, run), [_cell(name, scores) for scores in sets]) for name in names],
        "protocol": _rows([scores.protocol.known() for scores in sets]),
        "left_out": list(left_out),
        "fid_skipped": str(fid.get("skipped") or ""),
        "fid_command": str(fid.get("command") or ""),
    }


def comparison(runs: Sequence[Recorded], *, force: bool) -> dict[str, Any]:
    """Several runs' scores in one table, ranked among equals; or the sentence that says why not."""
    judged = [run for run in runs if run.final]
    missing = [run.label for run in runs if not run.final]
    nothing: dict[str, Any] = {"missing": missing, "refused": None, "rows": [], "columns": [], "unequal": []}
    if len(judged) < 2:
        return nothing
    try:
        table = compare(judged, force=force)
    except ValueError as error:
        return nothing | {"refused": str(error)}
    flat = {run.label: run.flat_config() for run in judged}
    columns = {tuple(_setting(flat[row.label], key) for row in table.rows): key for key in reversed(table.settings)}
    settings = [key for key in table.settings if key in columns.values()]  # of those that go together, the first
    rows = [
        {
            "rank": row.rank,
            "label": row.label,
            "step": row.step,
            "cells": list(map(row.text, table.headlines)),
            "settings": [_setting(flat[row.label], key) for key in settings],
        }
        for row in table.rows
    ]
    protocol = _rows([row.protocol for row in table.rows])
    return nothing | {
        "rows": rows,
        "columns": [(name, arrow(name, *judged), name in table.unequal) for name in table.headlines],
        "settings": settings,
        "unequal": table.reasons(),
        "labels": [row.label for row in table.rows],
        "alike": [(key, values[0]) for key, values, differs in protocol if not differs],
        "protocol": [(key, values) for key, values, differs in protocol if differs],
        "draws": any(row.draws > 1 for row in table.rows),
    }


def configurations(runs: Sequence[Recorded]) -> dict[str, Any]:
    """What differs between the runs, then each whole configuration, environment, and what was typed."""
    return {
        "differing": _differing(runs) if len(runs) > 1 else [],
        "runs": [
            {
                "label": run.label,
                "yaml": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=100)
                if run.config
                else "",
                "environment": _flat_text(run.environment),
                "overrides": run.overrides,
            }
            for run in runs
        ],
    }


def sweep_table(jobs: Sequence[Mapping[str, Any]], written: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a sweep's jobs, and the means over its seeds."""
    keys = list(dict.fromkeys(key for job in jobs for key in job.get("varied", {})))
    rows = []
    for job in jobs:
        score = job.get("score") or {}
        value = score.get("value")
        rows.append(
            {
                "rank": job.get("rank"),
                "job": job.get("job"),
                "values": [_text(job["varied"].get(key, "")) for key in keys],
                "status": job.get("status") or "unknown",
                "failed": bool(job.get("failed")),
                "error": job.get("error") or "",
                "score": score.get("name") or "",
                "value": f"{value:.4g}" if isinstance(value, float | int) else _text(value),
                "seconds": duration(float(job["seconds"])) if isinstance(job.get("seconds"), int | float) else "",
            }
        )
    means = [
        {
            "values": [_text(group["varied"].get(key, "")) for key in keys if key != "seed"],
            "score": group["score"]["name"],
            "mean": f"{group['mean']:.4g}",
            "deviation": "-" if group["deviation"] is None else f"{group['deviation']:.2g}",
            "seeds": group["seeds"],
        }
        for group in written.get("over_seeds", [])
        if isinstance(group.get("mean"), int | float)
    ]
    return {
        "keys": keys,
        "rows": rows,
        "means": means,
        "mean_keys": [key for key in keys if key != "seed"],
        "unequal": [str(reason) for reason in written.get("not_ranked_together", [])],
        "failed": sum(row["failed"] for row in rows),
        "not_run": written.get("not_run") or 0,
        "status": str(written.get("status") or "unfinished"),
    }


def _differing(runs: Sequence[Recorded]) -> list[tuple[str, list[str]]]:
    """Settings that differ with their values in each run; those that go together (a rate, and both networks') as one.

    Folders do not count, nor does what is written and when.
    """
    flat = [run.flat_config() for run in runs]
    groups: dict[tuple[str, ...], list[str]] = {}
    for key in differing(runs):
        groups.setdefault(tuple(_setting(settings, key) for settings in flat), []).append(key)
    others = {values: f" (and so {', '.join(keys[1:])})" if len(keys) > 1 else "" for values, keys in groups.items()}
    return [(keys[0] + others[values], list(values)) for values, keys in groups.items()]


def _setting(flat: Mapping[str, Any], key: str) -> str:
    return _text(flat[key]) if key in flat else "-"


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


def _text(value: object) -> str:
    return "null" if value is None else str(value)


def _flat_text(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, " ".join(map(str, value)) if isinstance(value, list) else _text(value)) for key, value in flat(node)]
