"""`ganctl compare RUN...`: a table of several runs, ranked only among scores that were made alike."""

import csv
import io
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganctl.configuration.names import value_text
from ganctl.evaluation.protocol import MUST_AGREE, short
from ganctl.evaluation.scores import deviation, mean
from ganctl.files import atomic_write_text, unreadable_in_one_line
from ganctl.forms import LONGEST_NAME, printable, shorten
from ganctl.invocation.arguments import parse_runs
from ganctl.report.comparison import NO_SETTINGS, Comparison, Row, compare
from ganctl.report.facts import last_step, skipped, status
from ganctl.report.recorded import Recorded, read_runs
from ganctl.report.sweep import PRUNED, SEED

_SHARED = (*MUST_AGREE, "seed", "torch")  # of a protocol, where all runs have the same
_WIDEST = 8  # columns of scores in a terminal; files have all
_MOST_SETTINGS = 6  # columns of settings


def main(words: Sequence[str]) -> int:
    """Compares the runs and sweeps named in `words`. Returns the exit code."""
    options = parse_runs("compare", words, score=str, csv=Path, markdown=Path, force=bool)
    with unreadable_in_one_line():
        for path in (options.csv, options.markdown):
            if path is not None and path.exists():
                raise ValueError(f"{printable(path)}: is there already; choose another file")
        every = read_runs(options.runs)
    pruned = [run for run in every if status(run) == PRUNED and not run.final]
    runs = [run for run in every if run not in pruned]
    if len(runs) < 2:
        raise ValueError(f"{printable(options.runs[0])}: one run alone cannot be compared; name another beside it")
    table = with_typed(compare(runs, by=options.score, force=options.force), runs)
    remarks = [sentence for run in runs if (sentence := skipped(run))]
    for run in pruned:
        scores = f"`ganctl evaluate {shlex.quote(printable(run.folder))}` gives it scores"
        remarks.append(f"{run.label}: was pruned after step {last_step(run):,} and is left out; {scores}")
    _show(table, remarks)
    for path, text in ((options.csv, as_csv(table)), (options.markdown, as_markdown(table))):
        if path is not None:
            try:
                atomic_write_text(path, text)
            except OSError as error:
                raise ValueError(f"{printable(path)}: cannot be written ({error.strerror})") from None
            print(f"written to {printable(path)}")
    return 0


def with_typed(table: Comparison, runs: Sequence[Recorded]) -> Comparison:
    """The comparison with the settings that were typed and differ in front, `optimizer` by its option's name.

    Keys that differ only because another one does are left out, where it is known what was typed for each run.
    """
    typed = {run.label: _typed(run) for run in runs}
    if not all(run.overrides or run.environment.get("choices") for run in runs):
        return table
    values: dict[str, dict[str, Any]] = {run.label: {} for run in runs}
    for key in dict.fromkeys(key for settings in typed.values() for key in settings):
        for run in runs:
            known = (run.environment.get("choices") or {}) | run.flat_config()
            values[run.label][key] = value_text(known.get(key, typed[run.label].get(key, "")))
    keys = [key for key in next(iter(values.values())) if len({row[key] for row in values.values()}) > 1]
    rows = [replace(row, settings=row.settings | values[row.label]) for row in table.rows]
    return replace(table, rows=rows, settings=keys)


def over_seeds(table: Comparison) -> list[tuple[dict[str, Any], list[float]]]:
    """The settings and the judging scores of rows that differ in nothing but their seed, best mean first.

    Empty where no two do, or where the scores may not be compared.
    """
    if table.by in table.unequal or SEED not in table.settings:
        return []
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in table.rows:
        alike.setdefault(tuple(str(row.settings[key]) for key in table.settings if key != SEED), []).append(row)
    if all(len(rows) == 1 for rows in alike.values()):
        return []
    groups = [
        ({key: rows[0].settings[key] for key in table.settings if key != SEED}, [row.means[table.by] for row in rows])
        for rows in alike.values()
    ]
    rising = table.rows[0].means[table.by] <= table.rows[-1].means[table.by]
    return sorted(groups, key=lambda group: mean(group[1]), reverse=not rising)


