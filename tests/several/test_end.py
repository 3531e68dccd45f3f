"""What is left of the meeting of processes after it has ended well."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MEETING = """
import sys
from pathlib import Path
import torch
from ganctl import collective
from ganctl.contract import World

rank = int(sys.argv[1])
collective.join(World(rank, 2, local_rank=rank, local_size=2))
import torch._dynamo  # as an optimizer does at its first step
collective.average([torch.ones(3)])
collective.announced({"a": 1})
threads = lambda: [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert any("gloo" in name for name in threads()), threads()
collective.leave()
assert not any("gloo" in name for name in threads()), threads()
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are told apart as Linux lists them")  # noqa: PTH112
def test_no_thread_of_the_group_outlives_it() -> None:
    """One that does may touch a tensor while the interpreter ends, and take the process with it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "MASTER_ADDR": "localhost", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, "-c", MEETING, rank], env=environment, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    texts = [each.communicate(timeout=100)[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], texts
