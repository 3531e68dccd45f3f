"""Which of a sweep's settings mattered: score against each value, all jobs as lines, and a forest's importances."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganctl.forms import shorten
from ganctl.report.charts import COLOURS, Chart, log_axis
from ganctl.report.explanations import IMPORTANCES, PARALLEL, STRIP
from ganctl.report.facts import number

FEWEST_JOBS = 8  # for a forest: with fewer, most of its trees see the same two or three jobs
TRUSTED_FIT = 0.3  # share of the variance of unseen jobs to be explained before importances mean anything
JOBS_A_KEY = 10  # jobs for each setting that a guide, more than a hint, needs

_TREES, _REPEATS = 200, 10
_LONGEST_WORDS = 400  # characters on a point, of which each chart has one a job
_LARGEST = 1e30
_MOST_COLUMNS = 12  # values of a setting that have a column each
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


def comparable(jobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The largest group of jobs that are ranked with each other, best first. A rank of 1 opens each group."""
    groups: list[list[Mapping[str, Any]]] = [[]]
    for job in jobs:
        if job.get("rank") is not None and _value(job) is not None:
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
    weights = importance(same)
    charts = [_importance_chart(weights)] if weights is not None else []
    charts += [_scatter(same, key) if _is_continuous(same, key) else _strip(same, key) for key in keys]
    if len(keys) > 1 and len(same) > 2:
        charts.append(_parallel(same, keys))
    return charts, _trust(same, keys, weights)


def _trust(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str], weights: Importance | None) -> str:
    if weights is None:
        verdict = f": too few for importances (from {FEWEST_JOBS} jobs on); look at the single points."
    else:
        if weights.explained < TRUSTED_FIT:
            advice = "read nothing into its importances; look at the single points"
        elif len(jobs) < JOBS_A_KEY * len(keys):
            advice = "take the importances as a hint, good for choosing what to sweep next"
        else:
            advice = "the importances are a fair guide within the values tried, not beyond"
        fit = f"{max(0.0, weights.explained):.0%} of the differences between jobs it has not seen"
        verdict = f". The forest explains {fit}: {advice}."
    noise = (
        "What differs no more than the seeds do is chance."
        if "seed" in keys
        else "Only one seed was tried, so chance cannot be told from effect: sweep over seed=0,1,2 as well."
    )
    settings = "setting" if len(keys) == 1 else "settings"
    return f"{len(jobs)} comparable jobs over {len(keys)} {settings}{verdict} {noise}"


def importance(jobs: Sequence[Mapping[str, Any]]) -> Importance | None:
    """Permutation importance of a random forest (Breiman 2001) from settings to score; None for too few jobs."""
    keys, scores = _keys(jobs), _scaled(_scores(jobs))
    if len(jobs) < FEWEST_JOBS or sum(len(_values(jobs, key)) for key in keys) <= 2 or len(set(scores)) == 1:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    rows = list(zip(*(_column(jobs, key) for key in keys), strict=True))
    forest = RandomForestRegressor(n_estimators=_TREES, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(rows, scores)
    shuffled: Any = permutation_importance(forest, rows, scores, n_repeats=_REPEATS, random_state=0, n_jobs=1)
    triples = zip(keys, shuffled.importances_mean.tolist(), shuffled.importances_std.tolist(), strict=True)
    names, means, deviations = zip(*sorted(triples, key=lambda triple: -triple[1]), strict=True)
    return Importance(list(names), list(means), list(deviations), float(forest.oob_score_))


def _importance_chart(weights: Importance) -> Chart:
    keys = weights.keys[::-1]  # the first is drawn at the bottom
    means, deviations = ([round(x, 4) for x in column[::-1]] for column in (weights.means, weights.deviations))
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": keys,
        "x": means,
        "error_x": {"type": "data", "array": deviations, "thickness": 1},
        "marker": {"color": COLOURS[0]},
    }
    layout = {
        "xaxis": {"title": {"text": "loss of fit when shuffled"}, "rangemode": "tozero"},
        "yaxis": {"type": "category"},
        "hovermode": "closest",
    }
    summary = ", ".join(f"{key} {mean:.3f}" for key, mean in zip(weights.keys, weights.means, strict=True))
    return Chart("Importance of each setting", summary, {"data": [bar], "layout": layout}, meaning=IMPORTANCES)


def _strip(jobs: Sequence[Mapping[str, Any]], key: str) -> Chart:
    """Every job as a point over its value of `key`, and each value's median as a bar."""
    values, name, scores = _values(jobs, key), jobs[0]["score"]["name"], _scores(jobs)
    points: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
    medians: dict[str, list[Any]] = {"x": [], "y": []}
    sentences = []
    having: dict[str, list[Mapping[str, Any]]] = {value: [] for value in values}
    for job in jobs:
        having[str(job["varied"].get(key))].append(job)
    for place, (value, members) in enumerate(having.items()):
        count = len(members)
        points["x"] += [round(place + 0.3 * ((index + 0.5) / count - 0.5), 3) for index in range(count)]
        points["y"] += _scores(members)
        points["text"] += [f"{_settings(job)}: {name} {_value(job):.4g}" for job in members]
        median = statistics.median(_scores(members))
        medians["x"] += [place - 0.3, place + 0.3, None]
        medians["y"] += [median, median, None]
        sentences.append(f"{value}: median {median:.4g} of {count}")
    bars = {"type": "scatter", "mode": "lines", "line": {"color": COLOURS[1], "width": 3}, "hoverinfo": "skip"}
    dots = {
        "type": "scatter",
        "mode": "markers",
        "marker": {"color": COLOURS[0], "size": 8, "opacity": 0.75},
    }
    ticks = {"tickvals": list(range(len(values))), "ticktext": list(map(_tick, values))}
    layout = {
        "xaxis": {"title": {"text": key}, "range": [-0.6, len(values) - 0.4], **ticks},
        "yaxis": {"title": {"text": name}, **log_axis(scores)},
        "hovermode": "closest",
    }
    figure = {"data": [medians | bars, points | dots], "layout": layout}
    return Chart(f"{name} by {key}", "; ".join(sentences), figure, ["a point is a job, a bar the median"], STRIP)


