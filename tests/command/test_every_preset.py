"""Every preset as it is, for 200 steps on grey digits and on colour: all losses finite, and resumed bit for bit."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import numpy
import pytest
from PIL import Image

from ganctl.record.jsonl import read_metrics
from tests.command.test_translate import MODELS as TRANSLATIONS
from tests.command.test_translate import SETTINGS, pictures
from tests.command.test_translate_killed import assert_same, state_of
from tests.conftest import Command

__all__ = ["pictures"]  # a fixture
PRESETS = sorted({path.stem for path in Path(__file__).parents[2].glob("configs/model/*.yaml")} - TRANSLATIONS.keys())
STEPS = 200
WORDS = (
    *("training.batch_size=8", "output.log_every=1", "output.grid=4", "output.keep_last=null"),
    *("output.sample_early=false", "output.sample_every=1000", "output.evaluate_every=null"),
    *("device=cpu", "device.threads=1", "tracker=[]", "final_fid.enabled=false"),
    *("evaluation.num_images=50", "evaluation.final_images=50", "evaluation.num_real=50"),
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not os.environ.get("GANCTL_LONG_TESTS"), reason="half an hour; GANCTL_LONG_TESTS=1 runs it"),
]


def classes(folder: Path) -> Path:
    """Sixty colour pictures of 32x32, half of them reddish and half bluish, in a folder for each."""
    draw = numpy.random.default_rng(0)
    for name, tint in (("red", (200, 90, 60)), ("blue", (60, 90, 200))):
        (folder / name).mkdir(parents=True)
        for number in range(30):
            coarse = draw.integers(-60, 60, (4, 4, 3)) + numpy.array(tint)
            picture = Image.fromarray(coarse.clip(0, 255).astype(numpy.uint8)).resize(
                (32, 32), Image.Resampling.BICUBIC
            )
            picture.save(folder / name / f"{number}.png")
    return folder


def assert_finite_and_resumed(ganctl: Command, words: list[str]) -> None:
    every = f"output.checkpoint_every={STEPS // 2}"
    answer = ganctl("train", *WORDS, *words, f"training.steps={STEPS}", every, "hydra.run.dir=whole")
    assert answer.code == 0, answer.err
    records = [line for line in read_metrics(Path("whole/metrics.jsonl")) if line["kind"] == "losses"]
    assert [line["step"] for line in records] == list(range(1, STEPS + 1))
    numbers = [value for line in records for value in line.values() if isinstance(value, float)]
    assert numbers and all(math.isfinite(value) for value in numbers)
    shutil.copytree("whole", "half")
    for path in Path("half/checkpoints").glob("*.pt"):
        if path.name != f"step-{STEPS // 2:08}.pt":
            path.unlink()
    assert state_of(Path("half"))["step"] == STEPS // 2
    answer = ganctl("train", "--resume", "half")
    assert answer.code == 0, answer.err
    assert state_of(Path("half"))["step"] == STEPS
    assert_same(state_of(Path("whole")), state_of(Path("half")))


@pytest.mark.parametrize("model", PRESETS)
def test_on_grey_digits(model: str, ganctl: Command) -> None:
    assert_finite_and_resumed(ganctl, ["dataset=mnist5k", f"model={model}"])


@pytest.mark.parametrize("model", PRESETS)
def test_on_colour_pictures(model: str, ganctl: Command) -> None:
    folder = classes(Path("pictures"))
    data = ["dataset=image_folder", f"dataset.path={folder}", "dataset.resolution=32"]
    assert_finite_and_resumed(ganctl, [*data, f"model={model}"])


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("model", TRANSLATIONS)
def test_on_pictures_from_pictures(model: str, ganctl: Command) -> None:
    few = ["dataset.resolution=16", "evaluation.num_real=null"]
    rarely = ["output.sample_every=1000", "output.evaluate_every=null"]
    assert_finite_and_resumed(ganctl, [f"model={model}", *TRANSLATIONS[model], *SETTINGS, *few, *rarely])
