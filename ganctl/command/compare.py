"""`ganctl compare RUN...`: a table of several runs, ranked only among scores that were made alike."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ganctl.evaluation.protocol import MUST_AGREE, by_reason, line
from ganctl.evaluation.ranking import is_headline
from ganctl.files import atomic_write_text
from ganctl.invocation.arguments import parse_runs
from ganctl.report.comparison import Comparison, Row, compare
from ganctl.report.recorded import read_runs

_WIDEST = 8  # columns of scores in a terminal; files have all


def main(words: Sequence[str]) -> int:
    """Compares the runs and sweeps named in `words`. Returns the exit code."""
    options = _parse(words)
    for path in (options.csv, options.markdown):
        if path is not None and path.exists():
            raise ValueError(f"{path}: is there already; choose another file")
    runs = read_runs(options.runs)
    if len(runs) < 2:
        raise ValueError(f"{options.runs[0]}: one run alone cannot be compared; name another beside it")
    found = compare(runs, by=options.score, force=options.force)
    _show(found)
    for path, text in ((options.csv, as_csv(found)), (options.markdown, as_markdown(found))):
        if path is not None:
            try:
                atomic_write_text(path, text)
            except OSError as error:
                raise ValueError(f"{path}: cannot be written ({error.strerror})") from None
            print(f"written to {path}")
    return 0


def as_csv(found: Comparison) -> str:
    """Every score with its deviation over draws, every setting that differs, and the protocol, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [part for name in found.columns for part in (name, f"{name}_deviation")]
    protocol = list(dict.fromkeys(key for row in found.rows for key in row.protocol))
    writer.writerow(["rank", "run", "step", "draws", *names, *found.settings, *(f"protocol.{key}" for key in protocol)])
    for row in found.rows:
        scores = [part for name in found.columns for part in (row.means[name], row.deviations.get(name))]
        settings = [row.settings[key] for key in found.settings]
        told = [row.protocol.get(key) for key in protocol]
        writer.writerow([row.rank, row.label, row.step, row.draws, *scores, *settings, *told])
    return text.getvalue()


def as_markdown(found: Comparison) -> str:
    """The table, and below it the protocol that all rows share or what differs, as Markdown."""
    shown = [name for name in found.columns if not name.startswith("share_")]
    heads = ["rank", "run", "step", *(_head(name, found) for name in shown), *found.settings]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in found.rows:
        cells = [_rank(row), row.label, str(row.step), *(_score(name, row) for name in shown)]
        cells += [str(row.settings[key]) for key in found.settings]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, "", *(f"{note}  " for note in _notes(found))]) + "\n"


def _show(found: Comparison) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=250)  # no wrapping in a pipe or a file
    shown = [name for name in found.columns if is_headline(name)]
    settings = found.settings[:4]
    table = Table(
        box=box.SIMPLE, title=f"{len(found.rows)} runs" + ("" if found.by in found.unequal else ", best first")
    )
    for head in ("rank", "run", "step", *(_head(name, found) for name in shown[:_WIDEST]), *settings):
        table.add_column(Text(head), overflow="fold")
    for row in found.rows:
        cells = [_rank(row), row.label, str(row.step), *(_score(name, row) for name in shown[:_WIDEST])]
        table.add_row(*(Text(cell) for cell in [*cells, *(str(row.settings[key]) for key in settings)]))
    console.print(table)
    for note in _notes(found):
        console.print(note, markup=False, highlight=False)
    hidden = [*shown[_WIDEST:], *found.settings[4:]]
    if hidden:
        said = f"not shown here: {', '.join(hidden)}; --csv FILE has all"
        console.print(said, markup=False, highlight=False)


def _head(name: str, found: Comparison) -> str:
    return f"{name} (≠)" if name in found.unequal else name


def _rank(row: Row) -> str:
    return "-" if row.rank is None else str(row.rank)


def _score(name: str, row: Row) -> str:
    spread = f" ± {row.deviations[name]:.2g}" if name in row.deviations else ""
    return f"{row.means[name]:.4g}{spread}"


def _notes(found: Comparison) -> list[str]:
    """What the scores' protocols have in common, and the sentences on those (≠) that may not be compared."""
    protocols = [row.protocol for row in found.rows]
    keys = [*MUST_AGREE, "seed", "torch"]
    alike = [key for key in keys if all(each.get(key) == protocols[0].get(key) for each in protocols)]
    lines = [f"protocol of all: {line(protocols[0], alike)}"]
    for reason, names in by_reason(found.unequal).items():
        told = [name for name in names if not name.startswith("share_")] or names
        lines.append(f"≠ not comparable: {', '.join(told)}{reason}")
    draws = {row.draws for row in found.rows}
    if draws != {1}:
        lines.append(f"mean ± standard deviation over draws ({', '.join(map(str, sorted(draws)))})")
    return lines


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ganctl compare", add_help=False, allow_abbrev=False)
    parser.add_argument("--score")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--force", action="store_true")
    return parse_runs(parser, words)