def _typed(run: Recorded) -> dict[str, str]:
    """The overrides by their keys, but for those that `ganctl train` adds by itself, and where things lie."""
    pairs = [text.partition("=")[::2] for text in run.overrides if not text.startswith(("++", "~"))]
    return {key.lstrip("+"): value for key, value in pairs if not key.startswith(("hydra", *NO_SETTINGS))}


def as_csv(table: Comparison) -> str:
    """Every score with its deviation over draws, every setting that differs, and the protocol, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [part for name in table.columns for part in (name, f"{name}_deviation")]
    protocol = list(dict.fromkeys(key for row in table.rows for key in row.protocol))
    writer.writerow(["rank", "run", "step", "draws", *names, *table.settings, *(f"protocol.{key}" for key in protocol)])
    for row in table.rows:
        scores = [part for name in table.columns for part in (row.means[name], row.deviations.get(name))]
        settings = [row.settings[key] for key in table.settings]
        values = [row.protocol.get(key) for key in protocol]
        writer.writerow([row.rank, row.label, row.step, row.draws, *scores, *settings, *values])
    return text.getvalue()


def as_markdown(table: Comparison) -> str:
    """The table, and below it the protocol that all rows share or what differs, as Markdown."""
    heads, *rows = _cells(table, [name for name in table.columns if name not in table.shares], table.settings)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows]
    return "\n".join([*lines, "", *(f"{note}  " for note in _notes(table))]) + "\n"


def _show(table: Comparison, remarks: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console() if Console().is_terminal else Console(width=250)  # no wrapping in a pipe or a file
    heads, *rows = _cells(table, table.headlines[:_WIDEST], table.settings[:_MOST_SETTINGS])
    order = "" if table.by in table.unequal else ", best first"
    grid = Table(box=box.SIMPLE, title=f"{len(table.rows)} runs{order}")
    for head in heads:
        grid.add_column(Text(head), overflow="fold")
    for cells in rows:
        grid.add_row(*map(Text, cells))
    console.print(grid)
    if means := over_seeds(table):
        heads = [*map(printable, means[0][0]), table.by, "deviation", "runs"]
        grid = Table(box=box.SIMPLE, title="means over seeds, best first")
        for head in heads:
            grid.add_column(Text(head))
        for settings, values in means:
            spread = deviation(values)
            cells = [*map(_setting, settings.values()), f"{mean(values):.4g}"]
            cells += [f"{spread:.2g}" if spread is not None and spread == spread else "", str(len(values))]
            grid.add_row(*map(Text, cells))
        console.print(grid)
    notes = [*_notes(table), *remarks]
    if hidden := [*table.headlines[_WIDEST:], *table.settings[_MOST_SETTINGS:]]:
        notes.append(f"not shown here: {shorten(', '.join(hidden))}; --csv FILE has all")
    for note in notes:
        console.print(note, markup=False, highlight=False)


def _cells(table: Comparison, names: Sequence[str], settings: Sequence[str]) -> list[list[str]]:
    """The head, and a line of text a run."""
    marked = (f"{name} (≠)" if name in table.unequal else name for name in names)
    lines = [["rank", "run", "step", *marked, *(printable(key, LONGEST_NAME) for key in settings)]]
    for row in table.rows:
        cells = ["-" if row.rank is None else str(row.rank), row.label, str(row.step), *map(row.text, names)]
        lines.append([*cells, *(_setting(row.settings[key]) for key in settings)])
    return lines


def _setting(value: object) -> str:
    return printable(value, LONGEST_NAME)


def _notes(table: Comparison) -> list[str]:
    """What the scores' protocols have in common, and the sentences on those (≠) that may not be compared."""
    first, *others = (row.protocol for row in table.rows)
    alike = [key for key in _SHARED if key in first and all(other.get(key) == first[key] for other in others)]
    lines = [f"protocol of all: {'  '.join(f'{key}={short(first[key])}' for key in alike)}"]
    lines += [f"≠ not comparable: {reason}" for reason in table.reasons()]
    draws = {row.draws for row in table.rows}
    if draws != {1}:
        lines.append(f"mean ± standard deviation over draws ({', '.join(map(str, sorted(draws)))})")
    return lines
