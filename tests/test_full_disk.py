"""A full disk, a real one in memory: the run ends in one line, and goes on from what was saved once there is room."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganctl import checkpoint
from ganctl.record.jsonl import read_metrics
from tests.conftest import TINY, Command

pytestmark = pytest.mark.slow
SIZE = 64 * 2**20  # bytes; a dozen checkpoints


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(file: Path) -> None:
    """Writes until there is no room at all."""
    with file.open("wb", buffering=0) as stream:
        for size in (2**20, 2**12):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_a_run_on_a_disk_that_becomes_full_ends_in_one_line_and_goes_on_when_there_is_room(
    disk: Path, ganctl: Command, workplace: Path
) -> None:
    run = disk / "run"
    words = [
        *TINY,
        "tracker=[tensorboard]",
        "training.steps=1000000",
        "output.log_every=1",
        "output.checkpoint_every=5",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganctl", "train", *words, f"hydra.run.dir={run}"],
        cwd=workplace, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 100
    while not (run / "checkpoints" / "last.pt").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    fill(disk / "filler")
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1 and err.count("\n") == 1 and "Traceback" not in err, err
    assert err.startswith(f"{run}/") and "cannot be written, no space left on device; free some" in err
    assert not list(run.rglob("*.unfinished"))
    step = checkpoint.load(checkpoint.find(run))["state"]["step"]
    (disk / "filler").unlink()
    answer = ganctl("train", "--resume", str(run), f"training.steps={step + 3}")
    assert answer.code == 0, answer
    steps = [line["step"] for line in read_metrics(run / "metrics.jsonl") if line["kind"] == "losses"]
    assert steps == list(range(1, step + 4))
