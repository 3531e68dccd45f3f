"""A report's page: one HTML file that needs nothing else, from the records of runs and perhaps of a sweep.

The page asks the network for nothing, and its content security policy forbids it to. All that comes from a run's files
is escaped, and only the two scripts that are put in here may run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ganctl.record.wording import duration
from ganctl.report import html_parts as parts
from ganctl.report.charts import Chart, class_share_chart, colour, score_curves, training_curves, unchanging_scores
from ganctl.report.facts import arrow, best, budget, last_step, score_of, seconds, status
from ganctl.report.pictures import MOST_RUNS, grids_a_run, timeline
from ganctl.report.recorded import Recorded, flat
from ganctl.report.sweep_charts import weigh

_CALLED_BY_THE_TEMPLATE = (
    *(arrow, best, budget, colour, duration, flat, last_step, seconds, status),
    *(parts.text, parts.trained, parts.whole_config),
)


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder, its jobs as sweep.json ranks them, and the rest of sweep.json."""

    folder: Path
    jobs: Sequence[Mapping[str, Any]]
    written: Mapping[str, Any]


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
    timelines = [(place, timeline(runs[place], grids_a_run(len(places)))) for place in places]
    timelines = [(place, line) for place, line in timelines if line.pictures or line.best or line.nearest]
    sweep_charts, trust = weigh(sweep.jobs) if sweep else ([], "")
    context: dict[str, Any] = {
        "title": _title(runs, sweep),
        "runs": runs,
        "findings": parts.findings(runs),
        "sweep": sweep,
        "swept": list(dict.fromkeys(key for job in sweep.jobs for key in job.get("varied", {}))) if sweep else [],
        "trust": trust,
        "sweep_charts": placed(sweep_charts),
        "score_charts": placed(score_curves(runs, force=force)),
        "unchanging": [f"{name} {value:.4g}" for name, value in unchanging_scores(runs).items()],
        "share_charts": placed([class_share_chart(runs)]),
        "training_charts": placed(training_curves(runs)),
        "timelines": timelines,
        "steps": sorted({step for _, line in timelines for step in line.steps}),
        "pictures_of": (len(places), len(runs)),
        "comparison": parts.comparison(runs, force=force) if len(runs) > 1 else None,
        "scores": [parts.score_table(run) for run in runs if run.scores or run.final],
        "differing": parts.settings_that_differ(runs) if len(runs) > 1 else [],
    }
    data = {
        "charts": [chart.figure for chart in charts],
        "steps": context["steps"],
        "timelines": [
            {"steps": line.steps, "uris": [picture.uri for picture in line.pictures]} for _, line in timelines
        ],
    }
    plotly, script = (_plotly() if charts else ""), _template("script.js")
    context |= {
        "data": Markup(as_script_data(data)),
        "plotly": Markup(plotly),
        "script": Markup(script),
        "style": Markup(_template("style.css")),
        "policy": _policy([plotly, script]),
    }
    loader = FunctionLoader(_template)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {function.__name__: function for function in _CALLED_BY_THE_TEMPLATE}
    return environment.get_template("page.html.j2").render(context)


def as_script_data(data: object) -> str:
    """JSON that may stand in a script element whatever text it holds: no tag or comment can begin or end in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(scripts: Sequence[str]) -> str:
    """A content security policy: no request of any kind, pictures from the page itself, and these scripts alone."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in scripts if text]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _places_with_pictures(runs: Sequence[Recorded]) -> list[int]:
    """The places of all runs, or of many those with the best scores of one name."""
    if len(runs) <= MOST_RUNS:
        return list(range(len(runs)))
    judged = [(place, score) for place, run in enumerate(runs) if (score := best(run)) is not None]
    if not judged:
        return list(range(MOST_RUNS))
    name = judged[0][1][0]
    sign = -1 if score_of(name, *runs).direction == "higher" else 1
    rated = [(sign * score[1], place) for place, score in judged if score[0] == name]
    return sorted(place for _, place in sorted(rated)[:MOST_RUNS])


def _title(runs: Sequence[Recorded], sweep: Sweep | None) -> str:
    names = [parts.trained(run) for run in runs]
    data = " and ".join(list(dict.fromkeys(name["data"] for name in names))[:3])
    model = ", ".join(list(dict.fromkeys(name["model"] for name in names))[:3])
    what = f"{model} on {data}" if runs else "no run yet"
    if sweep:
        return f"Sweep of {len(sweep.jobs) or len(runs)} jobs: {what}"
    if len(runs) > 1:
        return f"{len(runs)} runs: {what}"
    return what + (" (not finished)" if status(runs[0]) == "unfinished" else "")


def _plotly() -> str:
    """plotly.js itself, some 5 MB."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _template(name: str) -> str:
    return (resources.files("ganctl.report") / "templates" / name).read_text(encoding="utf-8")
