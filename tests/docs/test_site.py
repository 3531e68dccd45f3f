"""The documentation builds without a warning and without another server, and has every setting there is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ganctl.configuration.rules import read_rules
from ganctl.invocation.help import groups
from tests.docs.pages import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the tests lie outside a checkout")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_no_other_server(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    words = ["--fail-on-warning", "--keep-going", "--quiet", "--doctree-dir", str(tmp_path / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *words, str(ROOT / "docs"), str(tmp_path / "site")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "glossary.html", "python.html"} <= {page.name for page in pages}
    for file in [*pages, *(tmp_path / "site").rglob("*.css")]:
        text = file.read_text(encoding="utf-8")
        assert not re.findall(r"""<(?:script|img|iframe)[^>]+src=["']?(?:https?:)?//|url\(["']?(?:https?:)?//""", text)
        assert not re.findall(r"""<link[^>]+rel="(?:stylesheet|preload|icon)"[^>]+href="(?:https?:)?//""", text)


def test_every_key_has_its_default_range_and_meaning(reference: ModuleType) -> None:
    pages = reference.pages()
    for group, options in groups().items():
        rows = [line for line in pages[group].splitlines() if line.startswith("| `")]
        assert not [row for row in rows if row.endswith("|  |")], f"{group}: a key without a meaning"
        for option in options:
            assert f"## {group}={option}" in pages[group]
            text = (ROOT / "configs" / group / f"{option}.yaml").read_text(encoding="utf-8")
            package = "" if text.startswith("# @package _global_") else group
            for rule in read_rules(text, package, option):
                if not rule.key.endswith(("_target_", "defaults")) and not isinstance(rule.default, dict):
                    assert f"| `{rule.key}` |" in pages[group]
    row = "| `training.batch_size` | `128` | [2, 65536] | Images |"
    assert row in pages["train"]
    inherited = "| `generator.mixture` | `100` | [0, 4096] |"
    assert inherited in pages["generator"]


def test_pages_that_are_right_stay_and_others_go(reference: ModuleType, tmp_path: Path) -> None:
    reference.write(tmp_path)
    stale, right = tmp_path / "gone.md", tmp_path / "loss.md"
    stale.write_text("of a group that is no more")
    before = right.stat().st_mtime_ns
    reference.write(tmp_path)
    assert not stale.exists() and right.stat().st_mtime_ns == before


def test_the_pictures_are_small() -> None:
    pictures = [path for kind in ("png", "webp") for path in (ROOT / "docs").rglob(f"*.{kind}")]
    assert pictures and sum(path.stat().st_size for path in pictures) < 1_300_000


def test_pages_name_no_place_of_one_machine() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert not re.findall(r"(?<![\w.])/(?:home|work|tmp|root|Users)/", page.read_text(encoding="utf-8")), page


def test_the_table_of_groups_has_every_option(reference: ModuleType) -> None:
    page = (ROOT / "docs" / "choosing.md").read_text(encoding="utf-8")
    for group, options in groups().items():
        assert f"| `{group}` | {reference.DECIDES[group]} | {', '.join(options)} |" in page
