from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from contextlib import closing

import pytest
import torch

from ganctl.record.jsonl import MetricsLog, read_metrics


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


def test_a_damaged_line_in_the_middle_is_named_when_reading(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(ValueError, match="line 2 is not a JSON object"):
        read_metrics(path)


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
