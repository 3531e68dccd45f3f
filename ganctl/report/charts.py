"""The curves and bars of a report, as plain figures for plotly.js: data and layout, coloured by the page itself.

Nothing of plotly is imported: a figure is a dictionary that JSON can hold, and the page draws it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ganctl.evaluation.ranking import Entry, groups, reasons
from ganctl.evaluation.scores import Measurement
from ganctl.report.facts import best, best_place, class_shares, names_of, score_of, series
from ganctl.report.pictures import evenly
from ganctl.report.recorded import Recorded

COLOURS = (
    *("#3b82f6", "#e8710a", "#10a37f", "#d6409f", "#8b5cf6", "#b58900", "#06a5c0", "#e5484d", "#7c8b00", "#7f8794"),
)
"""Of the runs, in turn; each is legible on white and on nearly black."""

DASHES = ("solid", "dash", "dot", "dashdot")
"""Of the runs beyond as many as there are colours."""

MOST_POINTS, FEWEST_POINTS = 800, 100
"""Of one curve: about as many as it has pixels, and for many runs enough to see its shape."""

POINTS_A_CHART = 16_000
"""Of all its curves, which keeps a page of a hundred runs to some megabytes."""

LOG_FROM = 30.0
"""Ratio of largest to smallest from which scores are drawn on a logarithmic axis."""

_TITLES = {  # in the order of the page
    "d_loss": "Loss of the discriminator",
    "g_loss": "Loss of the generator",
    "d_real": "D(real): real images taken for real",
    "d_fake": "D(fake): generated images taken for real",
    "d_penalty": "Penalty of the discriminator",
    "g_penalty": "Penalty of the generator",
    "learning_rate": "Learning rate",
    "images_per_second": "Images per second",
}
_SHORT = {"d_loss": "discriminator", "g_loss": "generator", "d_real": "D(real)", "d_fake": "D(fake)"}
_PAIRS = {"d_loss": ("Losses", "g_loss"), "d_real": ("D(real) and D(fake)", "d_fake")}
_SHARES = ("d_real", "d_fake")


@dataclass(frozen=True)
class Chart:
    """A figure with a title, what it shows in words (for those who cannot see it), and remarks below it."""

    title: str
    summary: str
    figure: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def colour(place: int) -> str:
    """The colour of the run at this place."""
    return COLOURS[place % len(COLOURS)]


def svg_text(text: object) -> str:
    """Text for plotly.js, which reads a little HTML in names, ticks and annotations."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def training_curves(runs: Sequence[Recorded]) -> list[Chart]:
    """Everything logged over steps. One run alone has both losses in one chart, and D(real) beside D(fake)."""
    names = list(dict.fromkeys(name for run in runs for name in names_of(run.losses)))
    names = [name for name in names if not (name.endswith("_penalty") and _is_nought(runs, name))]
    order = [name for name in _TITLES if name in names]
    names = [*order, *(name for name in names if name not in order)]
    charts = []
    if len(runs) == 1:
        for first, (title, second) in _PAIRS.items():
            if first in names and second in names:
                both = (first, second)
                lines = [_curve(runs[0], 0, place, name, _SHORT[name], 1) for place, name in enumerate(both)]
                summary = "; ".join(_ends(runs, name) for name in both)
                charts.append(Chart(title, summary, _figure(lines, legend=True, share=first in _SHARES)))
                names = [name for name in names if name not in both]
    for name in names:
        lines = [_curve(run, place, place, name, run.label, len(runs)) for place, run in enumerate(runs)]
        figure = _figure(lines, share=name in _SHARES, many=len(runs))
        if name == "images_per_second":
            figure["layout"]["yaxis"]["rangemode"] = "tozero"
        charts.append(Chart(_TITLES.get(name, name), _ends(runs, name), figure))
    return charts


