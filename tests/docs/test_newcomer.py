"""What ganctl offers to type works when it is pasted: under `Next`, in a report's cures, in the hints of errors."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the tests lie outside a checkout")

TINY = "training.steps=4 generator.width=4 generator.max_width=8 discriminator.width=4 discriminator.max_width=8 "
TINY += "device.threads=1 output.grid=10 evaluation.num_images=100 evaluation.final_images=100 evaluation.num_real=100"


@pytest.fixture
def transcript(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("make_transcript")


def test_offered_commands_are_found_in_what_is_printed(transcript: ModuleType) -> None:
    text = "Next\n  look at it all  ganctl report ~/gan/run\nx: no; see `ganctl list loss` or mean ganctl train a=1?\n"
    assert transcript.offered(text) == ["ganctl list loss", "ganctl report ~/gan/run", "ganctl train a=1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_offered_works_when_pasted(transcript: ModuleType, tmp_path: Path) -> None:
    scenes = [transcript.FIRST[2:], transcript.MISTAKES]
    session = transcript.first_half_hour(tmp_path / "you", TINY, scenes=scenes)
    assert not session.problems, "\n".join(session.problems)
    assert any(line.startswith("ganctl report") for line in session.typed)
    assert any(line.startswith("ganctl train --resume") for line in session.typed)


@pytest.mark.slow
def test_what_does_not_work_is_noticed(transcript: ModuleType, tmp_path: Path) -> None:
    session = transcript.first_half_hour(tmp_path / "you", TINY, scenes=[[("A wrong one.", "ganctl trian", 0)]])
    assert "exit code 2, not 0" in session.problems[0]
