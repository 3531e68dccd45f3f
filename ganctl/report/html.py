"""A report's page: one HTML file that needs nothing else, from the records of runs and perhaps of a sweep.

The page asks the network for nothing, and its content security policy forbids it to. All that comes from a run's files
is escaped, and only the script that is put in here may run.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ganctl.evaluation.protocol import short
from ganctl.evaluation.scores import ScoreSet
from ganctl.forms import printable
from ganctl.record.wording import counted, duration
from ganctl.report.charts import Chart, class_share_chart, colour, score_curves, training_curves, unchanging_scores
from ganctl.report.comparison import compare, differing
from ganctl.report.facts import (
    UNFINISHED,
    arrow,
    best,
    budget,
    held_out_name,
    held_out_value,
    last_step,
    score_of,
    seconds,
    skipped,
    status,
)
from ganctl.report.health import health
from ganctl.report.health_scores import LEVELS, Finding
from ganctl.report.naming import presets, trained
from ganctl.report.pictures import MOST_RUNS, grids_a_run, timeline
from ganctl.report.recorded import Evaluation, Recorded, flat
from ganctl.report.sweep_charts import weigh


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder, its jobs as sweep.json ranks them, the rest of sweep.json, and how many jobs of it are none."""

    folder: Path
    jobs: Sequence[Mapping[str, Any]]
    written: Mapping[str, Any]
    skipped_jobs: int = 0


def page(runs: Sequence[Recorded], sweep: Sweep | None = None, *, force: bool = False) -> str:
    """The whole page as text. `force` shows scores of unequal protocol side by side, marked."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    charts: list[Chart] = []

    def placed(new: Sequence[Chart | None]) -> list[tuple[int, Chart]]:
        """The charts with their places in the page's data."""
        first = len(charts)
        charts.extend(chart for chart in new if chart is not None)
        return list(enumerate(charts[first:], first))

    places = _places_with_pictures(runs)
    lines = {place: timeline(runs[place], grids_a_run(len(places))) for place in places}
    timelines = [
        (place, line) for place, line in lines.items() if line.pictures or line.best or line.nearest or line.real
    ]
    sweep_charts, trust = weigh(sweep.jobs) if sweep else ([], "")
    context: dict[str, Any] = {
        "title": _title(runs, sweep),
        "runs": runs,
        "skipped": skipped_of(runs, sweep),
        "presets": presets(runs),
        "findings": _findings(runs),
        "sweep": sweep,
        "swept": list(dict.fromkeys(key for job in sweep.jobs for key in job["varied"])) if sweep else [],
        "trust": trust,
        "sweep_charts": placed(sweep_charts),
        "score_charts": placed(score_curves(runs, force=force)),
        "unchanging": [f"{name} {value:.4g}" for name, value in unchanging_scores(runs).items()],
        "share_charts": placed([class_share_chart(runs)]),
        "training_charts": placed(training_curves(runs)),
        "timelines": timelines,
        "steps": sorted({step for _, line in timelines for step in line.steps}),
        "pictures_of": (len(places), len(runs)),
        "comparison": _comparison(runs, force=force) if len(runs) > 1 else None,
        "scores": [_score_table(run) for run in runs if run.scores or run.final],
        "differing": _settings_that_differ(runs) if len(runs) > 1 else [],
    }
    grids = [{"steps": line.steps, "uris": [picture.uri for picture in line.pictures]} for _, line in timelines]
    data = {"charts": [chart.figure for chart in charts], "steps": context["steps"], "timelines": grids}
    script = "".join(map(_template, ("chart.js", "pointer.js", "script.js") if charts else ("script.js",)))
    context |= {
        "data": Markup(as_script_data(data)),
        "script": Markup(script),
        "style": Markup(_template("style.css")),
        "policy": _policy(script),
    }
    loader = FunctionLoader(_template)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    called = (
        arrow,
        as_text,
        best,
        budget,
        colour,
        duration,
        flat,
        held_out_name,
        held_out_value,
        last_step,
        printable,
        seconds,
        status,
        trained,
        whole_config,
    )
    environment.globals |= {function.__name__: function for function in called}
    return environment.get_template("page.html.j2").render(context)


def skipped_of(runs: Sequence[Recorded], sweep: Sweep | None) -> list[str]:
    """The sentences on what of the records was no record and is left out."""
    sentences = [sentence for run in runs if (sentence := skipped(run))]
    if sweep and sweep.skipped_jobs:
        file = printable(sweep.folder / "sweep.json")
        sentences.append(f"{file}: {counted(sweep.skipped_jobs, 'damaged job')} left out")
    return sentences


