"""What the tests of the command line share: a working directory of their own, and ways to call ganctl in it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from tests.server import nobody, server

__all__ = ["nobody", "server"]  # fixtures

install_import_hook(
    ["ganctl.augment", "ganctl.loss", "ganctl.model", "ganctl.regularizer", "ganctl.transform"], "beartype.beartype"
)  # checks shapes
os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest has a process a core already, and torch reads this on import


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that no process ends with a minute of them while the others have nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@dataclass(frozen=True)
class Answer:
    """What a command came back with."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]
Refusal = Callable[..., str]


TINY = [
    "generator=mlp",
    "discriminator=strided_cnn",
    "feature=digits",
    "device=cpu",
    "device.threads=1",
    "training.steps=4",
    "evaluation.num_images=50",
    "evaluation.final_images=50",
    "evaluation.num_real=50",
    "final_fid.enabled=false",
    "tracker=[]",
    "output.grid=4",
]
"""Settings of a training that takes about a second once torch is imported."""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the packed data of all tests, so that nobody's own is touched."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workplace(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what a command adds to Python's search path and modules is taken back."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GANCTL_CACHE", str(cache))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """What a run sets for its process, torch's threads and determinism, is no other test's."""
    from tests.settings import torch_untouched

    with torch_untouched():
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """Ctrl-C reaches the processes that tests start, even where the tests run in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def ganctl(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls ganctl's command line in this process, in the empty working directory."""
    from ganctl.cli import main

    def call(*words: str) -> Answer:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def ganctl_process(workplace: Path) -> Command:
    """Calls `python -m ganctl` as a process, in the empty working directory."""

    def call(*words: str, timeout: float = 120) -> Answer:
        command = [sys.executable, "-m", "ganctl", *words]
        ended = subprocess.run(command, cwd=workplace, capture_output=True, text=True, timeout=timeout, check=False)
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    return call


def timed(*words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Runs Python with `words`, and how many seconds of the processor that took; a clock would count other tests."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended, spent.ru_utime + spent.ru_stime - began.ru_utime - began.ru_stime


@pytest.fixture
def refused(ganctl: Command, workplace: Path) -> Refusal:
    """Calls ganctl, which must refuse in one line, with exit code 2, leaving nothing behind; returns the line."""

    def files() -> list[Path]:
        return [path for path in sorted(workplace.rglob("*")) if "__pycache__" not in path.parts]

    def call(*words: str) -> str:
        before = files()
        answer = ganctl(*words)
        assert answer.code == 2, answer
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert answer.err.count("\n") == 1 and answer.err.endswith("\n"), answer.err
        assert files() == before
        return answer.err.rstrip("\n")

    return call


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the format of pytorch-fid's weights with random values: 95 MB, made once in a run of the tests."""
    import torch

    from tests.feature.conftest import random_state

    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(random_state(), path, _use_new_zipfile_serialization=False)
    return path
