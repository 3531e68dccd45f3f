"""`ganctl fid` of images with classes: whose numbers count, and judges that learn them first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
import pytest

from tests.command.conftest import Fid
from tests.command.pictures import AS_DIGITS, digits, folder_of, noise
from tests.conftest import Refusal
from tests.settings import torch_untouched


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


def classes_of(images: numpy.ndarray, kept: Iterable[int], folder: Path, start: int = 0) -> Path:
    """Folders of the classes `kept` of what `digits(count, start)` gives, with the digit as their name."""
    labels = (numpy.arange(len(images)) * 200 + start) // 500
    for label in kept:
        folder_of(images[labels == label], folder / str(label))
    return folder


def test_classes_are_matched_by_name(fid: Fid, tmp_path: Path) -> None:
    a = classes_of(digits(25, 7), (3, 5), tmp_path / "a", start=7)
    b = classes_of(digits(25), range(10), tmp_path / "b")
    scores = fid(a, b, *AS_DIGITS, "metric=[class_accuracy]")["scores"]
    assert scores["class_accuracy_digits"] > 0.7  # 0 where 3 and 5 were the first two classes
    (a / "5").rename(a / "five")
    left_out = fid(a, b, *AS_DIGITS, "metric=[frechet,class_accuracy]")["left_out"]
    assert left_out == {"class_accuracy": "generated images have no labels"}


def test_a_classifier_learns_from_the_reference_and_judges_what_has_no_labels(
    fid: Fid, pair: tuple[Path, Path], tmp_path: Path, refused: Refusal
) -> None:
    b = tmp_path / "b-of-two"
    for seed, name in enumerate(("one", "two")):
        folder_of(noise(20, seed=seed), b / name)
    small = ("width=4", "epochs=1", "min_steps=2", "batch_size=8", "held_out=0.2")
    words = ("feature=classifier", *(f"feature.{word}" for word in small), "device=cpu", "device.threads=1")
    found = fid(pair[1], b, *words)
    assert found["protocol"]["extractor"] == "classifier" and found["protocol"]["num_generated"] == 25
    assert any(key.startswith("extractor.") for key in found["protocol"])
    assert fid(pair[1], b, *words)["scores"] == found["scores"]
    assert refused("fid", str(b), str(pair[1]), *words).startswith("feature=classifier: learns from classes, and ")
    other = folder_of(noise(side=32), tmp_path / "other")
    line = refused("fid", str(other), str(b), *words)
    assert line.startswith("feature=classifier: learns from B's images ") and line.endswith("try resolution=28")


def test_classes_of_folders_and_conditional_samples_are_known(trained: Path, fid: Fid, tmp_path: Path) -> None:
    classes_of(digits(25), range(10), tmp_path / "b")
    found = fid(trained, tmp_path / "b", *AS_DIGITS, "num_images=20", "metric=[class_accuracy]")
    assert found["scores"]["real_class_accuracy_digits"] > 0.9 and "class_accuracy_digits" in found["scores"]
