"""`ganctl report RUN...`: one HTML file of a run, of several, or of a sweep. Imports neither torch nor Hydra."""

import webbrowser
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ganctl.files import atomic_write_text, given_path, unreadable_in_one_line, write_new
from ganctl.forms import printable
from ganctl.invocation.arguments import parse_runs
from ganctl.report.files import read_sweep
from ganctl.report.html import Sweep, page, skipped_of
from ganctl.report.recorded import Recorded, is_sweep, read_results, read_runs, runs_of_sweep
from ganctl.report.sweep import over_seeds, ranked, unequal

DEFAULT = "report.html"


def main(words: Sequence[str]) -> int:
    """Writes the page of the runs or the sweep named in `words`, and says where. Returns the exit code."""
    options = parse_runs("report", words, output=Path, force=bool, open=bool)
    with unreadable_in_one_line():
        if (output := options.output) is not None:
            _check_output(output)
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
        need = f"cannot be written ({error.strerror}); choose another with --output FILE"
        raise ValueError(f"{printable(path)}: {need}") from None
    for sentence in skipped_of(runs, sweep):
        print(sentence)
    size = len(text.encode())
    print(f"written to {printable(path)} ({f'{size / 1e6:.1f} MB' if size >= 1e5 else f'{size / 1e3:.0f} kB'})")
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print("there is no browser to open it with")
    return 0


def _check_output(path: Path) -> None:
    name = printable(path)
    if path.is_dir():
        raise ValueError(f"--output={name}: is a folder; name a file in it, such as {name}/{DEFAULT}")
    if path.exists():
        raise ValueError(f"--output={name}: is there already; choose another file")


def _read(paths: Sequence[Path]) -> tuple[list[Recorded], Sweep | None]:
    """The runs; and the sweep where one alone is named. A sweep among others counts as its runs."""
    folder = given_path(paths[0])
    if len(paths) > 1 or not is_sweep(folder):
        return read_runs(paths), None
    written, skipped_jobs = read_sweep(folder)
    jobs = written["ranking"]
    if jobs is None:  # it still goes on, or was killed
        jobs = ranked(read_results(folder))
        written = {"over_seeds": over_seeds(jobs), "not_ranked_together": unequal(jobs)}
    return runs_of_sweep(folder), Sweep(folder, jobs, written, skipped_jobs)
