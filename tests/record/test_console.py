from __future__ import annotations

import logging
import re
import subprocess
import sys
import warnings

import pytest

from ganctl.record import console as module
from ganctl.record.console import Console

from .terminal import BREAK, SNAP, environment, run_in_terminal

LOG = "{'d_loss': 0.91, 'g_loss': 1.72, 'd_real': 0.71, 'd_fake': 0.31}"
OPENING = f"""
import logging, os, sys, warnings
from pathlib import Path
from ganctl.record.console import Console
LOG = {LOG}
def look(): os.write(1, {SNAP.encode()!r})
log_file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
"""
RUN = (
    OPENING
    + """
with Console(log_file) as console:
    console.progress("packing mnist5k", 2500, 5000)
    look()
    console.progress("packing mnist5k", 5000, 5000)
    console.header({"data": "mnist5k [r1]", "folder": "outputs/" + "x" * 100}, title="ganctl train")
    console.start(100)
    console.step(10, LOG, 2310)
    logging.getLogger("library").warning("a record [bold]with brackets[/bold]")
    look()
    print("a print of a library")
    print("an error of a library", file=sys.stderr)
    warnings.warn("careful")
    console.note("a note " + "and more " * 20)
    look()
    console.progress("evaluating", 100, 200)
    logging.getLogger("ganctl.metric").info("inside")
    look()
    console.progress("evaluating", 200, 200)
    console.scores(10, {"fd_digits": 21.3}, best=True)
    console.step(100, LOG, 2310, ("fd_digits", 21.3))
    look()
    console.summary({"fd_digits": 21.3}, {"grid": "samples/1.png"}, {"draw more": "ganctl sample " + "y" * 100})
"""
)
CAREFUL = f"warning: UserWarning: careful (<string>:{RUN[: RUN.index('warnings.warn(')].count(chr(10)) + 1})"
BAR = r"training [━╸╺ ]+ 10/100 2310 images/s  0:\d\d:\d\d left"
NUMBERS = "d 0.91 g 1.72  D(real) 0.71 D(fake) 0.31"


def matches(lines, patterns):
    return len(lines) == len(patterns) and all(
        re.fullmatch(pattern, line) for line, pattern in zip(lines, patterns, strict=True)
    )


def piped(script, *arguments, **variables):
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", script, *arguments],
        env=environment(**variables),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_in_a_terminal_lines_that_come_while_the_bar_is_live_stand_above_it_unharmed():
    status, terminal = run_in_terminal(RUN)
    assert status == 0
    packing, first, second, evaluating, last = terminal.snapshots
    assert matches(packing, [r"packing mnist5k [━╸╺ ]+ 2500/5000"])
    header = first[:5]
    assert header[0].startswith("╭─ ganctl train ─") and header[1].startswith("│ data    mnist5k [r1] ")
    assert "".join(line[9:].strip(" │") for line in header[2:4]) == ("outputs/" + "x" * 100)
    record = "warning: a record [bold]with brackets[/bold]"
    assert matches(first[5:], [re.escape(record), BAR, re.escape(NUMBERS)])
    note = ("a note " + "and more " * 20).rstrip()
    assert second[:7] == [*header, record, "a print of a library"]
    assert second[7] == "an error of a library"
    assert second[8] == CAREFUL
    folded = [note[start : start + 80].rstrip() for start in range(0, len(note), 80)]
    assert second[9 : 9 + len(folded)] == folded
    assert matches(second[9 + len(folded) :], [BAR, re.escape(NUMBERS)])
    above = second[: 9 + len(folded)]
    assert evaluating[:-3] == [*above, "inside"]
    inside = r"evaluating [━╸╺ ]+ 100/200"
    assert matches(evaluating[-3:], [BAR.replace("training ", "training +").replace("100 ", "100 +"), inside, ".*"])
    full = r"training ━+ 100/100 2310 images/s  0:00:00 left"
    assert last[:-2] == [*above, "inside", "step 10/100  fd_digits 21.3  best so far"]
    assert matches(last[-2:], [full, re.escape(NUMBERS + "  fd_digits 21.3")])
    command = "  draw more  ganctl sample " + "y" * 100
    end = ["Scores", "  fd_digits  21.3", "Files", "  grid  samples/1.png", "Next", command[:80], command[80:]]
    assert terminal.screen_lines() == [*last, *end]
    assert terminal.cursor_was_hidden and terminal.cursor_visible