def as_script_data(data: object) -> str:
    """JSON that may stand in a script element whatever text it holds: no tag or comment can begin or end in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(script: str) -> str:
    """A content security policy: no request of any kind, pictures from the page itself, and this script alone."""
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    own = f"script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _places_with_pictures(runs: Sequence[Recorded]) -> list[int]:
    """The places of all runs, or of many those with the best scores of one name."""
    if len(runs) <= MOST_RUNS:
        return list(range(len(runs)))
    scores = {place: score for place, run in enumerate(runs) if (score := best(run)) is not None}
    name = next((name for name, _, _ in scores.values()), "")
    sign = -1 if score_of(name, *runs).direction == "higher" else 1
    rated = sorted((sign * score[1], place) for place, score in scores.items() if score[0] == name)
    return sorted(place for _, place in rated[:MOST_RUNS]) or list(range(MOST_RUNS))


def _title(runs: Sequence[Recorded], sweep: Sweep | None) -> str:
    names = [trained(run) for run in runs]
    data = " and ".join(list(dict.fromkeys(name["data"] for name in names))[:3])
    model = ", ".join(list(dict.fromkeys(name["model"] for name in names))[:3])
    what = f"{model} on {data}" if runs else "no run yet"
    if sweep:
        return f"Sweep of {len(sweep.jobs) or len(runs)} jobs: {what}"
    if len(runs) > 1:
        return f"{len(runs)} runs: {what}"
    return what + (" (not finished)" if status(runs[0]) == UNFINISHED else "")


def _template(name: str) -> str:
    return (resources.files("ganctl.report") / "templates" / name).read_text(encoding="utf-8")


def _findings(runs: Sequence[Recorded]) -> list[list[tuple[Recorded, Finding]]]:
    """The health warnings, those of one title together, with the runs that have them."""
    groups: dict[tuple[int, str], list[tuple[Recorded, Finding]]] = {}
    for run in runs:
        for finding in health(run):
            groups.setdefault((LEVELS.index(finding.level), finding.title), []).append((run, finding))
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def _score_table(run: Recorded) -> dict[str, Any]:
    """A run's sets of scores side by side, with their protocols."""
    last = run.last_while_training
    evaluations = [last, *run.final] if last else run.final
    held_out = run.summary.get("held_out")
    if isinstance(held_out, Mapping) and held_out.get("scores"):
        what = f"{held_out_name(run)}: {held_out.get('what')}"
        evaluations = [*evaluations, Evaluation(ScoreSet.from_plain(held_out), None, what)]
    sets = [evaluation.scores for evaluation in evaluations]
    names = dict.fromkeys(name for scores in sets for name in scores.headlines)
    return {
        "run": run,
        "heads": list(map(_head, evaluations)),
        "rows": {name: [_cell(name, scores) for scores in sets] for name in names},
        "protocol": _rows([scores.protocol.known() for scores in sets]),
        "left_out": dict.fromkeys(f"{name}: {why}" for scores in sets for name, why in scores.left_out.items()),
    }


def _comparison(runs: Sequence[Recorded], *, force: bool) -> dict[str, Any]:
    """Several runs' scores in one table, ranked among equals; or the sentence that says why not."""
    judged = [run for run in runs if run.final]
    parts = {"judged": judged, "missing": [run.label for run in runs if not run.final], "refused": None, "table": None}
    if len(judged) < 2:
        return parts
    try:
        table = compare(judged, force=force)
    except ValueError as error:
        return parts | {"refused": str(error)}
    configs = {run.label: run.flat_config() for run in judged}
    columns = {tuple(_setting(configs[row.label], key) for row in table.rows): key for key in reversed(table.settings)}
    settings = [key for key in table.settings if key in columns.values()]  # of those that go together, the first
    return parts | {
        "table": table,
        "settings": settings,
        "cells": {row.label: [_setting(configs[row.label], key) for key in settings] for row in table.rows},
        "protocol": _rows([row.protocol for row in table.rows]),
    }


def _settings_that_differ(runs: Sequence[Recorded]) -> list[tuple[str, list[str]]]:
    """With their values in each run; those that go together (a rate, and both networks') as one."""
    configs = [run.flat_config() for run in runs]
    groups: dict[tuple[str, ...], list[str]] = {}
    for key in differing(runs):
        groups.setdefault(tuple(_setting(settings, key) for settings in configs), []).append(key)
    names = {
        values: f"{first} (and so {', '.join(rest)})" if rest else first for values, (first, *rest) in groups.items()
    }
    return [(name, list(values)) for values, name in names.items()]


def as_text(value: object) -> str:
    """A setting as the command line has it."""
    return "null" if value is None else printable(value)


def whole_config(run: Recorded) -> str:
    """The configuration as YAML."""
    return yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=100)


def _setting(settings: Mapping[str, Any], key: str) -> str:
    return as_text(settings[key]) if key in settings else "-"


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
    return [(key, list(map(short, values)), len(set(values)) > 1) for key, values in columns.items()]
