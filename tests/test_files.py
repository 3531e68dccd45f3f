from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
import torch

from ganctl.files import (
    atomic_file,
    atomic_path,
    atomic_write_bytes,
    atomic_write_text,
    disk_fault,
    plain,
    sweep,
    unfinished,
    write_json,
    write_new,
)


def test_a_file_is_written_and_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "folder" / "note.txt"
    atomic_write_text(path, "first")
    atomic_write_text(path, "zweites: größer", sync=False)
    assert path.read_text(encoding="utf-8") == "zweites: größer"
    assert list(path.parent.iterdir()) == [path]


def test_replacing_leaves_whoever_has_the_old_file_open_with_all_of_it(tmp_path):
    path = tmp_path / "data.bin"
    atomic_write_bytes(path, b"old")
    with path.open("rb") as reader:
        atomic_write_bytes(path, b"new")
        assert (reader.read(), path.read_bytes()) == (b"old", b"new")


def test_an_error_while_writing_keeps_the_old_content(tmp_path):
    path = tmp_path / "data.bin"
    atomic_write_bytes(path, b"old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write(b"half of the n")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_in_the_middle_of_writing_keeps_the_old_content(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")
    script = (
        "import os, sys; from pathlib import Path; from ganctl.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_being_written_or_might_be_elsewhere_is_left_alone(tmp_path):
    with unfinished(tmp_path / "data.bin") as mine:
        mine.write_bytes(b"half")
        (tmp_path / mine.name.replace(mine.name[1:9], "0" * 8)).write_bytes(b"of another machine")
        (tmp_path / f".{'0' * 16}.unfinished").write_bytes(b"of an earlier version")
        (tmp_path / ".novel.unfinished").write_bytes(b"a user's own")
        before = set(tmp_path.iterdir())
        sweep(tmp_path)
        assert set(tmp_path.iterdir()) == before and len(before) == 4
        for left in before:
            os.utime(left, (time.time() - 2 * 86400,) * 2)
        sweep(tmp_path)
        assert set(tmp_path.iterdir()) == {mine, tmp_path / ".novel.unfinished"}


def test_an_error_of_the_disk_names_the_file_and_the_cure_in_one_line(tmp_path):
    path = tmp_path / "data.bin"
    with pytest.raises(OSError) as full, atomic_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    line = disk_fault(full.value)
    assert line and line.startswith(f"{path}: cannot be written, no space left on device; free some")
    assert disk_fault(FileNotFoundError(errno.ENOENT, "No such file")) is None and disk_fault(ValueError()) is None


def test_an_error_of_writing_comes_out_of_torch_as_it_was(tmp_path):
    """As does Ctrl-C: torch would report an offset that it did not expect instead."""
    done = _limited(
        "from ganctl.tensor_files import write_torch; import torch\n"
        "try: write_torch(Path(sys.argv[1]), {'weights': torch.zeros(100_000)})\n"
        "except OSError as error: print(error.errno, error.filename)",
        tmp_path / "state.pt",
    )
    assert done.stdout == f"{errno.EFBIG} {tmp_path / 'state.pt'}\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def _limited(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """What `script` with the path as its argument prints where no file gets longer than 100,000 bytes."""
    limit = "import resource, signal, sys; from pathlib import Path\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2)\n"
    command = [sys.executable, "-c", limit + script, str(path)]
    return subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)


def test_two_that_write_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "data.bin"
    with atomic_file(path) as slow:
        slow.write(b"slow")
        atomic_write_bytes(path, b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow" and list(tmp_path.iterdir()) == [path]


def test_what_is_unfinished_is_removed_be_it_a_file_or_a_folder(tmp_path):
    with pytest.raises(RuntimeError), unfinished(tmp_path / "new") as folder:
        (folder / "below").mkdir(parents=True)
        raise RuntimeError
    with unfinished(tmp_path / "new") as folder:
        folder.mkdir()
        folder.rename(tmp_path / "new")
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_a_path_can_be_made_by_others_and_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "link"
    (tmp_path / "source").write_text("content")
    with atomic_path(path) as temporary:
        os.link(tmp_path / "source", temporary)
        assert not path.exists()
    assert path.read_text() == "content" and list(path.parent.iterdir()) == [path]


def test_a_written_file_has_the_rights_of_an_ordinary_new_file(tmp_path):
    ordinary, atomic = tmp_path / "ordinary", tmp_path / "atomic"
    ordinary.write_text("")
    atomic_write_text(atomic, "")
    assert atomic.stat().st_mode == ordinary.stat().st_mode


def test_json_holds_numbers_of_every_library_and_is_always_valid(tmp_path):
    data = {
        "loss": torch.tensor(0.5),
        "count": numpy.int64(3),
        "rates": numpy.array([0.25, math.nan]),
        "shape": torch.Size([1, 2]),
        "far": [math.inf, -math.inf],
        "path": Path("runs") / "a",
        7: None,
        "yes": True,
        "exact": numpy.float64(0.1),
    }
    write_json(tmp_path / "summary.json", data)
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {
        "loss": 0.5,
        "count": 3,
        "rates": [0.25, "NaN"],
        "shape": [1, 2],
        "far": ["Infinity", "-Infinity"],
        "path": str(Path("runs/a")),
        "7": None,
        "yes": True,
        "exact": 0.1,
    }
    assert text.endswith("}\n")


def test_what_is_not_plain_data_is_refused():
    with pytest.raises(TypeError, match="object is not plain data"):
        plain({"thing": object()})


def test_new_files_never_share_a_name_even_if_written_at_once(tmp_path, monkeypatch):
    code = (
        "import sys; from pathlib import Path; from ganctl.files import write_new\n"
        "for number in range(20): write_new(Path('scores.json'), f'{sys.argv[1]} {number}'.encode())"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(writer)], cwd=tmp_path) for writer in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["scores.json", *(f"scores-{number}.json" for number in range(2, 61))]
    )
    assert len({path.read_text() for path in tmp_path.iterdir()}) == 60

    def refuse(*_):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    assert write_new(tmp_path / "scores.json", b"x").name == "scores-61.json"
    assert (tmp_path / "scores-61.json").read_bytes() == b"x" and len(list(tmp_path.iterdir())) == 61
