from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch

from ganctl.record.jsonl import LONGEST_LINE, MetricsLog, read_lines, read_metrics


def test_each_record_is_one_line_that_can_be_read_at_once(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    with closing(MetricsLog(path)) as log:
        log.append({"step": 1, "d_loss": torch.tensor(0.5)})
        assert read_metrics(path) == [{"step": 1, "d_loss": 0.5}]
        log.append({"step": 2, "note": "two\nlines"})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_numbers_that_are_not_finite_make_valid_json_and_come_back(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with closing(MetricsLog(path)) as log:
        log.append({"step": 1, "a": math.nan, "b": math.inf, "c": {"d": -math.inf}})
    json.loads(path.read_text(), parse_constant=pytest.fail)
    (record,) = read_metrics(path)
    assert math.isnan(record["a"])
    assert record["b"] == math.inf and record["c"] == {"d": -math.inf}


def test_resuming_forgets_later_steps_and_appends_after_the_earlier(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with closing(MetricsLog(path)) as log:
        for record in ({"event": "start"}, {"step": 10}, {"step": 20}, {"step": 20, "fid": 3.0}, {"step": 30}):
            log.append(record)
    with closing(MetricsLog(path)) as log:
        assert log.truncate_after(20) == 1
        log.append({"step": 30, "again": True})
        assert log.truncate_after(30) == 0
        log.append({"step": 40})
    expected = [{"event": "start"}, {"step": 10}, {"step": 20}, {"step": 20, "fid": 3.0}, {"step": 30, "again": True}]
    assert read_metrics(path) == [*expected, {"step": 40}]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("torn", [b'{"step": 2, "d_lo', b'{"step"', b"{", b"\0\0\0\0", b'{"step": 2, "x": "\xc3'])
def test_a_line_torn_by_a_kill_is_left_out_when_reading_and_removed_when_resuming(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + torn)
    assert read_metrics(path) == [{"step": 1}]
    with closing(MetricsLog(path)) as log:
        log.append({"step": 2})
    assert path.read_bytes() == b'{"step": 1}\n{"step": 2}\n'


def test_a_whole_line_that_lacks_only_its_end_is_kept(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2}')
    with closing(MetricsLog(path)) as log:
        log.append({"step": 3})
    assert [record["step"] for record in read_metrics(path)] == [1, 2, 3]


@pytest.mark.parametrize(
    "damaged", [b'{"st', b"7", b"\xff\0", b"[" * 100_000, b'{"a": "' + b"x" * LONGEST_LINE + b'"}']
)
def test_a_damaged_line_in_the_middle_is_left_out_and_known(tmp_path, damaged):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + damaged + b'\n{"step": 3}\n{"torn')
    assert read_lines(path) == [{"step": 1}, None, {"step": 3}]
    assert read_metrics(path) == [{"step": 1}, {"step": 3}]
    MetricsLog(path).close()
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_said_in_one_line(tmp_path, make):
    path = tmp_path / "metrics.jsonl"
    make(path)
    for use in (read_metrics, MetricsLog):
        with pytest.raises(ValueError, match=f"^{path}: cannot be read "):
            use(path)


def test_after_a_kill_every_line_that_append_returned_from_is_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    script = (
        "import os, sys; from pathlib import Path; from ganctl.record.jsonl import MetricsLog\n"
        "log = MetricsLog(Path(sys.argv[1]))\n"
        "for step in range(100): log.append({'step': step})\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [record["step"] for record in read_metrics(path)] == list(range(100))
