"""What `import ganctl` offers: as the README shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ganctl as module
from tests.conftest import TINY

SETTINGS = [*TINY, "conditional=true", "seed=3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, cache: Path):
    """A run of four steps, trained from Python."""
    folder = tmp_path_factory.mktemp("interface") / "run"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GANCTL_CACHE", str(cache))
        return module.train(*SETTINGS, f"hydra.run.dir='{folder}'")


def test_a_run_is_trained_loaded_and_drawn_from(run) -> None:
    assert run.status == "finished" and run.scores["fd_digits"] > 0
    generator = run.load(device="cpu")
    images = generator.draw(5, seed=7)
    assert images.shape == (5, 1, 28, 28) and images.abs().max() <= 1
    assert torch.allclose(images[2:], generator.draw(3, seed=7, start=2), atol=1e-6)
    pictures = generator.pictures(labels=[3, 1, 4])
    assert [picture.size for picture in pictures] == [(28, 28)] * 3
    latents = torch.randn(2, 32)
    ones = generator.draw(latents=latents, labels=1)
    assert ones.shape[0] == 2 and not torch.equal(ones, generator.draw(latents=latents, labels=2))


def test_going_on_from_python(run) -> None:
    again = module.train("training.steps=6", resume=run.folder)
    assert again.summary["step"] == 6 and again.folder.resolve() == run.folder.resolve()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": [10]}, "must be in [0, 9]"),
        ({"labels": [1, 2], "count": 3}, "count=3: latents and labels are 2 rows"),
        ({"latents": torch.zeros(2, 3)}, "latents=(2, 3): must have the shape (2, 32)"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(run, given: dict, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        run.load(device="cpu").draw(**given)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_two_sources_are_scored(run) -> None:
    settings = ("feature=digits", "num_images=50", "num_real=50", "device=cpu")
    own = module.score(run.folder, None, *settings)
    assert own.values["fd_digits"] > 0 and own.protocol.num_generated == 50
    assert module.score(run.folder, "mnist5k", *settings).values == own.values


def test_mistakes_are_told_as_on_the_command_line(run, tmp_path: Path) -> None:
    for call, line in {
        lambda: module.train("optimiser.lr=1"): "optimiser.lr=1: no such key; did you mean optimizer.lr?",
        lambda: module.train("-m", "seed=1,2"): "-m: not an override KEY=VALUE",
        lambda: module.load(tmp_path / "nowhere"): f"{tmp_path / 'nowhere'}: there is no such run or checkpoint",
        lambda: run.load(weights="best"): f"weights=best: {run.folder}",
    }.items():
        with pytest.raises(ValueError) as refused:
            call()
        assert str(refused.value).startswith(line)


def test_importing_it_costs_nothing_and_offers_no_more_than_it_says() -> None:
    script = "import sys, ganctl; print('torch' in sys.modules, 'hydra' in sys.modules, ganctl.__all__)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("False False")
    assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError):
        _ = module.nothing
