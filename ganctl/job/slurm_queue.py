"""What Slurm says of a sweep's jobs, and which of its jobs is which run: SWEEP/slurm/N.json.

    {"job_id": "12_0", "time_limits": 0}

`time_limits` counts how often the time limit has ended a start of the run. The folder also has what submitit writes:
the script, the pickled jobs, and all that the jobs print.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ganctl.bounded import read_json
from ganctl.configuration.names import one_line
from ganctl.files import write_json
from ganctl.forms import printable

FOLDER = "slurm"
UNKNOWN = "UNKNOWN"  # Slurm forgets a job some minutes after its end
_ENDED = {
    UNKNOWN, "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
    "TIMEOUT",
}  # fmt: skip
_ID = re.compile(r"\d{1,12}(_\d{1,9})?")
_PATIENCE = 60  # seconds for an answer of Slurm


@dataclass(frozen=True)
class Entry:
    """The last submission of a run: its job in Slurm, and how often that has met its time limit."""

    job_id: str
    time_limits: int = 0


def write_entry(folder: Path, number: int, entry: Entry) -> None:
    """Keeps the submission of job `number` of the sweep in `folder`."""
    write_json(folder / FOLDER / f"{number}.json", asdict(entry))


def read_entry(folder: Path, number: int) -> Entry | None:
    """The submission of job `number`; None where there was none. Raises ValueError for a damaged file."""
    file = folder / FOLDER / f"{number}.json"
    if not file.exists():
        return None
    content = read_json(file)
    job_id, count = (content.get("job_id"), content.get("time_limits")) if isinstance(content, dict) else (None, None)
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id) or type(count) is not int:
        raise ValueError(f"{printable(file)}: is damaged; remove it if squeue shows no job of this sweep")
    return Entry(job_id, count)


def is_active(state: str) -> bool:
    """Whether a job in that state waits, runs or is about to run again."""
    return state not in _ENDED


def states(job_ids: Iterable[str]) -> dict[str, str]:
    """The states of jobs, in Slurm's words; UNKNOWN of those that it does not know (any more).

    Raises ValueError in one line where Slurm does not answer.
    """
    wanted = list(job_ids)
    if not wanted:
        return {}
    if shutil.which("squeue") is None:
        raise ValueError("hydra/launcher=slurm: there is no squeue on the PATH; go on where Slurm is")
    arrays = ",".join(dict.fromkeys(job_id.partition("_")[0] for job_id in wanted))
    command = ["squeue", "--noheader", "--array", "--states=all", f"--jobs={arrays}", "--format=%i %T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"hydra/launcher=slurm: squeue has not answered for {_PATIENCE} seconds; try later") from None
    if answer.returncode and "Invalid job id" not in answer.stderr:
        raise ValueError(f"hydra/launcher=slurm: squeue does not answer ({one_line(answer.stderr)}); try later")
    known = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines() if len(line.split()) == 2)
    return {job_id: known.get(job_id, UNKNOWN) for job_id in wanted}
