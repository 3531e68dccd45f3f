from __future__ import annotations

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
    [left] = (other for other in tmp_path.iterdir() if other != path)
    sweep(tmp_path)
    assert left.exists(), "it might still be written"
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


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
