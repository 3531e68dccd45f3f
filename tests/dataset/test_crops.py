from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from ganctl.contract import ArgumentError
from ganctl.dataset.crops import Crops


def picture(path: Path, *, size: tuple[int, int] = (40, 30), first: int = 0) -> numpy.ndarray:
    """Saves a picture whose pixels say where they are: red the column, green the row, blue the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns, rows = numpy.meshgrid(numpy.arange(size[0]), numpy.arange(size[1]))
    pixels = numpy.stack([columns, rows, numpy.full_like(rows, first)], axis=2).astype(numpy.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def load(at: Path, **options: Any):
    return Crops(**{"path": str(at), "num_images": 300, "patch": 8, "resolution": 8, **options}).load()


def test_every_patch_is_a_part_of_the_picture_and_all_places_come(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "one.png")
    store = load(tmp_path / "one.png", num_images=5000)
    assert store.images.shape == (5000, 3, 8, 8) and store.spec.num_classes is None
    places = set()
    for image in store.images:
        left, top = int(image[0, 0, 0]), int(image[1, 0, 0])
        assert (image == pixels[top : top + 8, left : left + 8].transpose(2, 0, 1)).all()
        places.add((left, top))
    assert {left for left, _ in places} == set(range(33)) and {top for _, top in places} == set(range(23))


def test_the_seed_decides_and_a_changed_picture_is_read_anew(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    hashes = [load(tmp_path / "one.png", seed=seed).content_hash for seed in (0, 1, 0)]
    assert hashes[0] == hashes[2] != hashes[1]
    picture(tmp_path / "one.png", first=9)
    assert load(tmp_path / "one.png").images[:, 2].max() == 9


def test_several_pictures_share_the_patches_and_a_zip_gives_the_same(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "few" / f"{number}.png", first=number, size=(20 + number, 20))
    store = load(tmp_path / "few", num_images=20)
    assert numpy.bincount(store.images[:, 2, 0, 0]).tolist() == [6, 7, 7]
    archive = shutil.make_archive(str(tmp_path / "few"), "zip", tmp_path / "few")
    assert load(Path(archive), num_images=20).content_hash == store.content_hash


def test_a_file_is_read_alone_whatever_lies_beside_it(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    (tmp_path / "broken.png").touch()
    assert len(load(tmp_path / "one.png").images) == 300


def test_patches_are_scaled(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (10, 20, 30)).save(tmp_path / "plain.png")
    store = load(tmp_path / "plain.png", patch=20, resolution=16, channels=1)
    assert store.images.shape == (300, 1, 16, 16) and len(numpy.unique(store.images)) == 1


def test_a_photograph_is_there_without_a_path() -> None:
    store = Crops(num_images=50).load()
    assert store.images.shape == (50, 3, 64, 64) and store.images.std() > 20


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"patch": 31}, "patch=31: one.png has 40x30 pixels only; try patch=30"),
        ({"patch": 3}, "patch=3: is no whole number in [4, 16384]"),
        ({"num_images": 1}, "num_images=1: is no whole number in [2, 10000000]"),
        ({"resolution": 8.0}, "resolution=8.0: is no whole number in [4, 1024]"),
        ({"seed": -1}, "seed=-1: is no whole number"),
        ({"channels": 2}, "channels=2: is neither"),
        ({"path": "nowhere"}, "path=nowhere: does not exist"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, options: dict[str, Any], start: str) -> None:
    picture(tmp_path / "one.png")
    with pytest.raises(ArgumentError) as caught:
        load(tmp_path / "one.png", **options)
    assert str(caught.value).startswith(start) and "\n" not in str(caught.value)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_text("text")
    with pytest.raises(
        ArgumentError, match=r"^path=.*: one\.png is no image in any format known; repair or remove it$"
    ):
        load(tmp_path / "one.png")
