"""`ganctl report RUN...`: one HTML file of a run, of several, or of a sweep. Imports neither torch nor Hydra."""

import webbrowser
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ganctl.files import atomic_write_text, write_new
from ganctl.invocation.arguments import parse_runs
from ganctl.report.html import Sweep, page
from ganctl.report.recorded import Recorded, is_sweep, read_results, read_runs, read_sweep, runs_of_sweep
from ganctl.report.sweep import over_seeds, ranked, unequal

DEFAULT = "report.html"


def main(words: Sequence[str]) -> int:
    """Writes the page of the runs or the sweep named in `words`, and says where. Returns the exit code."""
    options = parse_runs("report", words, output=Path, force=bool, open=bool)
    if (output := options.output) is not None and output.is_dir():
        raise ValueError(f"--output={output}: is a folder; name a file in it, such as {output / DEFAULT}")
    if output is not None and output.exists():
        raise ValueError(f"--output={output}: is there already; choose another file")
    runs, sweep = _read(options.runs)
    text = page(runs, sweep, force=options.force)
    own = sweep.folder if sweep else runs[0].folder if len(runs) == 1 else None
    path = output or (own / DEFAULT if own else Path(f"report-{datetime.now():%Y-%m-%d_%H-%M-%S}.html"))
    try:
        if output:
            atomic_write_text(path, text)
        else:
            path = write_new(path, text.encode())
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror}); choose another with --output FILE") from None
    size = len(text.encode())
    print(f"written to {path} ({f'{size / 1e6:.1f} MB' if size >= 1e5 else f'{size / 1e3:.0f} kB'})")
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("there is no browser to open it with")
    return 0


def _read(paths: Sequence[Path]) -> tuple[list[Recorded], Sweep | None]:
    """The runs; and the sweep where one alone is named. A sweep among others counts as its runs."""
    folder = paths[0].expanduser()
    if len(paths) > 1 or not is_sweep(folder):
        return read_runs(paths), None
    written = read_sweep(folder)
    jobs = written.get("ranking")
    if isinstance(jobs, list):
        jobs = [job for job in jobs if isinstance(job, dict) and isinstance(job.get("varied"), dict)]
    else:  # it still goes on, or was killed
        jobs = ranked([result for result in read_results(folder) if isinstance(result.get("varied"), dict)])
        written = {"over_seeds": over_seeds(jobs), "not_ranked_together": unequal(jobs)}
    return runs_of_sweep(folder), Sweep(folder, jobs, written)
