"""`ganctl report`: where its page goes, that nothing is overwritten, what it refuses, and that it is quick."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, Refusal
from tests.report.records import run, sweep_job, written


def sweep(folder: Path, *results: dict[str, Any], ended: bool = True) -> Path:
    """A sweep's folder with a run for each result that has a score."""
    for result in results:
        place = folder / f"{result['job']}-seed-{result['job']}"
        if result["score"]:
            written(place, grids=0)
        place.mkdir(parents=True, exist_ok=True)
        (place / "result.json").write_text(json.dumps(result))
    folder.mkdir(exist_ok=True)
    (folder / "multirun.yaml").write_text("")
    if ended:
        (folder / "sweep.json").write_text(json.dumps({"status": "finished", "ranking": list(results)}))
    return folder


def test_a_runs_page_lies_in_its_folder(ganctl: Command, workplace: Path):
    written(workplace / "run")
    answer = ganctl("report", "run")
    assert answer.code == 0, answer.err
    assert re.fullmatch(r"written to run/report\.html \(\d+ kB\)\n", answer.out)
    assert "dcgan on mnist5k" in (workplace / "run" / "report.html").read_text()


def test_a_checkpoint_stands_for_its_run(ganctl: Command, workplace: Path):
    (written(workplace / "run") / "checkpoints").mkdir()
    (workplace / "run" / "checkpoints" / "best.pt").write_bytes(b"")
    assert ganctl("report", "run/checkpoints/best.pt").code == 0
    assert (workplace / "run" / "report.html").is_file()


def test_a_page_that_is_there_is_kept(ganctl: Command, workplace: Path):
    written(workplace / "run")
    (workplace / "run" / "report.html").write_text("mine")
    assert "run/report-2.html" in ganctl("report", "run").out
    assert "run/report-3.html" in ganctl("report", "run").out
    assert (workplace / "run" / "report.html").read_text() == "mine"


def test_several_runs_have_a_page_of_the_day_here(ganctl: Command, workplace: Path):
    written(workplace / "a")
    written(workplace / "b")
    assert ganctl("report", "a", "b").code == 0
    (page,) = workplace.glob("*.html")
    assert re.fullmatch(r"report-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.html", page.name)
    assert "2 runs: dcgan on mnist5k" in page.read_text()


def test_output_says_where(ganctl: Command, workplace: Path):
    written(workplace / "run")
    assert ganctl("report", "run", "--output", "new/page.html").code == 0
    assert (workplace / "new" / "page.html").is_file()
    assert not (workplace / "run" / "report.html").exists()


def test_a_sweep_has_a_page_with_its_jobs(ganctl: Command, workplace: Path):
    folder = sweep(workplace / "sweep", sweep_job(1, 4.0, 1, seed="1"), sweep_job(None, None, 2, seed="2"))
    assert ganctl("report", "sweep").code == 0
    text = (folder / "report.html").read_text()
    assert "Sweep of 2 jobs" in text and "it broke" in text and "All scores of each run" not in text


def test_a_sweep_that_still_goes_on_is_ranked_from_its_results(ganctl: Command, workplace: Path):
    results = [sweep_job(None, None, 1, seed="1"), *(sweep_job(None, 5.0 - k, k, seed=str(k)) for k in (2, 3))]
    for result in results:
        del result["rank"]
    results[0]["error"] = "out of memory"
    folder = sweep(workplace / "sweep", *results, ended=False)
    assert ganctl("report", "sweep").code == 0
    text = (folder / "report.html").read_text()
    table = text.partition('aria-label="jobs of the sweep"')[2].partition("</table>")[0]
    rows = re.findall(r'<td class="number">([\d-]+)</td><td class="number">(\d)</td>', table)
    assert rows == [("1", "3"), ("2", "2"), ("-", "1")]
    assert "out of memory" in text and "Mean and deviation over seeds" in text and "unfinished" in text


def test_a_sweep_of_which_no_job_began_has_a_page(ganctl: Command, workplace: Path):
    sweep(workplace / "empty", ended=False)
    assert ganctl("report", "empty").code == 0
    assert "No job has ended yet" in (workplace / "empty" / "report.html").read_text()


def test_a_sweep_beside_a_run_counts_as_its_runs(ganctl: Command, workplace: Path):
    sweep(workplace / "sweep", sweep_job(1, 4.0, 1, seed="1"), sweep_job(2, 4.0, 2, seed="2"))
    written(workplace / "run")
    assert ganctl("report", "sweep", "run", "--output", "page.html").code == 0
    assert "3 runs: dcgan" in (workplace / "page.html").read_text()


def test_a_killed_run_has_a_page(ganctl: Command, workplace: Path):
    written(workplace / "run", run(final=[]), summary=False)
    with (workplace / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2000, "kind": "los')
    assert ganctl("report", "run").code == 0
    assert "ganctl train --resume" in (workplace / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "RUN... is missing"),
        (["nowhere"], "nowhere: there is no such run or sweep folder"),
        (["empty"], "empty: neither a run's folder nor a sweep's"),
        (["run", "--output", "taken.html"], "--output=taken.html: is there already; choose another file"),
        (["run", "--force", "--output", "taken.html"], "--output=taken.html: is there already"),
        (["run", "--output", "empty"], "--output=empty: is a folder; name a file in it, such as empty/report.html"),
        (["run", "--output", "taken.html/page.html"], "taken.html/page.html: cannot be written"),
        (["run", "--outptu", "x"], "--outptu: no such option; did you mean --output?"),
        (["run", "--output"], "--output: expected one argument"),
        (["torn"], "torn/config.yaml: cannot be read"),
    ],
)
def test_mistakes_are_said_in_one_line(words: list[str], said: str, refused: Refusal, workplace: Path):
    written(workplace / "run")
    (workplace / "taken.html").write_text("mine")
    (workplace / "empty").mkdir()
    (written(workplace / "torn") / "config.yaml").write_text("a: [")
    assert refused("report", *words).startswith(said)


def test_help_is_there(ganctl: Command):
    assert "usage: ganctl report RUN..." in ganctl("report", "--help").out


def test_neither_torch_nor_hydra_is_imported(workplace: Path):
    written(workplace / "run")
    script = (
        "import sys; from ganctl.cli import main; code = main(['report', 'run']);"
        "heavy = {'torch', 'hydra', 'omegaconf', 'sklearn', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_the_report_imports_nothing_heavy():
    script = (
        "import sys; import ganctl.command.report;"
        "heavy = {'torch', 'sklearn', 'jinja2', 'PIL', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_style_has_a_chart_with_its_sentence_and_the_line_of_real_images(
    ganctl: Command, workplace: Path, train: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    small = ["metric.style.size=36", "metric.style.max_images=8", "metric.style.pairs=4"]
    summary = train("metric=[frechet,style]", *small)
    name = "style_efficientnet_lite2"
    assert summary["scores"][name] > 0 and summary["about"][name]["direction"] == "lower"
    assert summary["protocol"]["style.network"] == "efficientnet_lite2"
    assert ganctl("report", str(tmp_path / "run")).code == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "How far textures and colours of all images together are from those of real ones" in page
    beside = summary["scores"]["style_real_efficientnet_lite2"]
    assert f"real images among themselves get {beside:.4g}" in page
