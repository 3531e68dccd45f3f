"""Several processes do what one does, to the order of summation."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.several.exact import CASES, trained

pytestmark = pytest.mark.slow
LONG = pytest.mark.skipif(not os.environ.get("GANCTL_LONG_TESTS"), reason="takes a minute; GANCTL_LONG_TESTS=1 runs it")
BOUND = 1e-5  # of weights, moments and memories below 5 after 20 steps; 3e-6 was seen


def processes(number: int, *words: str, **variables: str) -> list[subprocess.Popen[str]]:
    """`python WORDS` in `number` processes of one run, without torchrun."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(number), **variables}
    started = []
    for rank in range(number):
        mine = {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(number)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen([sys.executable, *words], env=os.environ | shared | mine, **pipes))
    return started


def leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def difference(one: Any, other: Any) -> float:
    if isinstance(one, torch.Tensor):
        return float((one - other).abs().max()) if one.numel() else 0.0
    if isinstance(one, list):
        return max((difference(*pair) for pair in zip(one, other, strict=True)), default=0.0)
    return 0.0 if one == other else abs(one - other) / max(1.0, abs(one))


@pytest.fixture(scope="module")
def alone(cache: Path) -> dict[str, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCTL_CACHE", str(cache))
        return {case: dict(leaves(trained(case))) for case in CASES}


@pytest.mark.parametrize("number", [2, pytest.param(4, marks=LONG)])
def test_many_processes_learn_what_one_does(
    number: int, alone: dict[str, dict[str, Any]], tmp_path: Path, cache: Path
) -> None:
    root = str(Path(__file__).parents[2])
    started = processes(number, "-m", "tests.several.exact", str(tmp_path), GANCTL_CACHE=str(cache), PYTHONPATH=root)
    for process in started:
        text, _ = process.communicate(timeout=280)
        assert process.returncode == 0, text
    for case, wanted in alone.items():
        first, *others = (dict(leaves(torch.load(tmp_path / f"{case} {rank}.pt"))) for rank in range(number))
        far = {name: apart for name, value in wanted.items() if (apart := difference(value, first[name])) > BOUND}
        assert not far, (case, far)
        for other in others:
            assert all(difference(first[name], value) == 0 for name, value in other.items()), case
