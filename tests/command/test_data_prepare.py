"""`ganctl data prepare`: one zip with the pixels that a training would see, there as a whole or not at all."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from ganctl.dataset.image_folder import ImageFolder
from tests.conftest import Command, Refusal


def picture(path: Path, seed: int, size: tuple[int, int] = (30, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = numpy.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), numpy.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(workplace: Path) -> Path:
    for number in range(7):
        picture(workplace / "photos" / ("cat", "dog")[number % 2] / f"{number}.jpg", number)
    return workplace / "photos"


def loaded(path: Path | str, **options: Any):
    return ImageFolder(path=str(path), **options).load()


@pytest.mark.parametrize(
    "options",
    [{"resolution": 16}, {"resolution": 40, "fit": "pad", "channels": 1}, {"fit": "stretch", "filter": "box"}],
)
def test_the_zip_gives_the_pixels_and_classes_of_the_folder(
    options: dict[str, Any], photos: Path, ganctl: Command
) -> None:
    words = [f"{key}={value}" for key, value in options.items()]
    answer = ganctl("data", "prepare", "photos", "packed.zip", *words)
    assert answer.code == 0 and "packed.zip (7 images, " in answer.out
    packed = loaded("packed.zip", **{key: options[key] for key in ("resolution", "channels") if key in options})
    whole = loaded(photos, **options)
    assert packed.content_hash == whole.content_hash and packed.class_names == ("cat", "dog")
    [line] = [line for line in answer.out.splitlines() if "ganctl train" in line]
    assert f"dataset.resolution={options.get('resolution', 64)}" in line
    assert ("dataset.channels=1" in line) == ("channels" in options)


def test_the_same_pictures_are_the_same_file(photos: Path, ganctl: Command) -> None:
    for name in ("a.zip", "b.zip"):
        ganctl("data", "prepare", "photos", name)
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()


def test_no_picture_takes_the_name_of_another_or_leads_out_of_the_zip(workplace: Path, ganctl: Command) -> None:
    for number, name in enumerate(("a.bmp", "a.png", "b.png", "a.bmp.png")):
        picture(workplace / "photos" / name, number)
    with zipfile.ZipFile("names.zip", "w") as archive:
        for name in ("a.bmp", "a.png", "b.png", "a.bmp.png"):
            archive.write(workplace / "photos" / name, {"b.png": "/b.png"}.get(name, name))
        archive.write(workplace / "photos" / "b.png", "../c.png")
    assert ganctl("data", "prepare", "names.zip", "packed.zip").code == 0
    with zipfile.ZipFile("packed.zip") as archive:
        names = archive.namelist()
    assert len(names) == len(set(names)) == 4 and "b.png" in names
    assert not any(name.startswith("/") or ".." in name.split("/") for name in names)


def test_a_broken_file_is_left_out_by_name_and_many_leave_nothing(
    photos: Path, ganctl: Command, refused: Refusal
) -> None:
    whole = loaded(photos, resolution=8)
    (photos / "cat" / "x.png").write_text("text")
    answer = ganctl("data", "prepare", "photos", "packed.zip", "resolution=8")
    assert answer.code == 0 and "1 of 8 files cannot be read and are left out: cat/x.png is no image" in answer.out
    assert loaded("packed.zip", resolution=8).content_hash == whole.content_hash
    line = refused("data", "prepare", "photos", "other.zip", "max_broken=0")
    assert line.startswith("photos: cat/x.png is no image in any format known; repair or remove")
