"""The tables and sentences of a report's page, as plain values for its template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ganctl.evaluation.protocol import by_reason, short
from ganctl.evaluation.ranking import is_headline
from ganctl.record.wording import duration
from ganctl.report.charts import colour
from ganctl.report.comparison import compare, differing
from ganctl.report.facts import best, budget, direction, last_step, seconds, status
from ganctl.report.finding import LEVELS, Finding
from ganctl.report.health import health
from ganctl.report.recorded import Recorded, Scores, flat, numbers

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
    score, spent = best(run), seconds(run)
    environment = run.environment
    return {
        **trained(run),
        "label": run.label,
        "colour": colour(place),
        "folder": str(run.folder),
        "status": status(run),
        "reason": str(run.summary.get("reason") or ""),
        "score": None if score is None else {"name": score[0], "value": f"{score[1]:.4g}", "arrow": arrow(score[0])},
        "best_step": None if score is None or score[2] is None else f"{score[2]:,}",
        "step": f"{last_step(run):,}",
        "duration": None if spent is None else duration(spent),
        "budget": budget(run),
        "date": str(environment.get("date") or "")[:16].replace("T", " "),
        "device": str(environment.get("device") or ""),
        "seed": str(run.flat_config().get("seed", "")),
    }


def arrow(name: str) -> str:
    """An arrow towards the better."""
    return _ARROWS[direction(name)]


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
    sets = _sets(run)
    if not sets:
        return None
    names = [name for name in dict.fromkeys(name for each in sets for name in each.values) if is_headline(name)]
    keys = [key for key in dict.fromkeys(key for each in sets for key in each.protocol) if key != "step"]
    left_out = {f"{name}: {why}": None for each in sets for name, why in each.left_out.items()}
    fid = run.summary.get("fid") or {}
    return {
        "label": run.label,
        "heads": [_head(each) for each in sets],
        "rows": [(name, arrow(name), [_cell(name, each.values) for each in sets]) for name in names],
        "protocol": _rows(keys, [each.protocol for each in sets]),
        "left_out": list(left_out),
        "fid_skipped": str(fid.get("skipped") or ""),
        "fid_command": str(fid.get("command") or ""),
    }


def comparison(runs: Sequence[Recorded], *, force: bool) -> dict[str, Any]:
    """Several runs' scores in one table, ranked among equals; or the sentence that says why not."""
    judged = [run for run in runs if run.final]
    missing = [run.label for run in runs if not run.final]
    found: dict[str, Any] = {"missing": missing, "refused": None, "rows": [], "columns": [], "unequal": []}
    if len(judged) < 2:
        return found
    try:
        table = compare(judged, force=force)
    except ValueError as error:
        return found | {"refused": str(error)}
    names = [name for name in table.columns if is_headline(name)]
    flat = {run.label: run.flat_config() for run in judged}
    columns = {tuple(_setting(flat[row.label], key) for row in table.rows): key for key in reversed(table.settings)}
    settings = [key for key in table.settings if key in columns.values()]  # of those that go together, the first
    rows = [
        {
            "rank": row.rank,
            "label": row.label,
            "step": row.step,
            "cells": [_mean(name, row.means, row.deviations) for name in names],
            "settings": [_setting(flat[row.label], key) for key in settings],
        }
        for row in table.rows
    ]
    protocols = [row.protocol for row in table.rows]
    keys = [key for key in dict.fromkeys(key for each in protocols for key in each) if key != "step"]
    return found | {
        "rows": rows,
        "columns": [(name, arrow(name), name in table.unequal) for name in names],
        "settings": settings,
        "unequal": _reasons(table.unequal),
        "labels": [row.label for row in table.rows],
        "alike": [(key, values[0]) for key, values, differs in _rows(keys, protocols) if not differs],
        "protocol": [(key, values) for key, values, differs in _rows(keys, protocols) if differs],
        "draws": any(row.draws > 1 for row in table.rows),
    }


def _reasons(unequal: Mapping[str, str]) -> list[str]:
    """The sentences on scores that must not be compared, those of one reason as one."""
    shown = {reason: list(filter(is_headline, names)) or names for reason, names in by_reason(unequal).items()}
    return [f"{', '.join(names)}{reason}" for reason, names in shown.items()]


def configurations(runs: Sequence[Recorded]) -> dict[str, Any]:
    """What differs between the runs, then each whole configuration, environment, and what was typed."""
    return {
        "differing": _differing(runs) if len(runs) > 1 else [],
        "each": [
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


def _sets(run: Recorded) -> list[Scores]:
    """The last evaluation of the training, then the final ones."""
    last = []
    if run.scores:
        record = run.scores[-1]
        step = record.get("step")
        made_by = record.get("made_by") or {}
        values = numbers(record)
        last = [Scores(values, record.get("protocol") or {}, made_by, step, "last evaluation while training")]
    return [*last, *run.final]


def _head(scores: Scores) -> str:
    origin = {"summary.json": "best checkpoint, at the end"}.get(scores.origin, scores.origin)
    return origin if scores.step is None else f"{origin} (step {scores.step:,})"


def _cell(name: str, values: Mapping[str, float]) -> str:
    if name not in values:
        return ""
    low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
    interval = "" if low is None or high is None else f" (95 %: {low:.3g} to {high:.3g})"
    return f"{values[name]:.4g}{interval}"


def _mean(name: str, means: Mapping[str, float], deviations: Mapping[str, float]) -> str:
    return f"{means[name]:.4g}" + (f" ± {deviations[name]:.2g}" if name in deviations else "")


def _rows(keys: Sequence[str], columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], bool]]:
    """Key, its value in each column, and whether they differ."""
    values = {key: [column.get(key) for column in columns] for key in keys}
    return [(key, list(map(short, row)), any(value != row[0] for value in row)) for key, row in values.items()]


def _network(target: object, otherwise: str = "unknown") -> str:
    """The module of a class, which has the name of the option that was chosen."""
    parts = str(target or otherwise).split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def _text(value: object) -> str:
    return "null" if value is None else str(value)


def _flat_text(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, " ".join(map(str, value)) if isinstance(value, list) else _text(value)) for key, value in flat(node)]
