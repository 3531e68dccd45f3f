"""The end of a sweep: the table of its jobs, on the screen and as sweep.json and sweep.csv."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganctl.evaluation.protocol import MUST_AGREE, line
from ganctl.files import atomic_write_text, write_json
from ganctl.job.expansion import brief
from ganctl.report.sweep import SEED, over_seeds, protocol_of, ranked, unequal

if TYPE_CHECKING:
    from rich.console import Console


def show_and_write(folder: Path, results: Sequence[dict[str, Any]], number: int, *, interrupted: bool) -> int:
    """Prints the table of the jobs' `results` and writes it into `folder`. Returns how many jobs failed.

    Those of the `number` of jobs that have not been run are counted, not shown.
    """
    jobs = ranked(results)
    failed = sum(bool(job["failed"]) for job in jobs)
    content = {
        "status": "interrupted" if interrupted else "failed" if failed else "finished",
        "jobs": number,
        "failed": failed,
        "not_run": number - len(jobs),
        "ranking": jobs,
        "over_seeds": over_seeds(jobs),
        "not_ranked_together": unequal(jobs),
    }
    console = _show(content)  # first: on a full disk it is all that there will be
    write_json(folder / "sweep.json", content)
    atomic_write_text(folder / "sweep.csv", _as_csv(jobs))
    left = f", {content['not_run']} not run" if content["not_run"] else ""
    counts = f"{number} jobs, {failed} failed{left}; written to {folder / 'sweep.json'} and sweep.csv"
    console.print(counts, markup=False, highlight=False)
    return failed


def _as_csv(jobs: Sequence[dict[str, Any]]) -> str:
    keys = _varied(jobs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "job", *keys, "status", "score", "value", "seconds", "folder", "error", "protocol"])
    for job in jobs:
        score = job.get("score") or {}
        cells = [job["rank"], job["job"], *(job["varied"].get(key) for key in keys), job["status"]]
        about = [job["seconds"], job["folder"], job["error"], line(protocol_of(job))]
        writer.writerow([*cells, score.get("name"), score.get("value"), *about])
    return text.getvalue()


def _show(content: dict[str, Any]) -> "Console":
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # no wrapping in a pipe or a file
    jobs, keys = content["ranking"], _varied(content["ranking"])
    heads = ("rank", "job", *keys, "score", "value", "status", "time", "folder")
    table = Table(title="the sweep, best first", box=box.SIMPLE)
    for head in heads:
        table.add_column(Text(head))
    for job in jobs:
        score = job.get("score") or {}
        value = score.get("value")
        varied = [brief(str(job["varied"].get(key, ""))) for key in keys]
        cells = [job["rank"] or "-", job["job"], *varied, score.get("name", "")]
        cells += [f"{value:.5g}" if isinstance(value, int | float) else "", job["error"] or job["status"] or "unknown"]
        cells += [f"{job['seconds'] or 0:.0f} s", Path(job["folder"] or "").name]
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.print(table)
    if content["over_seeds"]:
        keys = [key for key in keys if key != SEED]
        means = Table(title="over seeds", box=box.SIMPLE)
        for head in (*keys, "score", "mean", "deviation", "seeds"):
            means.add_column(Text(head))
        for row in content["over_seeds"]:
            deviation = "" if row["deviation"] is None else f"{row['deviation']:.3g}"
            cells = [*(brief(str(row["varied"].get(key, ""))) for key in keys), row["score"]["name"]]
            cells += [f"{row['mean']:.5g}", deviation, row["seeds"]]
            means.add_row(*(Text(str(cell)) for cell in cells))
        console.print(means)
    protocols = dict.fromkeys(line(protocol_of(job), MUST_AGREE) for job in jobs)
    notes = [f"protocol: {protocol}" for protocol in protocols if protocol]
    notes += [f"not ranked with each other: {reason}" for reason in content["not_ranked_together"]]
    for note in notes:
        console.print(note, markup=False, highlight=False)
    return console


def _varied(jobs: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for job in jobs for key in job["varied"]))
