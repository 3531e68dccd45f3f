from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from ganctl.contract import ArgumentError, Dataset, DataSpec, ImageStore
from ganctl.dataset.mnist5k import Mnist5k
from ganctl.dataset.stacked_mnist import StackedMnist, triples_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("stacked"))


@pytest.fixture(scope="module")
def digits(cache: str) -> ImageStore:
    return Mnist5k(cache=cache).load()


def load(cache: str, **options: object) -> ImageStore:
    return StackedMnist(**{"num_images": 3000, "cache": cache, **options}).load()


def test_each_image_is_three_digits_and_its_class_their_number(cache: str, digits: ImageStore) -> None:
    store = load(cache)
    assert store.images.shape == (3000, 3, 28, 28) and store.images.dtype == numpy.uint8
    number = {digit.tobytes(): int(label) for digit, label in zip(digits.images, digits.labels, strict=True)}
    for image, label in zip(store.images[::10], store.labels[::10], strict=True):
        red, green, blue = (number[channel.tobytes()] for channel in image)
        assert label == 100 * red + 10 * green + blue
        assert store.class_names[label] == f"{red}{green}{blue}"


def test_every_digit_and_every_class_comes_as_often_as_by_chance(cache: str) -> None:
    labels = load(cache).labels
    assert len(set(labels.tolist())) > 900, "of 3,000 even draws about 950 of 1,000 classes come"
    for digit in (labels // 100, labels // 10 % 10, labels % 10):
        assert 200 < numpy.bincount(digit, minlength=10).min() <= numpy.bincount(digit).max() < 400


def test_the_seed_decides_and_the_first_images_do_not_depend_on_their_number(cache: str) -> None:
    hashes = [load(cache, seed=seed).content_hash for seed in (0, 1, 0)]
    assert hashes[0] == hashes[2] != hashes[1]
    assert (load(cache, num_images=100).images == load(cache).images[:100]).all()


def test_the_triples_are_those_they_have_always_been() -> None:
    assert triples_of(0, 128_000, 5000)[[0, 1, -1]].tolist() == [
        [678, 70, 4688],
        [1288, 1932, 2357],
        [4545, 1027, 3015],
    ]


def test_at_32_pixels_the_same_images_have_a_black_edge(cache: str) -> None:
    small, large = load(cache, num_images=50), load(cache, num_images=50, resolution=32)
    assert large.spec.image_shape == (3, 32, 32)
    assert (large.images[:, :, 2:30, 2:30] == small.images).all()
    assert int(large.images.sum()) == int(small.images.sum()), "the edge is black"


def test_its_facts_are_known_before_it_is_read(tmp_path: Path) -> None:
    dataset = StackedMnist(cache=str(tmp_path / "never"))
    assert isinstance(dataset, Dataset)
    assert dataset.spec == DataSpec("stacked_mnist5k", (3, 28, 28), 1000)
    assert StackedMnist(source="mnist", root=str(tmp_path)).spec.name == "stacked_mnist"
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "emnist"}, "source=emnist: is none of mnist5k, mnist, fashion_mnist, kmnist; try source=mnist5k"),
        ({"resolution": 64}, "resolution=64: is neither 28 nor 32 "),
        ({"num_images": 1}, "num_images=1: is no whole number in "),
        ({"seed": -1}, "seed=-1: is no whole number in "),
        ({"split": "test"}, "split=test: mnist5k has one part; "),
        ({"source": "mnist", "split": "tset"}, "split=tset: is neither train nor test"),
    ],
)
def test_what_it_cannot_have_is_refused_in_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        StackedMnist(**options)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_digits_that_are_not_there_are_said_to_be_the_roots(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^root=.*train-images-idx3-ubyte.gz is not there, and downloads are off"):
        StackedMnist(source="mnist", root=str(tmp_path), download=False, cache=str(tmp_path)).load()
