"""The curves and bars of a report, as plain figures that templates/chart.js draws: data and layout that JSON can hold.

They are in the words of plotly.js, of which the page draws what is used here.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganctl.evaluation.ranking import Entry, groups, reasons
from ganctl.evaluation.scores import Measurement
from ganctl.report.explanations import CHARTS, NO_PROBABILITIES, SHARES, of_score
from ganctl.report.facts import (
    arrow,
    best,
    best_place,
    class_shares,
    has_probabilities,
    held_out_name,
    held_out_value,
    names_of,
    real_value,
    score_of,
    series,
)
from ganctl.report.marks import of_events, rule
from ganctl.report.pictures import evenly
from ganctl.report.recorded import Recorded

COLOURS = (  # of the runs, in turn; each is legible on white and on nearly black
    *("#3b82f6", "#e8710a", "#10a37f", "#d6409f", "#8b5cf6", "#b58900", "#06a5c0", "#e5484d", "#7c8b00", "#7f8794"),
)
DASHES = ("solid", "dash", "dot", "dashdot")  # of the runs beyond as many as there are colours
MOST_POINTS, FEWEST_POINTS = 800, 100  # of a curve: as many as it has pixels; for many runs, enough to see its shape
POINTS_A_CHART = 16_000  # of all its curves, which keeps a page of a hundred runs to some megabytes
LOG_FROM = 30.0  # ratio of largest to smallest from which scores are drawn on a logarithmic axis

_TITLES = {  # in the order of the page
    "d_loss": "Loss of the discriminator",
    "g_loss": "Loss of the generator",
    "d_real": "D(real): real images taken for real",
    "d_fake": "D(fake): generated images taken for real",
    "d_penalty": "Penalty of the discriminator",
    "g_penalty": "Penalty of the generator",
    "cycle": "Term of the way there and back",
    "identity": "Term of leaving alone what is of its own kind",
    "ada_p": "Probability of each transform of augment=ada",
    "scheduled_p": "Probability of each transform of augment=scheduled",
    "top_k_share": "Share of its images that the generator learns from, by regularizer=[top_k]",
    "gradient_generator": "Norm of the generator's gradient",
    "gradient_discriminator": "Norm of the discriminator's gradient",
    "variety": "Variety within a batch of generated images, beside real ones",
    "saturation": "Midtones that generated images lack beside real ones",
    "out_of_range": "Generated values out of range",
    "learning_rate": "Learning rate",
    "images_per_second": "Images per second",
}
_PAIRS = {  # of one run alone: title, then names and labels of the curves
    "Losses": {"d_loss": "discriminator", "g_loss": "generator"},
    "D(real) and D(fake)": {"d_real": "D(real)", "d_fake": "D(fake)"},
}
_SHARES = ("d_real", "d_fake")


@dataclass(frozen=True)
class Chart:
    """A figure with a title, what it shows in words (for those who cannot see it), and remarks below it.

    `meaning` is the sentence on how to read it: what good looks like, and what to do.
    """

    title: str
    summary: str
    figure: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    meaning: str = ""


def colour(place: int) -> str:
    """The colour of the run at this place."""
    return COLOURS[place % len(COLOURS)]


def training_curves(runs: Sequence[Recorded]) -> list[Chart]:
    """Everything logged over steps. One run alone has both losses in one chart, and D(real) beside D(fake)."""
    logged = dict.fromkeys(name for run in runs for name in names_of(run.losses))
    names = [name for name in dict.fromkeys((*_TITLES, *logged)) if name in logged and not _is_left_out(runs, name)]
    charts = []
    for title, pair in _PAIRS.items():
        if len(runs) == 1 and all(name in names for name in pair):
            curves = enumerate(pair.items())
            lines = [_curve(runs[0], 0, name, label, tone=tone) for tone, (name, label) in curves]
            summary = "; ".join(_ends(runs, name) for name in pair)
            charts.append(
                Chart(
                    title,
                    summary,
                    _figure(lines, legend=True, share="d_real" in pair),
                    meaning=_meaning(runs, title, *pair),
                )
            )
            names = [name for name in names if name not in pair]
    for name in names:
        lines = [_curve(run, place, name, run.label, many=len(runs)) for place, run in enumerate(runs)]
        figure = _figure(lines, share=name in _SHARES, many=len(runs))
        if name == "images_per_second":
            figure["layout"]["yaxis"]["rangemode"] = "tozero"
        charts.append(Chart(_TITLES.get(name, name), _ends(runs, name), figure, meaning=_meaning(runs, name)))
    lines, notes = of_events(runs[0]) if len(runs) == 1 else ([], [])
    for chart in charts:
        chart.figure["layout"].setdefault("shapes", []).extend(lines)
    for chart in charts[:1]:
        chart.notes.extend(notes)
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
        entries = [
            _entry(name, run, place) for place, run in enumerate(runs) if any(name in line for line in run.scores)
        ]
        alike, notes = groups(entries), reasons(entries)
        for number, members in enumerate([entries] if force else alike, 1):
            mark = "{}" if len(alike) == 1 else "≠ {}" if force else f"{{}} (protocol {number})"
            charts.append(_score_chart(name, runs, sorted(entry.place for entry in members), mark, notes))
    return charts


def unchanging_scores(runs: Sequence[Recorded]) -> dict[str, float]:
    """Scores that had one and the same value in all evaluations of all runs, of which there were several."""
    curves = {name: [value for run in runs for value in series(run.scores, name)[1]] for name in _score_names(runs)}
    return {name: values[0] for name, values in curves.items() if len(values) > 1 and len(set(values)) == 1}


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """For positive values far apart a logarithmic axis, with ticks at 1, 2 and 5 times the powers of ten.

    Over many decades at the powers alone. Empty for other values: the axis stays linear.
    """
    if not values or not min(values) > 0 or not max(values) / min(values) > LOG_FROM:
        return {}
    decades = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
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
            look = {"marker": {"color": colour(place)}}
            bars.append(_trace({"type": "bar"}, run.label, place, list(shares), shares.values(), look))
    if not bars:
        return None
    figure = _figure(bars)
    figure["layout"]["xaxis"] = {"title": {"text": "class"}, "type": "category"}
    figure["layout"]["yaxis"] = {"tickformat": ".0%", "rangemode": "tozero"}
    figure["layout"] |= {"hovermode": "closest", "shapes": [rule("y", 1 / most)], "barmode": "group"}
    notes = [f"dotted: the even share, {1 / most:.1%}"]
    return Chart("Share of each class among the samples", "; ".join(ranges), figure, notes, SHARES)


def _score_names(runs: Sequence[Recorded]) -> list[str]:
    names = dict.fromkeys(name for run in runs for name in names_of(run.scores))
    return [name for name in names if score_of(name, *runs).kind == "score"]


def _score_chart(name: str, runs: Sequence[Recorded], places: Sequence[int], mark: str, notes: list[str]) -> Chart:
    lines: list[dict[str, Any]] = []
    values: list[float] = []
    direction = score_of(name, *runs).direction
    for place in places:
        run = runs[place]
        line = _curve(run, place, name, run.label, many=len(places), scores=True)
        lines += [*_band(run, place, name), line | {"mode": "lines+markers", "marker": {"size": 5}}]
        steps, curve = series(run.scores, name)
        values += [value for value in curve if math.isfinite(value)]
        if (at := best_place(direction, curve)) is not None:
            kind = {"type": "scatter", "mode": "markers"}
            text = f"{run.label}, best: {curve[at]:.4g} at step {steps[at]:,.0f}"
            look = {"marker": {"symbol": "star", "size": 13, "color": colour(place)}, "text": text}
            lines.append(_trace(kind, f"{run.label}: best", place, [steps[at]], [curve[at]], look))
    figure = _figure(lines, many=len(places))
    judge, _, step = (best(runs[0]) if len(runs) == 1 else None) or ("", 0.0, -1)
    if step >= 0:
        figure["layout"]["shapes"] = [rule("x", step)]
        if name == judge:
            notes = [*notes, f"dotted, here and below: step {step:,}, the best checkpoint by {name}"]
    if len(runs) == 1 and (real := held_out_value(runs[0], name)) is not None:
        notes = [*notes, f"{held_out_name(runs[0])} get {real:.4g}"]
    if len(runs) == 1 and (real := real_value(runs[0], name)) is not None:
        notes = [*notes, f"real images among themselves get {real:.4g}"]
    axis = log_axis(values)
    figure["layout"]["yaxis"] |= axis
    title = f"{name} {arrow(name, *runs)}".rstrip() + (", logarithmic" if axis else "")
    summary = _ends([runs[place] for place in places], name, scores=True)
    return Chart(mark.format(title), summary, figure, notes, of_score(name))


def _curve(
    run: Recorded, place: int, name: str, label: str, *, tone: int | None = None, many: int = 1, scores: bool = False
) -> dict[str, Any]:
    """A quantity of the run at `place` over steps; `tone` (None = the run's place) chooses colour and dash."""
    steps, values = series(run.scores if scores else run.losses, name)
    tone = place if tone is None else tone
    most = min(MOST_POINTS, max(FEWEST_POINTS, POINTS_A_CHART // many))
    points = evenly(list(zip(steps, values, strict=True)), most)
    kind = {"type": "scatter", "mode": "lines" if len(points) > 1 else "markers"}
    look = {"color": colour(tone), "width": 1.8, "dash": DASHES[tone // len(COLOURS) % len(DASHES)]}
    steps, values = [int(step) for step, _ in points], [value for _, value in points]
    return _trace(kind, label, place, steps, values, {"line": look})


def _trace(
    kind: dict[str, Any], label: str, place: int, x: Sequence[Any], y: Iterable[float], look: dict[str, Any]
) -> dict[str, Any]:
    """Values `y` of the run at `place`, in which what is not finite is a gap."""
    return kind | {"name": label, "meta": {"run": place}, "x": x, "y": list(map(_brief, y))} | look


def _band(run: Recorded, place: int, name: str) -> list[dict[str, Any]]:
    """The interval of a score that has one, as a shaded band."""
    ends = {score.kind: score.name for score in run.declared.values() if score.of == name}
    (steps, low), (steps_of_high, high) = (series(run.scores, ends.get(end, "")) for end in ("low", "high"))
    if not steps or steps != steps_of_high:
        return []
    common = {"type": "scatter", "mode": "lines", "meta": {"run": place}, "hoverinfo": "skip", "line": {"width": 0}}
    common["x"] = list(map(int, steps))
    shade = "rgba({},{},{},0.18)".format(*bytes.fromhex(colour(place)[1:]))
    return [
        common | {"y": list(map(_brief, low)), "showlegend": False},
        common | {"y": list(map(_brief, high)), "fill": "tonexty", "fillcolor": shade},
    ]


def _figure(data: list[dict[str, Any]], *, legend: bool = False, share: bool = False, many: int = 1) -> dict[str, Any]:
    yaxis: dict[str, Any] = {"range": [0, 1], "tickformat": ".1f"} if share else {}
    hover = "x unified" if many <= 6 else "closest"
    layout = {
        "xaxis": {"title": {"text": "step"}, "rangemode": "tozero", "exact": True},
        "yaxis": yaxis,
        "showlegend": legend,
        "hovermode": hover,
    }
    return {"data": data, "layout": layout}


def _ends(runs: Sequence[Recorded], name: str, *, scores: bool = False) -> str:
    parts = [
        f"{run.label}: {name} {values[0]:.3g} at step {steps[0]:.0f}, {values[-1]:.3g} at {steps[-1]:.0f}"
        for run in runs[:4]
        for steps, values in [series(run.scores if scores else run.losses, name)]
        if steps
    ]
    return "; ".join(parts) + (f"; and {len(runs) - 4} more" if len(runs) > 4 else "")


def _entry(name: str, run: Recorded, place: int) -> Entry:
    """The score of a run's last evaluation."""
    assert run.last_while_training is not None
    scores = run.last_while_training.scores
    measured = scores.scores.get(name, Measurement(score_of(name, run), math.nan, None))
    return Entry(place, run.label, measured, scores.protocol)


def _meaning(runs: Sequence[Recorded], *names: str) -> str:
    """How to read the chart of these names, of which the first decides."""
    no_probabilities = any(name in _SHARES for name in names) and not all(map(has_probabilities, runs))
    return NO_PROBABILITIES if no_probabilities else CHARTS.get(names[0], "")


def _is_left_out(runs: Sequence[Recorded], name: str) -> bool:
    """Whether it is a penalty, or a fault of the pictures, that was never there."""
    may_be_nought = name.endswith("_penalty") or name in ("saturation", "out_of_range")
    return may_be_nought and not any(value for run in runs for value in series(run.losses, name)[1])


def _brief(value: float) -> float | None:
    """Five digits, as a page needs them; what is not finite is a gap."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
