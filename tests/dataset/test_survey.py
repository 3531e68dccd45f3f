from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy
import pytest
from PIL import Image

from ganctl.contract import ArgumentError
from ganctl.dataset.image_folder import EXTENSIONS
from ganctl.dataset.survey import Survey, survey


def surveyed(path: Path) -> Survey:
    return survey(str(path), EXTENSIONS)


def noise(mode: str = "RGB", size: tuple[int, int] = (12, 12), seed: int = 0) -> Image.Image:
    pixels = numpy.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), numpy.uint8)
    return Image.fromarray(pixels).convert(mode)


def test_every_kind_of_image_is_recognised(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "colour.jpg")
    noise("L", seed=1).save(tmp_path / "grey.png")
    noise("RGBA", seed=2).save(tmp_path / "transparent.png")
    noise("CMYK", seed=3).save(tmp_path / "print.jpg")
    noise("P", seed=4).save(tmp_path / "palette.png")
    Image.fromarray(numpy.arange(144, dtype=numpy.uint16).reshape(12, 12) * 400).save(tmp_path / "deep.png")
    noise(seed=5).save(tmp_path / "moving.gif", save_all=True, append_images=[noise(seed=6)])
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(size=(20, 10), seed=7).save(tmp_path / "turned.jpg", exif=exif)
    found = surveyed(tmp_path)
    traits = {name: look.traits for name, look in found.looks.items()}
    assert traits == {
        "colour.jpg": (),
        "deep.png": ("16 bit",),
        "grey.png": (),
        "moving.gif": ("animated", "palette"),
        "palette.png": ("palette",),
        "print.jpg": ("CMYK",),
        "transparent.png": ("transparent",),
        "turned.jpg": ("turned by EXIF",),
    }
    assert (found.looks["turned.jpg"].width, found.looks["turned.jpg"].height) == (10, 20)
    assert found.kinds["grey"] == 2 and found.kinds["colour"] == 6
    assert found.formats == {"PNG": 4, "JPEG": 3, "GIF": 1}
    assert found.shapes == {"square": 7, "tall": 1} and found.sizes[0] == (12, 12) and found.sizes[-1] == (10, 20)


def test_what_is_no_image_is_sorted_by_why(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    noise().save(folder / "a.png")
    (folder / "b.png").write_text("text")
    (folder / "notes.txt").touch()
    (folder / ".hidden.png").touch()
    (tmp_path / "c.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "c.png").symlink_to(tmp_path / "c.png")
    found = surveyed(folder)
    assert list(found.looks) == ["a.png", "c.png"] and found.linked == 1
    assert found.broken == {"b.png": "is no image in any format known"} and found.other == ["notes.txt"]
    assert found.duplicates == [["a.png", "c.png"]] and found.num_different == 1 and found.near_duplicates == []


def test_a_zips_names_that_lead_out_of_it_are_told_apart(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
        archive.write(tmp_path / "a.png", "../out.png")
        archive.writestr("readme.md", "")
    found = surveyed(tmp_path / "x.zip")
    assert (list(found.looks), found.outside, found.other) == (["a.png"], ["../out.png"], ["readme.md"])


def test_classes_are_counted(tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / ("cat" if number else "dog") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        noise(seed=number).save(path)
    assert surveyed(tmp_path).classes == {"cat": 3, "dog": 1}


def test_names_of_any_bytes_are_told_in_text(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    [name] = surveyed(tmp_path).looks
    assert name.encode() and name.endswith(".png")


def test_what_is_no_folder_or_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("no zip")
    for name in ("x.zip", "nowhere"):
        with pytest.raises(ArgumentError):
            surveyed(tmp_path / name)
