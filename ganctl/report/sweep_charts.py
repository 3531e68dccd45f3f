"""Which of a sweep's settings mattered: score against each value, all jobs as lines, and a forest's importances."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganctl.report.charts import COLOURS, LOG_FROM, Chart, log_axis, svg_text
from ganctl.report.facts import number

FEWEST_JOBS = 8
"""For a forest: with fewer, most of its trees see the same two or three jobs."""

TRUSTED_FIT = 0.3
"""Share of the variance of unseen jobs that the forest must explain before its importances mean anything."""

JOBS_A_KEY = 10
"""Jobs for each setting that a guide, more than a hint, needs."""

_TREES, _REPEATS = 200, 10
_LONGEST_TICK = 14  # letters
_MANY_ORDERS = 100.0  # ratio from which a setting or a score is seen on a logarithmic scale


@dataclass(frozen=True)
class Importance:
    """Of each key: by how much the forest's fit (R²) falls when the key's values are shuffled, and its deviation.

    `explained` is the share of variance that the forest explains of jobs that the tree in question has not seen.
    """

    keys: list[str]
    means: list[float]
    deviations: list[float]
    explained: float
    jobs: int


def comparable(jobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The largest group of jobs that are ranked with each other, best first. A rank of 1 opens each group."""
    groups: list[list[Mapping[str, Any]]] = [[]]
    for job in jobs:
        if job.get("rank") is None or _value(job) is None:
            continue
        if job["rank"] == 1:
            groups.append([])
        groups[-1].append(job)
    return max(groups, key=len)


def weigh(jobs: Sequence[Mapping[str, Any]]) -> tuple[list[Chart], str]:
    """All charts that these jobs are enough for, and how much to believe of them, in words."""
    same = comparable(jobs)
    keys = _keys(same)
    if len(same) < 2 or not keys:
        return [], "Fewer than two jobs have scores that can be compared: there is nothing to weigh yet."
    importances = importance(same)
    charts = [_importance_chart(importances)] if importances is not None else []
    charts += [_strip(same, key) for key in keys]
    if len(keys) > 1 and len(same) > 2:
        charts.append(_parallel(same, keys))
    return charts, _trust(same, keys, importances)


def _trust(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str], importances: Importance | None) -> str:
    count = f"{len(jobs)} comparable jobs over {len(keys)} {'setting' if len(keys) == 1 else 'settings'}"
    noise = (
        " What differs no more than the seeds do is chance."
        if "seed" in keys
        else " Only one seed was tried, so chance cannot be told from effect: sweep over seed=0,1,2 as well."
    )
    if importances is None:
        return f"{count}: too few for importances (from {FEWEST_JOBS} jobs on); look at the single points.{noise}"
    fit = f"The forest explains {max(0.0, importances.explained):.0%} of the differences between jobs it has not seen"
    if importances.explained < TRUSTED_FIT:
        return f"{count}. {fit}: read nothing into its importances; look at the single points.{noise}"
    if importances.jobs < JOBS_A_KEY * len(keys):
        return f"{count}. {fit}: take the importances as a hint, good for choosing what to sweep next.{noise}"
    return f"{count}. {fit}: the importances are a fair guide within the values tried, not beyond.{noise}"


def importance(jobs: Sequence[Mapping[str, Any]]) -> Importance | None:
    """Permutation importance of a random forest (Breiman 2001) from settings to score; None for too few jobs."""
    keys = _keys(jobs)
    if len(jobs) < FEWEST_JOBS or sum(len(_values(jobs, key)) for key in keys) <= 2:
        return None
    scores = _scaled([_value(job) or 0.0 for job in jobs])
    if max(scores) == min(scores):
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    columns = [_column(jobs, key) for key in keys]
    rows = [list(row) for row in zip(*columns, strict=True)]
    forest = RandomForestRegressor(n_estimators=_TREES, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(rows, scores)
    shuffled: Any = permutation_importance(forest, rows, scores, n_repeats=_REPEATS, random_state=0, n_jobs=1)
    order = sorted(range(len(keys)), key=lambda place: -shuffled.importances_mean[place])
    return Importance(
        [keys[place] for place in order],
        [float(shuffled.importances_mean[place]) for place in order],
        [float(shuffled.importances_std[place]) for place in order],
        float(forest.oob_score_),
        len(jobs),
    )


def _importance_chart(importances: Importance) -> Chart:
    keys = [svg_text(key) for key in importances.keys[::-1]]  # plotly draws the first at the bottom
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": keys,
        "x": [round(value, 4) for value in importances.means[::-1]],
        "error_x": {
            "type": "data",
            "array": [round(value, 4) for value in importances.deviations[::-1]],
            "thickness": 1,
        },
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "loss of fit when shuffled"}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "automargin": True},
        "hovermode": "closest",
    }
    summary = ", ".join(f"{key} {mean:.3f}" for key, mean in zip(importances.keys, importances.means, strict=True))
    return Chart("Importance of each setting", summary, {"data": [bar], "layout": layout})


