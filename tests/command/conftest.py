"""A small training that many tests look at, made once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command.pictures import digits, folder_of
from tests.conftest import Command
from tests.settings import SMALL, settings, torch_untouched

Train = Callable[..., dict[str, Any]]
Fid = Callable[..., dict[str, Any]]


@pytest.fixture
def train(tmp_path: Path, cache: Path) -> Iterator[Train]:
    """Trains in this process, with SMALL and the overrides given, into `tmp_path / "run"`; returns the summary."""
    from ganctl.job.train import train_once

    def call(*overrides: str, folder: Path | None = None, resume: Path | None = None) -> dict[str, Any]:
        config = settings(*SMALL, f"dataset.cache={cache}", *overrides)
        return train_once(config, folder or tmp_path / "run", resume)

    with torch_untouched():
        yield call


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The folder of a finished conditional run on mnist5k, not to be changed except by additions."""
    from ganctl.job.train import train_once

    folder = tmp_path_factory.mktemp("trained") / "run"
    with torch_untouched():
        train_once(settings(*SMALL, f"dataset.cache={cache}", "conditional=true", "tracker=[tensorboard]"), folder)
    return folder


@pytest.fixture(scope="session")
def unconditional(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The folder of a finished run without labels, with weights that differ much from their average."""
    from ganctl.job.train import train_once

    folder = tmp_path_factory.mktemp("unconditional") / "run"
    with torch_untouched():
        train_once(settings(*SMALL, f"dataset.cache={cache}", "training.ema_rampup=1", "optimizer.lr=0.01"), folder)
    return folder


@pytest.fixture
def fid(ganctl: Command, tmp_path: Path) -> Fid:
    """Scores and returns what output= has written; `fid.said` is what was printed."""
    numbers = iter(range(1000))

    def call(*words: object) -> dict[str, Any]:
        output = tmp_path / f"scores-{next(numbers)}.json"
        answer = ganctl("fid", *map(str, words), f"output={output}")
        assert answer.code == 0 and answer.err == "", answer
        call.said = answer.out  # type: ignore[attr-defined]
        return json.loads(output.read_text())

    return call


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return folder_of(digits(20), tmp_path / "a"), folder_of(digits(25, start=7), tmp_path / "b")
