"""What is left of the meeting of processes after it has ended well."""

from __future__ import annotations

import os

import pytest

from tests.several.test_exact import processes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MEETING = """
from pathlib import Path
import torch
from ganctl import collective
from ganctl.processes import world_of_environment

collective.join(world_of_environment())
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
    both = processes(2, "-c", MEETING)
    texts = [each.communicate(timeout=100)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], texts