def _strip(jobs: Sequence[Mapping[str, Any]], key: str) -> Chart:
    """Every job as a point over its value of `key`, and each value's median as a bar."""
    values = _values(jobs, key)
    points: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
    medians: dict[str, list[Any]] = {"x": [], "y": []}
    medians_by_value = []
    for place, value in enumerate(values):
        members = [job for job in jobs if job["varied"].get(key) == value]
        for index, job in enumerate(members):
            points["x"].append(round(place + 0.3 * ((index + 0.5) / len(members) - 0.5), 3))
            points["y"].append(_value(job))
            points["text"].append(svg_text(_settings(job)))
        median = statistics.median([_value(job) or 0.0 for job in members])
        medians["x"] += [place - 0.3, place + 0.3, None]
        medians["y"] += [median, median, None]
        medians_by_value.append(f"{value}: median {median:.4g} of {len(members)}")
    name = jobs[0]["score"]["name"]
    data = [
        medians | {"type": "scatter", "mode": "lines", "line": {"color": COLOURS[1], "width": 3}, "hoverinfo": "skip"},
        points
        | {
            "type": "scatter",
            "mode": "markers",
            "marker": {"color": COLOURS[0], "size": 8, "opacity": 0.75},
            "hovertemplate": "%{text}<br>" + svg_text(name) + " %{y:.4g}<extra></extra>",
        },
    ]
    yaxis: dict[str, Any] = {"title": {"text": svg_text(name)}}
    if min(points["y"]) > 0 and max(points["y"]) / min(points["y"]) > LOG_FROM:
        yaxis |= log_axis(min(points["y"]), max(points["y"]))
    ticks = {"tickvals": list(range(len(values))), "ticktext": [_tick(value) for value in values]}
    xaxis = {"title": {"text": svg_text(key)}, "range": [-0.6, len(values) - 0.4], **ticks}
    figure = {"data": data, "layout": {"xaxis": xaxis, "yaxis": yaxis, "hovermode": "closest"}}
    return Chart(f"{name} by {key}", "; ".join(medians_by_value), figure, ["a point is a job, a bar the median"])


def _parallel(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Chart:
    """Each job as a line through its values to its score at the right: the best drawn last, in colour."""
    name = jobs[0]["score"]["name"]
    scores = _scaled([_value(job) or 0.0 for job in jobs])
    low, span = min(scores), (max(scores) - min(scores)) or 1.0
    data = []
    for place in reversed(range(len(jobs))):
        job, share = jobs[place], place / max(1, len(jobs) - 1)
        heights = [_height(_values(jobs, key), str(job["varied"].get(key))) for key in keys]
        text = f"rank {job['rank']}: " + _settings(job)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(range(len(keys) + 1)),
                "y": [*heights, round((scores[place] - low) / span, 4)],
                "line": {"color": COLOURS[1] if place == 0 else COLOURS[0], "width": 3 if place == 0 else 1.5},
                "opacity": round(1 - 0.75 * share, 3),
                "text": f"{svg_text(text)}: {_value(job):.4g}",
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    notes = [
        {"x": place, "y": _height(_values(jobs, key), value), "text": _tick(value), "xanchor": "right", "xshift": -6}
        for place, key in enumerate(keys)
        for value in _values(jobs, key)
    ]
    at = {scores.index(min(scores)): 0.0, scores.index(max(scores)): 1.0}
    notes += [
        {"x": len(keys), "y": y, "text": f"{_value(jobs[place]):.4g}", "xanchor": "left", "xshift": 6}
        for place, y in at.items()
    ]
    layout = {
        "xaxis": {
            "tickvals": list(range(len(keys) + 1)),
            "ticktext": [svg_text(key) for key in (*keys, name)],
            "range": [-0.45, len(keys) + 0.45],
        },
        "yaxis": {"visible": False, "range": [-0.08, 1.08]},
        "annotations": [note | {"showarrow": False, "yanchor": "middle"} for note in notes],
        "hovermode": "closest",
    }
    best = _settings(jobs[0])
    figure = {"data": data, "layout": layout}
    return Chart("Every job from its settings to its score", f"the best job has {best}", figure, ["thick: the best"])


def _keys(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings of which the jobs have several values."""
    keys = dict.fromkeys(key for job in jobs for key in job["varied"])
    return [key for key in keys if len(_values(jobs, key)) > 1]


def _values(jobs: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    """All values of a setting, numbers by size."""
    values = list(dict.fromkeys(str(job["varied"].get(key)) for job in jobs))
    numbers = [_as_number(value) for value in values]
    if all(value is not None for value in numbers):
        return sorted(values, key=float)
    return sorted(values)


def _column(jobs: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """A setting's values as numbers; words by their place in the alphabet."""
    values = _values(jobs, key)
    if all(_as_number(value) is not None for value in values):
        return _scaled([float(str(job["varied"].get(key))) for job in jobs])
    return [float(values.index(str(job["varied"].get(key)))) for job in jobs]


def _scaled(values: list[float]) -> list[float]:
    """The logarithm where the values span orders of magnitude."""
    if min(values) > 0 and max(values) / min(values) >= _MANY_ORDERS:
        return [math.log10(value) for value in values]
    return values


def _height(values: Sequence[str], value: str) -> float:
    return round(values.index(value) / max(1, len(values) - 1), 4)


def _as_number(text: str) -> float | None:
    try:
        return number(float(text))
    except ValueError:
        return None


def _value(job: Mapping[str, Any]) -> float | None:
    return number((job.get("score") or {}).get("value"))


def _settings(job: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in job["varied"].items())


def _tick(value: str) -> str:
    """A value short enough for an axis: 1000000.0 is 1e+06, a long word is cut."""
    known = _as_number(value)
    if known is not None:
        return f"{known:g}"
    return svg_text(value if len(value) <= _LONGEST_TICK else value[: _LONGEST_TICK - 1] + "…")
