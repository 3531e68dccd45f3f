"""The end of a sweep: the table of its jobs, on the screen and as sweep.json and sweep.csv."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganctl.evaluation.protocol import MUST_AGREE, line
from ganctl.files import atomic_write_text, write_json
from ganctl.report.files import read_result
from ganctl.report.sweep import SEED, over_seeds, protocol_of, ranked, unequal


def show_and_write(folder: Path, files: Sequence[Path], *, interrupted: bool) -> int:
    """Reads the jobs' result files, prints the table and writes it into `folder`. Returns how many jobs failed.

    Jobs without a file have not been run; they are counted, not shown. A file that is no result counts as none.
    """
    results, unreadable = _read(files)
    jobs = ranked(results)
    failed = sum(bool(job["failed"]) for job in jobs)
    content = {
        "status": "interrupted" if interrupted else "failed" if failed else "finished",
        "jobs": len(files),
        "failed": failed,
        "not_run": len(files) - len(jobs),
        "ranking": jobs,
        "over_seeds": over_seeds(jobs),
        "not_ranked_together": unequal(jobs),
    }
    write_json(folder / "sweep.json", content)
    atomic_write_text(folder / "sweep.csv", _as_csv(jobs))
    _show(folder, content, unreadable)
    return failed


def _read(files: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """The results, and what is said of the files that cannot be read: the other jobs' table is made all the same."""
    results, unreadable = [], []
    for file in files:
        try:
            result = read_result(file)
        except ValueError as error:
            unreadable.append(str(error))
        else:
            results += [] if result is None else [result]
    return results, unreadable


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


def _show(folder: Path, content: dict[str, Any], remarks: Sequence[str]) -> None:
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
        cells = [job["rank"] or "-", job["job"], *(job["varied"].get(key, "") for key in keys), score.get("name", "")]
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
            cells = [*(row["varied"].get(key, "") for key in keys), row["score"]["name"]]
            cells += [f"{row['mean']:.5g}", deviation, row["seeds"]]
            means.add_row(*(Text(str(cell)) for cell in cells))
        console.print(means)
    protocols = dict.fromkeys(line(protocol_of(job), MUST_AGREE) for job in jobs)
    notes = [f"protocol: {protocol}" for protocol in protocols if protocol]
    notes += [f"not ranked with each other: {reason}" for reason in content["not_ranked_together"]]
    notes += remarks
    left = f", {content['not_run']} not run" if content["not_run"] else ""
    counts = f"{content['jobs']} jobs, {content['failed']} failed{left}"
    for note in (*notes, f"{counts}; written to {folder / 'sweep.json'} and sweep.csv"):
        console.print(note, markup=False, highlight=False)


def _varied(jobs: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for job in jobs for key in job["varied"]))
