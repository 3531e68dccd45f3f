"""Whatever stands in the files of runs and sweeps, a report and a comparison end with 0, or with one line and 2."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ganctl.cli import main
from tests.conftest import Command
from tests.report.hostile import changes, folders, put

COMMANDS = [
    ["report", "a"],
    ["report", "a", "b"],
    ["report", "sweep"],
    ["report", "sweep", "a", "--force"],
    ["compare", "a", "b"],
    ["compare", "a", "b", "--force", "--markdown", "out.md"],
    ["compare", "a", "b", "--score", "is_digits", "--csv", "out.csv"],
    ["compare", "sweep", "b", "--force", "--csv", "out.csv", "--markdown", "out.md"],
]
LARGEST = 20_000_000  # bytes of a page of tiny records with something in them that is not theirs


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clean")
    folders(place)
    return place


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_any_record_is_read_or_refused_in_one_line(clean: Path, data: st.DataObject):
    check(clean, data)


@pytest.mark.parametrize(
    "name", ["a\nb", "\x1b[31m", os.fsdecode(b"\xff"), "\u2028", "[/b]", "<script>", "²-x", "x" * 255]
)
def test_folders_may_have_any_name(clean: Path, name: str, workplace: Path, ganctl: Command):
    shutil.copytree(clean / "a", name)
    shutil.copytree(clean / "b", "b")
    for words in (
        ["report", f"./{name}", "--output", "page.html"],
        ["compare", f"./{name}", "b", "--csv", "table.csv"],
    ):
        answer = ganctl(*words)
        assert answer.code == 0 and answer.err == "" and not set(answer.out) & CONTROL
    for file in ("page.html", "table.csv"):
        assert not set(Path(file).read_text(encoding="utf-8")) & CONTROL
    shutil.rmtree(name)
    answer = ganctl("report", f"./{name}")
    assert answer.code == 2 and len(answer.err.splitlines()) == 1 and not set(answer.err) & CONTROL


def test_damaged_lines_and_jobs_are_counted_in_a_line(clean: Path, workplace: Path, ganctl: Command):
    for name in ("a", "b", "sweep"):
        shutil.copytree(clean / name, name)
    with Path("a/metrics.jsonl").open("ab") as file:
        file.write(
            b'nonsense\n[]\n{"kind": "losses", "step": "x"}\n{"step": 2000, "kind": "losses", "d_loss": 1}\n{"torn'
        )
    said = "a/metrics.jsonl: 3 damaged lines left out"
    assert ganctl("report", "a", "--output", "page.html").out.startswith(f"{said}\n")
    assert said in Path("page.html").read_text()
    assert said in ganctl("compare", "a", "b").out.splitlines()
    written = json.loads(Path("sweep/sweep.json").read_text())
    Path("sweep/sweep.json").write_text(json.dumps(written | {"ranking": [*written["ranking"], 7, {"job": 9}]}))
    assert "sweep/sweep.json: 2 damaged jobs left out" in ganctl("report", "sweep").out


def check(clean: Path, data: st.DataObject) -> None:
    words = data.draw(st.sampled_from(COMMANDS))
    involved = [word for word in words[1:] if not word.startswith("-") and "." not in word and word != "is_digits"]
    folder = data.draw(st.sampled_from(involved))
    changed = data.draw(changes(clean / folder))
    with TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        for name in involved:
            shutil.copytree(clean / name, name)
        for path, content in changed:
            put(Path(folder) / path, content)
        output = ["--output", "out.html"] if words[0] == "report" else []
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, *output])
        assert code in (0, 2)
        shown = [out.getvalue()]
        if code == 2:
            assert err.getvalue().endswith("\n") and len(err.getvalue().splitlines()) == 1
            shown.append(err.getvalue())
        else:
            assert err.getvalue() == ""
            files = list(Path().glob("out.*"))
            assert files or words == ["compare", "a", "b"]
            shown += [file.read_text(encoding="utf-8") for file in files]
        for text in shown:
            assert len(text) < LARGEST
            text.encode("utf-8")
            assert not set(text) & CONTROL


CONTROL = {*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029", "\u202e"} - {"\n", "\t"}