def _scatter(jobs: Sequence[Mapping[str, Any]], key: str) -> Chart:
    """Every job as a point over its value of `key`, a number that a search has drawn."""
    name, scores = jobs[0]["score"]["name"], _scores(jobs)
    values = [float(job["varied"].get(key)) for job in jobs]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": scores,
        "text": [f"{_settings(job)}: {name} {_value(job):.4g}" for job in jobs],
        "marker": {"color": COLOURS[0], "size": 8, "opacity": 0.75},
    }
    layout = {
        "xaxis": {"title": {"text": key}, **log_axis(values)},
        "yaxis": {"title": {"text": name}, **log_axis(scores)},
        "hovermode": "closest",
    }
    summary = f"{len(jobs)} values from {min(values):.4g} to {max(values):.4g}; the best job has {values[0]:.4g}"
    return Chart(f"{name} by {key}", summary, {"data": [dots], "layout": layout}, ["a point is a job"])


def _is_continuous(jobs: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether the values are numbers, and more than can have a column each."""
    values = _values(jobs, key)
    return len(values) > _MOST_COLUMNS and all(map(_is_number, values))


def _parallel(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Chart:
    """Each job as a line through its values to its score at the right: the best drawn last, in colour."""
    name = jobs[0]["score"]["name"]
    scores = _scaled(_scores(jobs))
    low, span = min(scores), (max(scores) - min(scores)) or 1.0
    heights = {
        key: {value: round(place / max(1, len(values) - 1), 4) for place, value in enumerate(values)}
        for key in keys
        for values in [_values(jobs, key)]
    }
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": list(range(len(keys) + 1)),
            "y": [*(heights[key][str(job["varied"].get(key))] for key in keys), round((scores[place] - low) / span, 4)],
            "line": {"color": COLOURS[1] if place == 0 else COLOURS[0], "width": 3 if place == 0 else 1.5},
            "opacity": round(1 - 0.75 * (place / max(1, len(jobs) - 1)), 3),
            "text": f"rank {job['rank']}: {_settings(job)}: {_value(job):.4g}",
        }
        for place, job in enumerate(jobs)
    ]
    notes = [
        {"x": place, "y": height, "text": _tick(value), "xanchor": "right"} | ({} if place else {"side": "left"})
        for place, key in enumerate(keys)
        for value, height in heights[key].items()
        if len(heights[key]) <= _MOST_COLUMNS or height in (0.0, 1.0)
    ]
    ends = {scores.index(min(scores)): 0.0, scores.index(max(scores)): 1.0}
    notes += [
        {"x": len(keys), "y": y, "text": f"{_value(jobs[place]):.4g}", "xanchor": "left", "side": "right"}
        for place, y in ends.items()
    ]
    ticks = {"tickvals": list(range(len(keys) + 1)), "ticktext": [*keys, name]}
    layout = {
        "xaxis": {**ticks, "range": [0, len(keys)]},
        "yaxis": {"visible": False, "range": [-0.08, 1.08]},
        "annotations": notes,
        "hovermode": "closest",
    }
    summary, figure = f"the best job has {_settings(jobs[0])}", {"data": data[::-1], "layout": layout}
    return Chart("Every job from its settings to its score", summary, figure, meaning=PARALLEL)


def _keys(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings of which the jobs have several values."""
    keys = dict.fromkeys(key for job in jobs for key in job["varied"])
    return [key for key in keys if len(_values(jobs, key)) > 1]


def _values(jobs: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    """All values of a setting, numbers by size."""
    values = dict.fromkeys(str(job["varied"].get(key)) for job in jobs)
    return sorted(values, key=float) if all(map(_is_number, values)) else sorted(values)


def _column(jobs: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """A setting's values as numbers; words by their place in the alphabet."""
    values, column = _values(jobs, key), [str(job["varied"].get(key)) for job in jobs]
    places = {value: place for place, value in enumerate(values)}
    return (
        _scaled(list(map(float, column))) if all(map(_is_number, values)) else [float(places[text]) for text in column]
    )


def _scaled(values: list[float]) -> list[float]:
    """The logarithm where the values span orders of magnitude."""
    spans_orders = min(values) > 0 and max(values) / min(values) >= _MANY_ORDERS
    return list(map(math.log10, values)) if spans_orders else values


def _is_number(text: str) -> bool:
    """Whether it is one that a forest can take, which reckons in 32 bits."""
    try:
        return abs(float(text)) < _LARGEST
    except ValueError:
        return False


def _value(job: Mapping[str, Any]) -> float | None:
    return number((job.get("score") or {}).get("value"))


def _scores(jobs: Sequence[Mapping[str, Any]]) -> list[float]:
    return [value for job in jobs if (value := _value(job)) is not None]


def _settings(job: Mapping[str, Any]) -> str:
    return shorten(", ".join(f"{key}={value}" for key, value in job["varied"].items()), _LONGEST_WORDS)


def _tick(value: str) -> str:
    """A value for an axis, where 1000000.0 is 1e+06; the page cuts words that are too long for their place."""
    return f"{float(value):g}" if _is_number(value) else value
