"""`ganctl data prepare` after `kill -9`, signals and full disks: it goes on, and gives the same zip bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Command

WORDS = ("data", "prepare", "pictures", "packed.zip", "resolution=1024", "channels=1", "filter=nearest")
COUNT = 100  # in four parts, since 32 of these pictures are 32 MB
pytestmark = pytest.mark.usefixtures("pictures")


def flat(path: Path, level: int) -> None:
    Image.new("L", (8, 8), level).save(path)


def draw(folder: Path) -> None:
    """Pictures of a name and a grey of their own."""
    folder.mkdir()
    for number in range(COUNT):
        flat(folder / f"{number:02}.png", 2 * number)


@pytest.fixture
def pictures(workplace: Path) -> Path:
    draw(workplace / "pictures")
    return workplace / "pictures"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file from a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    draw(folder / "pictures")
    subprocess.run([sys.executable, "-m", "ganctl", *WORDS], cwd=folder, capture_output=True, check=True, timeout=120)
    return (folder / "packed.zip").read_bytes()


def parts() -> list[Path]:
    return sorted(Path().glob(".packed.zip.*.unfinished/*.zip"))


def joined() -> list[Path]:
    """The zip in the making, once something is in it."""
    return [path for path in Path().glob(".*.unfinished") if path.is_file() and path.stat().st_size]


def begin(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ganctl", *(words or WORDS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(process: subprocess.Popen[str], what: Callable[[], object]) -> bool:
    """Whether it was seen before the process ended."""
    ends = time.monotonic() + 60
    while not what():
        if process.poll() is not None:
            return False
        assert time.monotonic() < ends
        time.sleep(0.001)
    return True


def end(process: subprocess.Popen[str], number: int) -> str:
    """Sends the signal; returns what the process has said."""
    process.send_signal(number)
    return process.communicate(timeout=60)[0]


def ended_in_the_midst(number: int, *words: str) -> tuple[int, str]:
    """The exit code of a process that got the signal when a part was ready, and what it said.

    One that was done before the signal reached it, as on a busy machine, is tried again.
    """
    for _ in range(10):
        process = begin(*words)
        assert wait_for(process, parts)
        said = end(process, number)
        if process.returncode:
            return process.returncode, said
        Path("packed.zip").unlink()
    raise AssertionError("it was always done before the signal")


def killed_in_the_midst(*words: str) -> None:
    assert ended_in_the_midst(signal.SIGKILL, *words)[0] == -signal.SIGKILL and not Path("packed.zip").exists()


def assert_done(whole: bytes) -> None:
    assert Path("packed.zip").read_bytes() == whole
    assert sorted(path.name for path in Path().iterdir()) == ["packed.zip", "pictures"]


def test_killed_after_each_part_and_while_they_are_joined_it_goes_on(whole: bytes, ganctl: Command) -> None:
    for least in (1, 3):
        process = begin()
        assert wait_for(process, lambda least=least: len(parts()) >= least)
        end(process, signal.SIGKILL)
    process = begin()
    wait_for(process, joined)
    assert "going on after " in end(process, signal.SIGKILL)
    if process.returncode:  # else it was done before it could be killed
        assert not Path("packed.zip").exists() and len(parts()) == 4
        assert f"going on after {COUNT} of {COUNT} pictures" in ganctl(*WORDS).out
    assert_done(whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_one_line_that_says_how_to_go_on(
    number: int, code: int, whole: bytes, ganctl: Command
) -> None:
    ended, said = ended_in_the_midst(number)
    [folder] = Path().glob(".packed.zip.*.unfinished")
    ready = min(32 * len(parts()), COUNT)
    assert ended == code
    assert said == f"{ready} of {COUNT} pictures stay ready in {folder}; the same command goes on after them\n"
    assert f"going on after {ready} of" in ganctl(*WORDS).out
    assert_done(whole)


def test_a_signal_before_a_part_is_ready_leaves_nothing() -> None:
    process = begin("data", "prepare", "pictures", "packed.zip", "resolution=64")  # one part, when all are read
    assert wait_for(process, lambda: list(Path().glob(".packed.zip.*.unfinished/.owner.json")))
    said = end(process, signal.SIGTERM)
    assert process.returncode in (143, 0) and "Traceback" not in said
    left = "packed.zip" if process.returncode == 0 else None
    assert {path.name for path in Path().iterdir()} == {"pictures", left} - {None}


def test_two_processes_never_share_the_work(whole: bytes, ganctl: Command) -> None:
    process = begin()
    assert wait_for(process, parts)
    process.send_signal(signal.SIGSTOP)
    answer = ganctl(*WORDS)
    assert answer.code == 2 and answer.err.count("\n") == 1 and not answer.out
    assert (
        answer.err.startswith(f"OUT=packed.zip: process {process.pid} on ") and "is working in it; wait" in answer.err
    )
    end(process, signal.SIGCONT)
    assert process.returncode == 0
    assert_done(whole)


def test_with_other_options_it_begins_anew_and_the_rest_goes_when_the_zip_is_there(ganctl: Command) -> None:
    killed_in_the_midst()
    [folder] = Path().glob(".packed.zip.*.unfinished")
    other = ganctl("data", "prepare", "pictures", "other.zip", "resolution=8", "channels=1")
    assert other.code == 0 and "begun" not in other.out and parts(), "another zip's"
    answer = ganctl("data", "prepare", "pictures", "packed.zip", "resolution=8", "channels=1")
    assert answer.code == 0 and "going on" not in answer.out
    assert f"{folder}: begun with other pictures or options, stays until packed.zip is there" in answer.out
    assert Path("packed.zip").read_bytes() == Path("other.zip").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["other.zip", "packed.zip", "pictures"]


def test_broken_files_are_counted_and_named_as_if_it_had_not_been_killed(pictures: Path, ganctl: Command) -> None:
    for name in ("05", "50"):
        (pictures / f"{name}x.png").write_text("text")
    words = (*WORDS, "max_broken=0.1")
    unbroken = ganctl(*(word.replace("packed", "whole") for word in words))
    unbroken_zip = Path("whole.zip").read_bytes()
    Path("whole.zip").unlink()
    killed_in_the_midst(*words)
    answer = ganctl(*WORDS, "max_broken=0")
    assert answer.code == 2 and answer.err.startswith(
        "pictures: 05x.png is no image in any format known; 50x.png is no"
    )
    assert f"of {COUNT + 2} pictures stay ready in" in answer.out, "for another max_broken"
    answer = ganctl(*words)
    [warning] = [line for line in answer.out.splitlines() if "left out" in line]
    assert f"2 of {COUNT + 2} files cannot be read and are left out: 05x.png" in warning and warning in unbroken.out
    assert "going on after " in answer.out
    assert_done(unbroken_zip)


def test_a_file_that_can_be_read_by_now_is_in_it(pictures: Path, whole: bytes, ganctl: Command) -> None:
    path, status = pictures / "07.png", (pictures / "07.png").stat()
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    killed_in_the_midst()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    answer = ganctl(*WORDS)
    assert answer.code == 0 and "left out" not in answer.out
    assert_done(whole)


def test_a_part_that_a_power_cut_has_spoilt_is_made_again(whole: bytes, ganctl: Command) -> None:
    killed_in_the_midst()
    os.truncate(parts()[0], 1000)
    answer = ganctl(*WORDS)
    assert answer.code == 0 and "going on" not in answer.out
    assert_done(whole)


def test_a_full_disk_is_one_line_and_what_is_ready_stays(whole: bytes, ganctl: Command) -> None:
    kilobytes = len(whole) // 1024 - 50  # enough for a part, too little for all
    command = ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "-", sys.executable, "-m", "ganctl", *WORDS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1, ended
    assert ended.stderr.startswith("packed.zip: cannot be written, file too large; raise the limit")
    assert "a preparation of pictures by the same command" in ended.stderr
    assert f"going on after {COUNT} of {COUNT} pictures" in ganctl(*WORDS).out
    assert_done(whole)


def test_a_file_that_has_come_meanwhile_is_not_overwritten(whole: bytes, ganctl: Command) -> None:
    process = begin()
    assert wait_for(process, parts)
    Path("packed.zip").write_text("mine")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2 and "OUT=packed.zip: has come meanwhile, and is not overwritten; move it" in said
    assert Path("packed.zip").read_text() == "mine" and len(parts()) == 4
    Path("packed.zip").unlink()
    assert f"going on after {COUNT} of {COUNT} pictures" in ganctl(*WORDS).out
    assert_done(whole)