def score_curves(runs: Sequence[Recorded], *, force: bool = False) -> list[Chart]:
    """Every score over steps, the best marked. Runs whose scores are not made alike get charts of their own.

    With `force` they share one, and a remark says in what they differ. A score with one value a run has no curve, nor
    has one that never changes.
    """
    constant = unchanging_scores(runs)
    charts = []
    for name in _score_names(runs):
        if name in constant or all(len(series(run.scores, name)[0]) < 2 for run in runs):
            continue
        places = [place for place, run in enumerate(runs) if any(name in record for record in run.scores)]
        entries = [_entry(name, runs[place], place) for place in places]
        alike, notes = groups(entries), reasons(entries)
        if force or len(alike) == 1:
            charts.append(_score_chart(name, runs, places, "≠ " if notes else "", notes))
        else:
            for number, members in enumerate(alike, 1):
                chart = _score_chart(name, runs, sorted(entry.place for entry in members), "", notes)
                charts.append(Chart(f"{chart.title} (protocol {number})", chart.summary, chart.figure, notes))
    return charts


def unchanging_scores(runs: Sequence[Recorded]) -> dict[str, float]:
    """Scores that had one and the same value in all evaluations of all runs, of which there were several."""
    curves = {name: [value for run in runs for value in series(run.scores, name)[1]] for name in _score_names(runs)}
    return {name: values[0] for name, values in curves.items() if len(values) > 1 and len(set(values)) == 1}


def log_axis(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis with ticks at 1, 2 and 5 times the powers of ten; over many decades at the powers alone."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if len(decades) > 4 else (1, 2, 5)
    ticks = [step * 10.0**power for power in decades for step in steps]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:.6g}" for tick in ticks]}


def class_share_chart(runs: Sequence[Recorded]) -> Chart | None:
    """How often each class is drawn, as bars, with the even share as a line; None where no run has such scores."""
    bars, ranges, most = [], [], 0
    for place, run in enumerate(runs):
        shares, _ = class_shares(run)
        if shares:
            most = max(most, len(shares))
            ranges.append(f"{run.label}: {min(shares.values()):.1%} to {max(shares.values()):.1%}")
            bars.append(
                {
                    "type": "bar",
                    "name": svg_text(run.label),
                    "meta": {"run": place},
                    "x": [svg_text(name) for name in shares],
                    "y": [_brief(value) for value in shares.values()],
                    "marker": {"color": colour(place)},
                    "hovertemplate": "class %{x}: %{y:.1%}<extra>%{fullData.name}</extra>",
                }
            )
    if not bars:
        return None
    figure = _figure(bars, share=False, many=len(bars))
    figure["layout"]["xaxis"] = {"title": {"text": "class"}, "type": "category"}
    figure["layout"]["yaxis"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    figure["layout"]["shapes"] = [_rule("y", 1 / most)]
    figure["layout"] |= {"hovermode": "closest", "barmode": "group"}
    return Chart(
        "Share of each class among the samples", "; ".join(ranges), figure, [f"dotted: the even share, {1 / most:.1%}"]
    )


def _score_names(runs: Sequence[Recorded]) -> list[str]:
    names = dict.fromkeys(name for run in runs for name in names_of(run.scores))
    return [name for name in names if score_of(name, *runs).kind == "score"]


def _score_chart(name: str, runs: Sequence[Recorded], places: Sequence[int], mark: str, notes: list[str]) -> Chart:
    lines: list[dict[str, Any]] = []
    values: list[float] = []
    direction = score_of(name, *runs).direction
    for place in places:
        run = runs[place]
        line = _curve(run, place, place, name, run.label, len(places), scores=True)
        lines += [*_band(run, place, name), line | {"mode": "lines+markers", "marker": {"size": 5}}]
        steps, curve = series(run.scores, name)
        values += [value for value in curve if math.isfinite(value)]
        if (at := best_place(direction, curve)) is not None:
            lines.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"{svg_text(run.label)}: best",
                    "meta": {"run": place},
                    "x": [steps[at]],
                    "y": [_brief(curve[at])],
                    "marker": {"symbol": "star", "size": 13, "color": colour(place), "line": {"width": 1}},
                    "hovertemplate": "best: %{y:.4g} at step %{x:,}<extra></extra>",
                }
            )
    figure = _figure(lines, many=len(places))
    judged = best(runs[places[0]]) if len(runs) == 1 else None
    if judged is not None and judged[2] is not None:
        figure["layout"]["shapes"] = [_rule("x", judged[2])]
        if name == judged[0]:
            notes = [*notes, f"dotted, here and below: step {judged[2]:,}, the best checkpoint by {name}"]
    arrow = {"lower": " ↓", "higher": " ↑", None: ""}[direction]
    if values and min(values) > 0 and max(values) / min(values) > LOG_FROM:
        figure["layout"]["yaxis"] |= log_axis(min(values), max(values))
        arrow += ", logarithmic"
    return Chart(f"{mark}{name}{arrow}", _ends([runs[place] for place in places], name, scores=True), figure, notes)


