from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy
import pytest
import torch

from ganctl.contract import ImageStore
from ganctl.evaluation.real import real_features, real_images

from .conftest import Corners, make_store


def test_statistics_are_those_of_the_images_in_the_networks_range(store: ImageStore, extractor: Corners):
    found = real_features(store, extractor, batch_size=7)
    images = torch.from_numpy(store.images).double() / 127.5 - 1
    assert found.features.count == 40
    assert found.features.mean[0] == pytest.approx(float(images[:, 0, ::2, ::2].mean()), rel=1e-6)
    assert (found.weights_hash, found.data_hash, found.split) == (extractor.weights_hash, store.content_hash, "train")


def test_second_time_comes_from_the_cache_and_is_the_same(store: ImageStore, extractor: Corners, tmp_path: Path):
    first = real_features(store, extractor, cache=tmp_path / "new" / "cache")
    assert extractor.seen == 40
    second = real_features(store, extractor, cache=tmp_path / "new" / "cache")
    assert extractor.seen == 40
    assert torch.equal(first.features.mean, second.features.mean)
    assert torch.equal(first.features.covariance, second.features.covariance)
    assert (second.features.count, second.features.extractor) == (40, "corners")
    assert [path.suffix for path in (tmp_path / "new" / "cache").iterdir()] == [".safetensors"]


def test_cache_keeps_the_features_of_few_images(store: ImageStore, extractor: Corners, tmp_path: Path):
    first = real_features(store, extractor, num_images=3, cache=tmp_path).features.features
    second = real_features(store, extractor, num_images=3, cache=tmp_path).features.features
    assert extractor.seen == 3
    assert first is not None and second is not None and torch.equal(first, second)


@pytest.mark.parametrize("change", ["pixels", "split", "count", "weights"])
def test_anything_that_changes_the_features_misses_the_cache(
    change: str, store: ImageStore, extractor: Corners, tmp_path: Path
):
    real_features(store, extractor, cache=tmp_path)
    if change == "pixels":
        store = make_store(seed=1)
    if change == "split":
        store = make_store(split="test")
    if change == "weights":
        extractor.weights_hash = "1" * 64
    count = 39 if change == "count" else None
    found = real_features(store, extractor, num_images=count, cache=tmp_path)
    assert extractor.seen == 40 + (count or 40)
    assert found.weights_hash == extractor.weights_hash
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"text", None])
def test_a_damaged_cache_file_is_made_anew(damage: bytes | None, store: ImageStore, extractor: Corners, tmp_path: Path):
    first = real_features(store, extractor, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    again = real_features(store, extractor, cache=tmp_path)
    assert extractor.seen == 80
    assert torch.equal(first.features.covariance, again.features.covariance)
    real_features(store, extractor, cache=tmp_path)
    assert extractor.seen == 80


def test_a_cache_file_of_other_images_under_this_name_is_not_believed(
    store: ImageStore, extractor: Corners, tmp_path: Path
):
    real_features(store, extractor, cache=tmp_path / "a")
    real_features(make_store(seed=1), extractor, cache=tmp_path / "b")
    ((ours,), (theirs,)) = ((tmp_path / folder).iterdir() for folder in "ab")
    ours.write_bytes(theirs.read_bytes())
    real_features(store, extractor, cache=tmp_path / "a")
    assert extractor.seen == 120


def fill_cache(folder: Path) -> None:
    real_features(make_store(), Corners(), cache=folder)


def test_two_processes_may_fill_the_cache_at_once(store: ImageStore, extractor: Corners, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fill_cache, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 1
    real_features(store, extractor, cache=tmp_path)
    assert extractor.seen == 0


def test_an_interruption_leaves_no_file_behind(store: ImageStore, extractor: Corners, tmp_path: Path):
    def interrupt(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        real_features(store, extractor, batch_size=10, cache=tmp_path, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_part_of_the_images_is_drawn_at_random_and_always_the_same():
    store = make_store(count=100)
    store.images[:] = numpy.arange(100, dtype=numpy.uint8)[:, None, None, None]
    images = real_images(store, 20)
    numbers = ((images(0, 20)[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert len(set(numbers)) == 20 and numbers == sorted(numbers)
    assert numbers[0] > 0 or numbers[-1] > 19  # not simply the first
    assert ((images(5, 3)[:, 0, 0, 0] + 1) * 127.5).round().int().tolist() == numbers[5:8]
    assert numbers == sorted(numpy.random.RandomState(0).permutation(100)[:20].tolist())


@pytest.mark.parametrize("count", [1, 41])
def test_more_images_than_there_are_or_fewer_than_two_are_refused(count: int, store: ImageStore, extractor: Corners):
    with pytest.raises(ValueError, match=rf"^num_real={count}: tiny has 40 images; choose from 2 to 40"):
        real_features(store, extractor, num_images=count)


def test_images_that_the_extractor_cannot_judge_are_refused(extractor: Corners):
    with pytest.raises(ValueError, match="grey images only"):
        real_features(make_store(channels=3), extractor)
