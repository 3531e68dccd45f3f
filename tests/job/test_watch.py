"""A run is watched by its records: a trouble is said once, again when it has come back, not again after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganctl.job.session import Session
from ganctl.job.watch import Watch
from tests.conftest import TINY
from tests.settings import settings

USUAL = {"kind": "losses", "d_loss": 1.2, "g_loss": 0.9, "d_real": 0.65, "d_fake": 0.35, "learning_rate": 2e-4}


@pytest.fixture(scope="module")
def session(cache: Path) -> Session:
    made = Session(settings(*TINY, f"dataset.cache={cache}", "training.steps=100000"))
    made.read(lambda what, done, total: None)
    return made


class Course:
    """A run that only writes lines: `said` has the titles of new troubles at their steps."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.lines, self.said = session, [], {}
        self.watch = Watch(session, folder, self.write)
        self.session.state.step = 0

    def write(self, line: Any) -> None:
        self.lines.append(dict(line))
        self.watch.remember(line)

    def go_on(self, count: int, *, every: int = 50, **values: float) -> None:
        for _ in range(count):
            self.session.state.step += every
            self.write({"step": self.session.state.step, **USUAL, **values})
            if new := self.watch.look():
                self.said[self.session.state.step] = [finding.title for _, finding in new]


BLACK_AND_WHITE = "The pictures are black and white only"


def test_a_trouble_is_said_once_and_again_when_it_has_come_back(session: Session, tmp_path: Path):
    course = Course(session, tmp_path)
    for saturation in (0.1, 0.9, 0.1, 0.9):
        course.go_on(9, saturation=saturation)
    assert course.said == {16 * 50: [BLACK_AND_WHITE], 34 * 50: [BLACK_AND_WHITE]}
    events = [(line["step"], line["over"]) for line in course.lines if line["kind"] == "trouble"]
    assert events == [(16 * 50, False), (19 * 50, True), (34 * 50, False)]


def test_who_takes_up_the_records_sees_what_the_first_would_have_seen(session: Session, tmp_path: Path):
    whole = Course(session, tmp_path)
    whole.go_on(9, saturation=0.1)
    whole.go_on(20, saturation=0.9)
    cut = Course(session, tmp_path)
    cut.go_on(9, saturation=0.1)
    cut.go_on(10, saturation=0.9)
    lines, step = cut.lines, session.state.step
    resumed = Course(session, tmp_path)
    resumed.watch.forget(lines)
    session.state.step = step
    resumed.go_on(10, saturation=0.9)
    assert resumed.said == {} and lines + resumed.lines == whole.lines


def test_there_is_no_look_at_lines_between_two_looks(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(session.config.output, "log_every", 5)
    course = Course(session, tmp_path)
    course.go_on(15, saturation=0.9)
    course.go_on(9, every=5, saturation=0.1)
    assert len([line for line in course.lines if line["kind"] == "trouble"]) == 1
    course.go_on(1, every=5, saturation=0.1)
    assert len([line for line in course.lines if line["kind"] == "trouble"]) == 2


def test_a_run_that_diverges_is_in_trouble_though_an_overflow_was_said_before(session: Session, tmp_path: Path):
    course = Course(session, tmp_path)
    course.go_on(2, gradient_generator=float("inf"))
    assert list(course.said.values()) == [["A loss or a weight became not-a-number"]]
    assert [name for name, _ in course.watch.look(diverged=True)] == ["finite"]


def test_only_the_last_lines_count_so_that_a_look_stays_cheap(session: Session, tmp_path: Path):
    course = Course(session, tmp_path)
    for step in range(3000):
        course.watch.remember({"step": step, **USUAL})
    assert len(course.watch._run.losses) < 1000


@pytest.mark.parametrize(("every", "log_every", "due"), [(50, 50, [50, 100]), (30, 50, [50, 100]), (50, 20, [60, 100])])
def test_looks_come_with_the_first_line_of_losses_after_so_many_steps(
    every: int, log_every: int, due: list[int], session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(session.config.health, "check_every", every)
    monkeypatch.setitem(session.config.output, "log_every", log_every)
    watch = Watch(session, tmp_path, lambda line: None)
    assert [step for step in range(log_every, 101, log_every) if watch.is_due(step)] == due