def _curve(
    run: Recorded, place: int, tone: int, name: str, label: str, many: int, *, scores: bool = False
) -> dict[str, Any]:
    steps, values = series(run.scores if scores else run.losses, name)
    most = min(MOST_POINTS, max(FEWEST_POINTS, POINTS_A_CHART // many))
    points = evenly(list(zip(steps, values, strict=True)), most)
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > 1 else "markers",
        "name": svg_text(label),
        "meta": {"run": place},
        "x": [int(step) for step, _ in points],
        "y": [_brief(value) for _, value in points],
        "line": {"color": colour(tone), "width": 1.8, "dash": DASHES[tone // len(COLOURS) % len(DASHES)]},
        "hovertemplate": "%{y:.4g}",
    }


def _band(run: Recorded, place: int, name: str) -> list[dict[str, Any]]:
    """The interval of a score that has one, as a shaded band."""
    ends = {score.kind: score.name for score in run.declared.values() if score.of == name}
    low, high = (series(run.scores, ends.get(end, "")) for end in ("low", "high"))
    if not low[0] or low[0] != high[0]:
        return []
    common = {"type": "scatter", "mode": "lines", "meta": {"run": place}, "hoverinfo": "skip", "line": {"width": 0}}
    shade = "rgba({},{},{},0.18)".format(*(int(colour(place)[at : at + 2], 16) for at in (1, 3, 5)))
    x = [int(step) for step in low[0]]
    return [
        common | {"x": x, "y": [_brief(value) for value in low[1]], "showlegend": False},
        common | {"x": x, "y": [_brief(value) for value in high[1]], "fill": "tonexty", "fillcolor": shade},
    ]


def _figure(data: list[dict[str, Any]], *, legend: bool = False, share: bool = False, many: int = 1) -> dict[str, Any]:
    yaxis: dict[str, Any] = {"range": [0, 1], "tickformat": ".1f"} if share else {}
    hover = "x unified" if many <= 6 else "closest"
    layout = {"xaxis": {"title": {"text": "step"}}, "yaxis": yaxis, "showlegend": legend, "hovermode": hover}
    return {"data": data, "layout": layout}


def _rule(axis: str, value: float) -> dict[str, Any]:
    """A dotted line across the chart at one value of `axis`, x or y."""
    other = {"x": "y", "y": "x"}[axis]
    ends = {f"{axis}0": value, f"{axis}1": value, f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper"}
    return {"type": "line", "line": {"dash": "dot", "width": 1.5, "color": "#7f8794"}, **ends}


def _ends(runs: Sequence[Recorded], name: str, *, scores: bool = False) -> str:
    parts = []
    for run in runs[:4]:
        steps, values = series(run.scores if scores else run.losses, name)
        if steps:
            parts.append(
                f"{run.label}: {name} {values[0]:.3g} at step {steps[0]:.0f}, {values[-1]:.3g} at {steps[-1]:.0f}"
            )
    return "; ".join(parts) + (f"; and {len(runs) - 4} more" if len(runs) > 4 else "")


def _entry(name: str, run: Recorded, place: int) -> Entry:
    """The score of a run's last evaluation."""
    assert run.last_while_training is not None
    scores = run.last_while_training.scores
    measured = scores.scores.get(name, Measurement(score_of(name, run), math.nan, None))
    return Entry(place, run.label, measured, scores.protocol)


def _is_nought(runs: Sequence[Recorded], name: str) -> bool:
    return all(value == 0 for run in runs for value in series(run.losses, name)[1])


def _brief(value: float) -> float | None:
    """Five digits, as a page needs them; what is not finite is a gap."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
