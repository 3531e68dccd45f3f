"""`ganctl sample per_class=N`: training data in class folders, whole or not there, with names any file system takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from ganctl import checkpoint
from ganctl.dataset.image_folder import ImageFolder as OurImageFolder
from ganctl.job.class_folders import folder_names
from tests.conftest import Command, Refusal


@pytest.fixture
def named(trained: Path, tmp_path: Path) -> Callable[..., str]:
    """A copy of the conditional run's checkpoint whose classes have other names."""

    def call(*names: str) -> str:
        content = checkpoint.load(trained / "checkpoints" / "best.pt")
        content["class_names"] = list(names)
        checkpoint.save(tmp_path / "named.pt", content)
        return str(tmp_path / "named.pt")

    return call


def test_torchvision_and_ganctl_read_as_many_pictures_of_each_class(trained: Path, ganctl: Command) -> None:
    answer = ganctl("sample", str(trained), "device=cpu", "per_class=3", "seed=5", "output=drawn")
    assert answer.code == 0 and "3 pictures of each of 10 classes" in answer.out, answer
    theirs = ImageFolder("drawn")
    assert theirs.classes == [str(number) for number in range(10)]
    assert [label for _, label in theirs.samples] == [number for number in range(10) for _ in range(3)]
    assert sorted(path.name for path in Path("drawn/7").iterdir()) == ["00001.png", "00002.png", "00003.png"]
    store = OurImageFolder(path="drawn", resolution=28, channels=1).load()
    assert store.class_names == tuple(theirs.classes) and numpy.bincount(store.labels).tolist() == [3] * 10
    assert json.loads(Path("drawn/sample.json").read_text())["folders"]["7"] == "7"


def test_the_pictures_are_those_of_the_seed_and_none_comes_twice(trained: Path, ganctl: Command) -> None:
    words = ("sample", str(trained), "device=cpu", "seed=5")
    assert ganctl(*words, "per_class=2", "classes=[3,7]", "output=folders").code == 0
    assert ganctl(*words, "num_images=4", "npz=true", "classes=7", "grid=false", "output=array").code == 0
    assert sorted(path.name for path in Path("folders").iterdir()) == ["3", "7", "sample.json"]
    seven = [numpy.asarray(Image.open(path)) for path in sorted(Path("folders/7").iterdir())]
    with numpy.load("array/images.npz", allow_pickle=False) as archive:
        numbers_2_and_3 = archive["images"][2:, :, :, 0]
    assert numpy.abs(numpy.stack(seven).astype(int) - numbers_2_and_3).max() <= 1
    assert (seven[0] != seven[1]).any()


def test_an_unconditional_run_and_other_outputs_beside_it_are_refused(
    trained: Path, unconditional: Path, refused: Refusal
) -> None:
    line = refused("sample", str(unconditional), "device=cpu", "per_class=2", "output=drawn")
    assert line.startswith("per_class=2: ") and line.endswith("train with conditional=true")
    line = refused("sample", str(trained), "per_class=2", "npz=true")
    assert line == "per_class=2: writes class folders alone; leave out npz=True"


def test_a_folder_that_is_there_is_left_as_it_is(trained: Path, refused: Refusal, workplace: Path) -> None:
    (workplace / "drawn" / "3").mkdir(parents=True)
    line = refused("sample", str(trained), "device=cpu", "per_class=2", "output=drawn")
    assert line.startswith("output=drawn: is there already and not empty")


def test_a_generator_that_has_diverged_leaves_nothing(trained: Path, refused: Refusal, workplace: Path) -> None:
    content = checkpoint.load(trained / "checkpoints" / "best.pt")
    content["state"]["averages"]["generator"]["project.weight"].fill_(float("nan"))
    checkpoint.save(workplace / "diverged.pt", content)
    line = refused("sample", "diverged.pt", "device=cpu", "per_class=2", "output=drawn")
    assert line.startswith("diverged.pt: has NaN or infinite pixels")


def test_names_of_classes_never_leave_the_folder(named: Callable[..., str], ganctl: Command, workplace: Path) -> None:
    run = named("../up", "a/b", "C:\\x", "tench, Tinca", "T-shirt", "f", "g", "h", "i", "ankle boot")
    assert ganctl("sample", run, "device=cpu", "per_class=1", "output=drawn").code == 0
    found = {path.name for path in Path("drawn").iterdir()}
    assert found == {"_up", "a_b", "C__x", "tench_ Tinca", "T-shirt", "f", "g", "h", "i", "ankle boot", "sample.json"}
    assert {path.name for path in workplace.iterdir()} == {"drawn"}
    shutil.rmtree("drawn")


@pytest.mark.parametrize("names", [["cat", "Cat"], ["a/b", "a:b"], ["con", "b"], ["..", "b"], ["", "b"]])
def test_names_that_would_meet_or_are_none_get_their_numbers(names: list[str]) -> None:
    first, second = folder_names(names)
    assert first.startswith("000-") and second.startswith("001-")
