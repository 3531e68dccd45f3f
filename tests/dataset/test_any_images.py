from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from ganctl.dataset.any_images import AnyImages
from ganctl.dataset.image_folder import ImageFolder


def save(folder: Path, name: str, size: tuple[int, int] = (9, 7), mode: str = "RGB", seed: int = 0) -> numpy.ndarray:
    """Saves random pixels; returns them as (C, H, W)."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = numpy.random.default_rng(seed).integers(0, 256, shape, numpy.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return pixels.transpose(2, 0, 1) if mode == "RGB" else pixels[None]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:
        AnyImages(path=str(path), **options).load()
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_images_keep_their_size_and_every_pixel(photos: Path) -> None:
    expected = [save(photos, name, seed=number) for number, name in enumerate(("a.png", "b.bmp", "c/d.png"))]
    store = AnyImages(path=str(photos)).load()
    assert store.spec.image_shape == (3, 7, 9) and store.spec.num_classes is None
    assert (store.images == numpy.stack(expected)).all()


def test_a_zip_and_a_folder_in_it_hold_the_same(photos: Path, tmp_path: Path) -> None:
    for number in range(3):
        save(photos, f"{number}.png", seed=number)
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "photos")
    stores = [AnyImages(path=str(path)).load() for path in (photos, tmp_path / "all.zip", tmp_path / "all.zip/photos")]
    assert len({store.content_hash for store in stores}) == 1


def test_grey_files_give_one_channel(photos: Path) -> None:
    expected = [save(photos, f"{number}.png", mode="L", seed=number) for number in range(2)]
    store = AnyImages(path=str(photos)).load()
    assert store.spec.image_shape == (1, 7, 9) and (store.images == numpy.stack(expected)).all()


@pytest.mark.parametrize("names", [("a.png", "b.png"), ("b.png", "a.png")])
def test_one_file_in_colour_makes_all_three_channels(names: tuple[str, str], photos: Path, cache: Path) -> None:
    grey, colour = save(photos, names[0], mode="L"), save(photos, names[1], seed=1)
    store = AnyImages(path=str(photos)).load()
    expected = dict(zip(names, (numpy.repeat(grey, 3, 0), colour), strict=True))
    assert (store.images == numpy.stack([expected[name] for name in sorted(names)])).all()
    assert len(list((cache / "datasets").iterdir())) == 1  # what was begun in grey is gone


def test_two_sizes_are_refused_by_name_with_the_cure(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png", size=(12, 8))
    said = refusal(photos)
    assert said == "a.png has 9x7 pixels and b.png 12x8; bring all to one size with resolution=7"
    assert refusal(photos).endswith("resolution=7")  # nothing half-done is taken for the whole
    assert AnyImages(path=str(photos), resolution=7).load().images.shape == (2, 3, 7, 7)


def test_with_a_resolution_the_pixels_are_those_of_an_image_folder(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png", size=(12, 8), seed=1)
    options: dict[str, Any] = {"resolution": 6, "fit": "pad", "filter": "bicubic"}
    ours = AnyImages(path=str(photos), **options).load()
    assert (ours.images == ImageFolder(path=str(photos), **options).load().images).all()


def test_too_few_images_are_refused(photos: Path) -> None:
    photos.mkdir()
    assert refusal(photos).startswith("holds no file that ends in .jpg, ")
    save(photos, "a.png")
    assert refusal(photos) == "holds one image only; statistics need at least 2 images"


@pytest.mark.parametrize("name", ["a.png", "c.png"])
def test_text_that_is_called_an_image_is_refused_by_name(name: str, photos: Path) -> None:
    save(photos, "b.png")
    (photos / name).write_text("no image")
    assert refusal(photos) == f"{name} is no image in any format known; repair or remove what cannot be read"


def test_damaged_and_huge_images_are_refused(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png")
    content = (photos / "b.png").read_bytes()
    (photos / "b.png").write_bytes(content[: len(content) // 2])
    assert refusal(photos).startswith("b.png cannot be decoded (")
    Image.new("1", (16000, 16000)).save(photos / "b.png")
    assert refusal(photos).startswith("b.png has more than 89,478,485 pixels")


def test_a_second_look_reads_no_image_but_the_first(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganctl.dataset import decode

    for number in range(4):
        save(photos, f"{number}.png", seed=number)
    first = AnyImages(path=str(photos)).load()
    counted: list[bytes] = []
    real = decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda content, **options: (counted.append(content), real(content, **options))[1]
    )
    assert AnyImages(path=str(photos)).load().content_hash == first.content_hash and len(counted) == 1
