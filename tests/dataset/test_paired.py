"""Pairs of a source and an image, side by side or in two folders, and two folders of any."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from PIL import Image

from ganctl.contract import ArgumentError
from ganctl.dataset.paired import PairedFolder, UnpairedFolder


def side_by_side(folder: Path, count: int = 5) -> Path:
    """Pictures whose left half has the grey 10 i and whose right half has 10 i + 100."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = numpy.full((16, 32, 3), 10 * number, numpy.uint8)
        pixels[:, 16:] += 100
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def plain(folder: Path, names: list[str], add: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (10 * number + add,) * 3).save(folder / name)
    return folder


def paired(tmp_path: Path, **settings: object) -> PairedFolder:
    return PairedFolder(resolution=8, cache=str(tmp_path / "cache"), **settings)


def levels(pixels: numpy.ndarray) -> list[int]:
    assert numpy.abs(pixels.astype(int) - pixels[:, :1, :1, :1]).max() <= 1  # a JPEG has its own greys
    return pixels[:, 0, 0, 0].tolist()


def test_a_file_holds_both_side_by_side(tmp_path: Path) -> None:
    path = side_by_side(tmp_path / "pairs")
    for side, source, image in (("left", 0, 100), ("right", 100, 0)):
        data = paired(tmp_path, path=str(path), side=side)
        store = data.load()
        assert data.spec == store.spec and store.spec.source_shape == store.spec.image_shape == (3, 8, 8)
        assert store.paired and store.spec.num_classes is None
        assert levels(store.images) == [image + 10 * i for i in range(5)]
        assert levels(store.sources) == [source + 10 * i for i in range(5)]


def test_two_folders_are_matched_by_name_whatever_the_ending(tmp_path: Path) -> None:
    images = plain(tmp_path / "images", ["a.png", "b.png", "deep/c.png"], 100)
    sources = plain(tmp_path / "sources", ["a.jpg", "b.png", "deep/c.webp"])
    store = paired(tmp_path, path=str(images), sources=str(sources), source_channels=1).load()
    assert store.spec.source_shape == (1, 8, 8)
    assert levels(store.images) == [100, 110, 120]
    assert numpy.abs(numpy.array(levels(store.sources)) - [0, 10, 20]).max() <= 1


def test_a_name_without_a_partner_is_refused(tmp_path: Path) -> None:
    images = plain(tmp_path / "images", ["a.png", "b.png"])
    sources = plain(tmp_path / "sources", ["a.png", "b.png", "c.png"])
    with pytest.raises(ArgumentError, match=r"^path=.*: has no partner of c of sources; rename or remove"):
        _ = paired(tmp_path, path=str(images), sources=str(sources)).spec
    with pytest.raises(ArgumentError, match=r"^sources=.*: has no partner of c of path; "):
        _ = paired(tmp_path, path=str(sources), sources=str(images)).spec


def test_what_cannot_be_read_is_left_out_with_its_partner(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(5)]
    images, sources = plain(tmp_path / "images", names, 100), plain(tmp_path / "sources", names)
    (images / "1.png").write_bytes(b"no image")
    (sources / "3.png").write_bytes(b"no image")
    store = paired(tmp_path, path=str(images), sources=str(sources), max_broken=0.5).load()
    assert levels(store.images) == [100, 120, 140] and levels(store.sources) == [0, 20, 40]
    assert len(store.left_out) == 2


def test_pairs_kept_from_training_are_a_split(tmp_path: Path) -> None:
    train, test = side_by_side(tmp_path / "train"), side_by_side(tmp_path / "test", 2)
    settings = {"path": str(train), "test_path": str(test)}
    data = paired(tmp_path, **settings)
    assert data.has_test and len(data.load().images) == 5
    judged = paired(tmp_path, **settings, split="test").load()
    assert len(judged.images) == 2 and judged.split == "test"
    alone = paired(tmp_path, path=str(train))
    assert not alone.has_test
    with pytest.raises(ArgumentError, match=r"^split=test: there is no dataset.test_path"):
        paired(tmp_path, path=str(train), split="test")


def test_any_two_folders_belong_together_as_wholes(tmp_path: Path) -> None:
    images, sources = plain(tmp_path / "a", ["x.png", "y.png"], 100), plain(tmp_path / "b", ["1.png", "2.png", "3.png"])
    data = UnpairedFolder(path=str(images), sources=str(sources), resolution=8, cache=str(tmp_path / "cache"))
    store = data.load()
    assert not store.paired and len(store.images) == 2 and len(store.sources) == 3
    with pytest.raises(ArgumentError, match=r"^sources=.*nowhere: does not exist"):
        UnpairedFolder(path=str(images), sources=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(("settings", "argument"), [({"side": "top"}, "side"), ({"split": "odd"}, "split")])
def test_other_values_are_refused(tmp_path: Path, settings: dict[str, str], argument: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        paired(tmp_path, path=str(side_by_side(tmp_path / "pairs")), **settings)
    assert refused.value.argument == argument
