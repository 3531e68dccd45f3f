from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from ganctl.contract import Dataset, DataSpec, ImageStore
from ganctl.dataset.mnist5k import Mnist5k

HASH = "d3d0083f1c091e7c9d76974f9d3fbb92b521258ccebc03de8bbd6c3c226e8239"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    cache = tmp_path_factory.mktemp("digits")
    Mnist5k(cache=str(cache)).load()
    return Mnist5k(cache=str(cache)).load()


def test_there_are_five_hundred_digits_of_each_class(digits: ImageStore) -> None:
    assert digits.images.shape == (5000, 1, 28, 28) and digits.images.dtype == numpy.uint8
    assert numpy.bincount(digits.labels).tolist() == [500] * 10
    assert digits.class_names == tuple("0123456789")


def test_the_pixels_are_those_it_has_always_had(digits: ImageStore) -> None:
    assert digits.content_hash == HASH


def test_a_one_is_narrow_and_a_zero_is_hollow(digits: ImageStore) -> None:
    means = numpy.stack([digits.images[digits.labels == digit, 0].mean(0) for digit in (0, 1)])
    assert means[0, 14, 14] < 20 and means[1, 14, 14] > 200
    assert digits.images.min() == 0 and digits.images.max() == 255
    assert digits.images[:, 0, 0, 0].max() == 0, "digits are bright on black"


def test_its_facts_are_known_before_it_is_read(tmp_path: Path) -> None:
    dataset = Mnist5k(cache=str(tmp_path / "never"))
    assert isinstance(dataset, Dataset)
    assert dataset.spec == DataSpec("mnist5k", (1, 28, 28), 10)
    assert not (tmp_path / "never").exists()
