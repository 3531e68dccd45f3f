"""The dotted lines across a chart: a value to compare with, a step at which something happened."""

from typing import Any

from ganctl.report.recorded import Recorded

_WENT_BACK = "where the run goes on after it went back: "


def rule(axis: str, value: float) -> dict[str, Any]:
    """A dotted line across the chart at one value of `axis`, x or y."""
    other = {"x": "y", "y": "x"}[axis]
    ends = {f"{axis}0": value, f"{axis}1": value, f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper"}
    return {"type": "line", "line": {"dash": "dot", "width": 1.5, "color": "#7f8794"}, **ends}


def of_events(run: Recorded) -> tuple[list[dict[str, Any]], list[str]]:
    """Lines where a trouble was said or the run went back, and the remark that explains them, if there are any."""
    events = [event for event in run.events if not event.get("over")]
    said = [
        f"step {event['step']:,}, {_WENT_BACK if event['kind'] == 'rollback' else ''}{event['title']}"
        for event in events
    ]
    return [rule("x", event["step"]) for event in events], [
        f"dotted, here and below: {'; '.join(said)}"
    ] if said else []