@pytest.mark.parametrize("width", [30, 50, 200])
def test_a_terminal_of_any_width_keeps_the_bar_on_its_lines(width):
    script = (
        OPENING + "with Console() as console:\n console.start(9)\n for k in range(9): console.step(k, LOG, 10); look()"
    )
    status, terminal = run_in_terminal(script, width=width)
    assert status == 0 and len(terminal.snapshots) == 9
    for lines in terminal.snapshots:
        assert len(lines) == 2 and lines[0].startswith("t") and lines[1].startswith("d 0.91 g 1.72")
    assert all(len(line) <= min(width, 100) for line in terminal.screen_lines())


def test_advancing_moves_the_bar_now_and_then():
    script = (
        OPENING + "import time\nwith Console() as console:\n console.start(1000)\n console.advance(1)\n look()\n"
        " time.sleep(0.3)\n console.advance(500)\n look()"
    )
    _, terminal = run_in_terminal(script)
    assert " 0/1000" in terminal.snapshots[0][0] and " 500/1000" in terminal.snapshots[1][0]


@pytest.mark.parametrize(
    ("inside", "expected", "recorded"),
    [("1 / 0", 1, "ZeroDivisionError: division by zero"), ("sys.exit(3)", 3, "stopped by SystemExit")],
)
def test_an_exception_never_leaves_the_cursor_hidden(tmp_path, inside, expected, recorded):
    script = (
        OPENING + f"with Console(log_file) as console:\n console.start(9)\n console.step(1, LOG)\n look()\n {inside}"
    )
    status, terminal = run_in_terminal(script, str(tmp_path / "train.log"))
    assert terminal.cursor_was_hidden and terminal.cursor_visible
    assert status == expected
    assert (tmp_path / "train.log").read_text().endswith(f"  {recorded}\n")


def test_a_console_that_was_never_closed_gives_the_cursor_back_at_exit():
    status, terminal = run_in_terminal(OPENING + "console = Console()\nconsole.start(9)\nlook()")
    assert status == 0 and terminal.cursor_was_hidden and terminal.cursor_visible


def test_ctrl_c_gives_the_cursor_back_and_is_recorded(tmp_path):
    script = OPENING + (
        "import time\nwith Console(log_file) as console:\n console.start(9)\n"
        f" os.write(1, {BREAK.encode()!r})\n for _ in range(600): time.sleep(0.1)"
    )
    status, terminal = run_in_terminal(script, str(tmp_path / "train.log"))
    assert status != 0 and terminal.cursor_was_hidden and terminal.cursor_visible
    assert (tmp_path / "train.log").read_text().endswith("  stopped by KeyboardInterrupt\n")


EXPECTED = [
    "ganctl train",
    "  data    mnist5k [r1]",
    "  folder  outputs/" + "x" * 100,
    r"step 10/100  d 0.91 g 1.72  D(real) 0.71 D(fake) 0.31  2310 images/s  0:00:00 left",
    "warning: a record [bold]with brackets[/bold]",
    "a print of a library",
    CAREFUL,
    "a note " + "and more " * 20,
    "inside",
    "step 10/100  fd_digits 21.3  best so far",
    r"step 100/100  d 0.91 g 1.72  D(real) 0.71 D(fake) 0.31  2310 images/s  0:00:00 left  fd_digits 21.3",
    "Scores",
    "  fd_digits  21.3",
    "Files",
    "  grid  samples/1.png",
    "Next",
    "  draw more  ganctl sample " + "y" * 100,
]


def test_in_a_pipe_there_are_plain_lines_without_bar_wrapping_or_colour(tmp_path):
    status, out, err = piped(RUN, str(tmp_path / "run" / "train.log"), FORCE_COLOR="1")
    lines = re.sub(r"0:\d\d:\d\d left", "0:00:00 left", out.replace(SNAP, "")).splitlines()
    assert (status, lines) == (0, EXPECTED)
    assert "\x1b" not in out.replace(SNAP, "") and err == "an error of a library\n"


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines():
    status, terminal = run_in_terminal(RUN, width=300, TERM="dumb")
    assert status == 0 and not terminal.cursor_was_hidden
    assert "step 10/100  " + NUMBERS in terminal.screen_lines()[3]


@pytest.mark.parametrize("in_terminal", [False, True])
def test_the_log_file_has_everything_that_matters_with_its_time(tmp_path, in_terminal):
    path = tmp_path / "run" / "train.log"
    run_in_terminal(RUN, str(path)) if in_terminal else piped(RUN, str(path))
    lines = path.read_text().splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)
    texts = [re.sub(r"0:\d\d:\d\d left", "0:00:00 left", line[21:]) for line in lines]
    assert texts == [line for line in EXPECTED if line != "a print of a library"]


