"""A folder has one writer: whoever lives keeps it, whoever is dead has let it go."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import SoftFileLock

from ganctl.invocation.lock import LOCK, MARK, OWNER, locked

HOLDER = """
import sys, time
from pathlib import Path
from ganctl.invocation.lock import locked
with locked(Path(sys.argv[1]), "x=y"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_the_first_is_and_may_come_in_once_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(ValueError) as refused, locked(folder, "x=y"):
        pytest.fail("two in one folder")
    said = str(refused.value)
    assert said.startswith(f"x=y: process {holder.pid} on {socket.gethostname()} since 2") and "\n" not in said
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with locked(folder, "x=y"):
        assert json.loads((folder / OWNER).read_text())["process"] == os.getpid()


def test_two_in_one_process_are_two(tmp_path: Path) -> None:
    with locked(tmp_path, "a"):
        with pytest.raises(ValueError, match=f"^b: process {os.getpid()} on "), locked(tmp_path, "b"):
            pytest.fail("two in one folder")
        with locked(tmp_path / "other", "c"):
            pass


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 9999, '{"process": "x"}', '{"process": 1}', '{"process": 1e400, "host": 3}']
)
def test_an_owner_who_cannot_be_read_is_another_process(content: str, tmp_path: Path) -> None:
    with locked(tmp_path, "a"):
        (tmp_path / OWNER).write_text(content)
        with pytest.raises(ValueError, match=r"^b: another process is working"), locked(tmp_path, "b"):
            pytest.fail("two in one folder")


def test_what_was_made_for_nothing_is_gone_and_what_was_there_stays(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b", "x"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with locked(tmp_path / "mine", "x"):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/x", "/proc/x/y"])
def test_a_place_that_cannot_be_written_to_is_refused_in_one_line(place: str) -> None:
    with pytest.raises(ValueError) as refused, locked(Path(place), f"hydra.run.dir={place}"):
        pytest.fail("written to")
    said = str(refused.value)
    assert said.startswith(f"hydra.run.dir={place}: cannot be written to (") and "\n" not in said


def test_a_file_system_without_locks_has_marks_of_owners_instead(tmp_path: Path, monkeypatch) -> None:
    import filelock

    def lacking(self) -> None:  # what the library says on such a file system
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "_acquire", lacking)
    with locked(tmp_path / "run", "a"):
        (tmp_path / "run" / "checkpoints").mkdir()
        assert (tmp_path / "run" / MARK).exists()
        with pytest.raises(ValueError, match=f"^b: process {os.getpid()} on "), locked(tmp_path / "run", "b"):
            pytest.fail("two in one folder")
    held = "from filelock import SoftFileLock; import os; lock = SoftFileLock({!r}); lock.acquire(); os._exit(0)"
    subprocess.run([sys.executable, "-c", held.format(str(tmp_path / "run" / MARK))], check=True)
    assert (tmp_path / "run" / MARK).exists()  # of a dead process
    with locked(tmp_path / "run", "c"):
        assert SoftFileLock(tmp_path / "run" / MARK).lock_file
