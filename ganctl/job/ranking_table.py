"""The end of a sweep: its jobs ranked by score, the mean over seeds, on the screen and as sweep.json and sweep.csv."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganctl.evaluation.protocol import difference, identity, line
from ganctl.files import atomic_write_text, write_json

SEED = "seed"


def show_and_write(folder: Path, files: Sequence[Path], *, interrupted: bool) -> int:
    """Reads the jobs' result files, prints the table and writes it into `folder`. Returns how many jobs failed.

    Jobs without a file have not been run; they are counted, not shown.
    """
    jobs = ranked([json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()])
    groups = over_seeds(jobs)
    failed = sum(bool(job["failed"]) for job in jobs)
    not_run = len(files) - len(jobs)
    status = "interrupted" if interrupted else "failed" if failed else "finished"
    counts = {"jobs": len(files), "failed": failed, "not_run": not_run}
    found = {"ranking": jobs, "over_seeds": groups, "not_ranked_together": unequal(jobs)}
    write_json(folder / "sweep.json", {"status": status, **counts, **found})
    atomic_write_text(folder / "sweep.csv", _as_csv(jobs))
    _show(folder, jobs, groups, counts)
    return failed


def ranked(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results, best score first, each with its `rank` among the scores made alike; those without one are last.

    Jobs whose scores have another name or another protocol (a sweep over the data, or over the judge) stand in groups
    of their own, one after the other.
    """
    scored = [result for result in results if isinstance(_value(result), float)]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for result in sorted(scored, key=lambda result: result["score"]["name"]):
        groups.setdefault(_kind(result), []).append(result)
    jobs = []
    for members in groups.values():
        ordered = sorted(members, key=_loss)
        jobs += [{"rank": rank, **result} for rank, result in enumerate(ordered, 1)]
    return jobs + [{"rank": None, **result} for result in results if not any(result is other for other in scored)]


def unequal(jobs: Sequence[dict[str, Any]]) -> list[str]:
    """The sentences that say why jobs with a score of one name are not ranked with each other."""
    firsts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for job in jobs:
        if isinstance(_value(job), float):
            firsts.setdefault(_kind(job), job)
    sentences = []
    for job in firsts.values():
        name = job["score"]["name"]
        first = next(other for other in firsts.values() if other["score"]["name"] == name)
        if first is not job:
            ours, theirs = (each["score"].get("protocol") or {} for each in (first, job))
            labels = (f"job {first['job']}", f"job {job['job']}")
            sentences.append(difference(name, labels, ours, theirs, _made_by(job)))
    return [said for said in sentences if said is not None]


def over_seeds(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where seeds were swept: for each setting the mean score and its standard deviation (n - 1), best first."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for job in jobs:
        if SEED in job["varied"] and isinstance(_value(job), float):
            setting = tuple(item for item in job["varied"].items() if item[0] != SEED)
            groups.setdefault((job["score"]["name"], _kind(job), setting), []).append(job)
    summary = []
    for (name, _, setting), members in groups.items():
        values = [float(_value(job)) for job in members]  # type: ignore[arg-type]
        spread = statistics.stdev(values) if len(values) > 1 else None
        better = members[0]["score"]["higher_is_better"]
        score = {"name": name, "higher_is_better": better}
        summary.append(
            {
                "varied": dict(setting),
                "score": score,
                "mean": statistics.fmean(values),
                "deviation": spread,
                "seeds": len(values),
            }
        )
    places = {kind: place for place, kind in enumerate(dict.fromkeys(key[1] for key in groups))}
    order = [places[key[1]] for key in groups]
    means = [-each["mean"] if each["score"]["higher_is_better"] else each["mean"] for each in summary]
    return [each for _, _, each in sorted(zip(order, means, summary, strict=True), key=lambda item: item[:2])]


def _kind(result: dict[str, Any]) -> tuple[Any, ...]:
    """The score's name and what its protocol must share with another's to be ranked with it."""
    name = result["score"]["name"]
    return (name, identity(name, result["score"].get("protocol") or {}, _made_by(result)))


def _line(result: dict[str, Any], without: str = "") -> str:
    """The protocol of the job's score in one line, but for one key; empty where there is no score."""
    protocol = (result.get("score") or {}).get("protocol") or {}
    return line({key: value for key, value in protocol.items() if key != without})


def _made_by(result: dict[str, Any]) -> dict[str, str]:
    metric = result["score"].get("made_by")
    return {result["score"]["name"]: metric} if metric else {}


def _value(result: dict[str, Any]) -> float | None:
    score = result.get("score") or {}
    value = score.get("value")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _loss(result: dict[str, Any]) -> float:
    value = float(result["score"]["value"])
    return -value if result["score"]["higher_is_better"] else value


def _as_csv(jobs: Sequence[dict[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for job in jobs for key in job["varied"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "job", *keys, "status", "score", "value", "seconds", "folder", "error", "protocol"])
    for job in jobs:
        score = job.get("score") or {}
        cells = [job["rank"], job["job"], *(job["varied"].get(key) for key in keys), job["status"]]
        writer.writerow(
            [*cells, score.get("name"), score.get("value"), job["seconds"], job["folder"], job["error"], _line(job)]
        )
    return text.getvalue()


def _show(
    folder: Path, jobs: Sequence[dict[str, Any]], groups: Sequence[dict[str, Any]], counts: dict[str, int]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # no wrapping in a pipe or a file
    keys = list(dict.fromkeys(key for job in jobs for key in job["varied"]))
    table = Table(
        "rank",
        "job",
        *keys,
        "score",
        "value",
        "status",
        "time",
        "folder",
        title="the sweep, best first",
        box=box.SIMPLE,
    )
    for job in jobs:
        score = job.get("score") or {}
        value = "" if _value(job) is None else f"{_value(job):.5g}"
        said = job["error"] or job["status"]
        cells = [job["rank"] or "-", job["job"], *(job["varied"].get(key, "") for key in keys)]
        table.add_row(
            *map(str, cells), score.get("name", ""), value, said, f"{job['seconds']:.0f} s", Path(job["folder"]).name
        )
    console.print(table)
    if groups:
        means = Table(
            *(key for key in keys if key != SEED),
            "score",
            "mean",
            "deviation",
            "seeds",
            title="over seeds",
            box=box.SIMPLE,
        )
        for group in groups:
            spread = "" if group["deviation"] is None else f"{group['deviation']:.3g}"
            cells = [group["varied"].get(key, "") for key in keys if key != SEED]
            means.add_row(*cells, group["score"]["name"], f"{group['mean']:.5g}", spread, str(group["seeds"]))
        console.print(means)
    for said in filter(None, dict.fromkeys(_line(job, without=SEED) for job in jobs)):
        console.print(f"protocol: {said}", markup=False, highlight=False)
    for said in unequal(jobs):
        console.print(f"not ranked with each other: {said}", markup=False, highlight=False)
    left = f", {counts['not_run']} not run" if counts["not_run"] else ""
    console.print(
        f"{counts['jobs']} jobs, {counts['failed']} failed{left}; written to {folder / 'sweep.json'} and sweep.csv",
        markup=False,
        highlight=False,
    )