def test_a_resumed_run_adds_to_its_log_file(tmp_path):
    for text in ("first", "größer"):
        with Console(tmp_path / "train.log") as console:
            console.note(text)
    lines = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()
    assert [line[21:] for line in lines] == ["first", "größer"]


def test_a_pipe_that_cannot_hold_a_letter_gets_its_code():
    script = OPENING + "with Console() as console: console.note('größer')"
    _, out, _ = piped(script, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert out == "gr\\xf6\\xdfer\n"


def test_progress_that_lasts_is_told_of_in_a_pipe_now_and_then_and_at_its_end(monkeypatch, capsys, tmp_path):
    with Console(tmp_path / "train.log") as console:
        for done in range(1, 6):
            console.progress("quick", done, 5)
        monkeypatch.setattr(module, "_PATIENCE", 0.0)
        console.progress("packing", 1, 3)
        console.progress("packing", 2, 3)
        console.progress("packing", 3, 3)
        console.progress("reading", 7, 0)
    expected = ["packing 1/3", "packing 2/3", "packing 3/3  took 0:00:00", "reading 7"]
    assert capsys.readouterr().out.splitlines() == expected
    assert [line[21:] for line in (tmp_path / "train.log").read_text().splitlines()] == expected


def test_the_last_score_stays_in_the_lines_that_follow(capsys):
    with Console() as console:
        console.start(30, first_step=10)
        console.step(11, {"d_loss": 1}, score=("fid", 50.0))
        console.step(12, {"d_loss": 1})
    assert all(line.endswith("fid 50") for line in capsys.readouterr().out.splitlines())


def test_time_left_is_reckoned_from_the_steps_done_since_resuming(capsys, monkeypatch):
    seconds = iter([0.0, 100.0, 110.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    with Console() as console:
        console.start(1000, first_step=900)
        console.step(910, {})
    assert capsys.readouterr().out == "step 910/1000  0:01:30 left\n"


def test_time_left_is_at_most_what_the_limit_leaves(capsys, monkeypatch):
    seconds = iter([0.0, 100.0, 110.0, 120.0, 150.0, 160.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    with Console() as console:
        console.start(1000, deadline=140.0)
        console.step(10, {})
        console.step(500, {})
        console.step(990, {})
        console.step(999, {})
    left = [line.rpartition("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert left == ["0:00:30 left", "0:00:20 left", "0:00:00 left", "0:00:00 left"]


def test_consoles_one_after_the_other_show_each_record_once_and_leave_logging_as_it_was(capsys, tmp_path):
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level, show = logging.getLogger("ganctl").level, warnings.showwarning
    for job in range(3):
        console = Console(tmp_path / f"{job}.log")
        logging.getLogger("ganctl.dataset").info("job %d", job)
        if job != 1:
            console.close()
            console.close()
    assert capsys.readouterr().out.splitlines() == ["job 0", "job 1", "job 2"]
    assert [(tmp_path / f"{job}.log").read_text()[21:] for job in range(3)] == ["job 0\n", "job 1\n", "job 2\n"]
    assert (root.handlers, logging.getLogger("ganctl").level) == (before, level)
    assert warnings.showwarning is show


def test_handlers_that_write_to_the_screen_or_the_same_file_are_put_aside_and_come_back(capsys, tmp_path):
    root = logging.getLogger()
    screen = logging.StreamHandler(sys.stdout)
    same, other = logging.FileHandler(tmp_path / "train.log"), logging.FileHandler(tmp_path / "other.log")
    try:
        for handler in (screen, same, other):
            root.addHandler(handler)
        with Console(tmp_path / "train.log"):
            root.warning("once")
        root.warning("after")
        assert screen in root.handlers and same in root.handlers
    finally:
        for handler in (screen, same, other):
            root.removeHandler(handler)
            handler.close()
    assert capsys.readouterr().out == "warning: once\nafter\n"
    assert re.fullmatch(r"[^\n]{19}  warning: once\nafter\n", (tmp_path / "train.log").read_text())
    assert (tmp_path / "other.log").read_text() == "once\nafter\n"


def test_importing_does_no_work():
    script = (
        "import logging, sys, ganctl.record.console\n"
        "print(sorted({'rich', 'torch', 'numpy', 'hydra'} & sys.modules.keys()), logging.getLogger().handlers)"
    )
    assert piped(script) == (0, "[] []\n", "")
