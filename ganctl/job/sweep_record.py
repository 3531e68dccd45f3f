"""jobs.json: what a sweep's folder keeps from its beginning on, so that it goes on with the same jobs after any end.

    {"format", "version", "jobs_at_once", "config_dir", "shared",
     "jobs": [{"job", "folder", "overrides", "varied", "own"}]}

`shared` are the settings that all jobs have alike, `own` the others of a job, each by its dotted key. A search has its
own settings besides, under `search`, and of each job the number of its `trial`; it adds jobs as it goes on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.bounded import read_json
from ganctl.files import plain, write_json
from ganctl.forms import printable
from ganctl.invocation.folders import slug
from ganctl.job.expansion import Job

JOBS = "jobs.json"
FORMAT, VERSION = "ganctl-sweep", 1


@dataclass(frozen=True)
class JobRecord:
    """What is kept of a job: the overrides that it begins with, those that differ between jobs, all its settings.

    `trial` is its number in the study of a search, None in any other sweep.
    """

    number: int
    folder: str
    overrides: list[str]
    varied: dict[str, str]
    settings: dict[str, Any]
    trial: int | None = None


@dataclass(frozen=True)
class SweepRecord:
    """What is kept of a sweep. `at_once`: jobs side by side; None = one after the other in one process.

    `search` is what a search keeps of itself, None for a sweep whose jobs are all there from the beginning.
    """

    jobs: list[JobRecord]
    at_once: int | None
    config_dir: str | None
    search: dict[str, Any] | None = None


def record_of(job: Job, trial: int | None = None) -> JobRecord:
    """What is kept of a job that is about to begin."""
    overrides = [*_model_in_force(job), *job.overrides]
    settings: Any = plain(job.settings)
    return JobRecord(job.number, job.folder, overrides, job.varied, settings, trial)


def result_of(job: Job | JobRecord, place: Path) -> dict[str, Any]:
    """What any result.json of a job begins with: which it is, where its run lies, and what was typed for it."""
    return {"job": job.number, "folder": str(place), "overrides": job.overrides, "varied": job.varied}


def result_without_run(
    job: Job | JobRecord, place: Path, status: str, reason: str, *, is_failed: bool = True
) -> dict[str, Any]:
    """The result of a job that left none of its own."""
    return result_of(job, place) | {
        "status": status, "score": None, "failed": is_failed, "error": reason, "seconds": 0.0
    }  # fmt: skip


def write_record(folder: Path, record: SweepRecord) -> None:
    """Writes jobs.json, whole or not at all."""
    settings = [job.settings for job in record.jobs]
    first = settings[0] if settings else {}
    shared = {key: first[key] for key in first if all(key in own and own[key] == first[key] for own in settings)}
    rows = [
        {
            "job": job.number,
            "folder": job.folder,
            "overrides": job.overrides,
            "varied": job.varied,
            "own": {key: value for key, value in own.items() if key not in shared},
            **({} if job.trial is None else {"trial": job.trial}),
        }
        for job, own in zip(record.jobs, settings, strict=True)
    ]
    place = str(Path(record.config_dir).absolute()) if record.config_dir else None
    content = {"format": FORMAT, "version": VERSION, "jobs_at_once": record.at_once, "config_dir": place}
    search = {} if record.search is None else {"search": record.search}
    write_json(folder / JOBS, {**content, **search, "shared": shared, "jobs": rows})


def read_record(folder: Path) -> SweepRecord:
    """Reads jobs.json. Raises ValueError in one line for a file that is damaged or of another kind."""
    file = folder / JOBS
    content = read_json(file)
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise ValueError(f"{printable(file)}: is not the list of a sweep's jobs that this ganctl writes")
    try:
        jobs = [_job(row, dict(content["shared"])) for row in content["jobs"]]
        at_once, config_dir, search = content["jobs_at_once"], content["config_dir"], content.get("search")
    except (KeyError, TypeError, ValueError, AttributeError):
        jobs, at_once, config_dir, search = [], None, None, None
    numbers, folders = [job.number for job in jobs], {job.folder for job in jobs}
    is_whole = isinstance(at_once, int | None) and isinstance(config_dir, str | None)
    is_whole = is_whole and (isinstance(search, dict) or (search is None and len(jobs) > 0))
    if not is_whole or numbers != list(range(1, len(jobs) + 1)) or len(folders) != len(jobs):
        raise ValueError(f"{printable(file)}: is damaged; the runs in the folder can still be resumed one by one")
    return SweepRecord(jobs, at_once, config_dir and printable(config_dir), search)


def _job(row: dict[str, Any], shared: dict[str, Any]) -> JobRecord:
    number, folder, overrides, varied = row["job"], row["folder"], row["overrides"], row["varied"]
    texts = [folder, *overrides, *varied, *varied.values()]
    if not all(isinstance(text, str) and text == printable(text, len(text)) for text in texts):
        raise ValueError("a text that nobody can have typed")
    if folder != slug(folder) or not folder.startswith(str(number)):
        raise ValueError("a folder that is not the job's")
    if not isinstance(trial := row.get("trial"), int | None):
        raise ValueError("a trial that has no number")
    return JobRecord(number, folder, list(overrides), dict(varied), shared | dict(row["own"]), trial)


def _model_in_force(job: Job) -> list[str]:
    """`model=` as it was chosen by no word that was typed: defaults may change, jobs not."""
    is_typed = any(text.lstrip("+~").partition("=")[0] == "model" for text in job.overrides)
    model = job.facts.choices.get("model")
    return [f"model={model}"] if model and not is_typed else []
