from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from ganctl.contract import Dataset
from ganctl.dataset import image_folder
from ganctl.dataset.image_folder import ImageFolder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Three cats of brightness 0, 1, 2 and two dogs of 100, 101."""
    for name, values in (("cat", (0, 1, 2)), ("dog", (100, 101))):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for value in values:
            Image.new("RGB", (12, 10), (value, value, value)).save(tmp_path / "pets" / name / f"{value:03}.png")
    return tmp_path / "pets"


AS_THEY_ARE: dict[str, Any] = {"resolution": None, "channels": None}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def save(folder: Path, name: str, size: tuple[int, int] = (9, 7), mode: str = "RGB", seed: int = 0) -> numpy.ndarray:
    """Saves random pixels; returns them as (C, H, W)."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = numpy.random.default_rng(seed).integers(0, 256, shape, numpy.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return pixels.transpose(2, 0, 1) if mode == "RGB" else pixels[None]


def as_they_are(path: Path, **options: Any):
    return ImageFolder(path=str(path), **{**AS_THEY_ARE, **options}).load()


def load(path: Path, **options: Any):
    return ImageFolder(path=str(path), resolution=8, **options).load()


def refusal(path: object, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:
        defaults = {"path": path if path is None else str(path), "resolution": 8, "max_broken": 0}
        ImageFolder(**{**defaults, **options}).load()
    text = str(caught.value)
    assert text.startswith("path=") and "\n" not in text
    return text


def test_folders_become_classes(pets: Path) -> None:
    store = load(pets)
    assert store.images.shape == (5, 3, 8, 8) and store.images[:, 0, 0, 0].tolist() == [0, 1, 2, 100, 101]
    assert store.labels.tolist() == [0, 0, 0, 1, 1] and store.class_names == ("cat", "dog")
    assert store.spec.num_classes == 2 and store.spec.name == "pets" and store.spec.image_shape == (3, 8, 8)


def test_a_flat_folder_is_unlabelled_and_grey_on_demand(pets: Path) -> None:
    store = load(pets / "cat", channels=1)
    assert store.images.shape == (3, 1, 8, 8) and store.spec.num_classes is None
    assert store.labels.tolist() == [0, 0, 0] and store.class_names == ()


def test_a_zip_gives_the_same_pixels_and_is_not_unpacked(pets: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "pets"), "zip", tmp_path, "pets")
    before = sorted(tmp_path.rglob("*.png"))
    zipped = load(tmp_path / "pets.zip")
    assert zipped.content_hash == load(pets).content_hash and zipped.class_names == ("cat", "dog")
    assert load(tmp_path / "pets.zip" / "pets" / "dog").images[:, 0, 0, 0].tolist() == [100, 101]
    assert sorted(tmp_path.rglob("*.png")) == before


def test_the_facts_are_known_without_opening_an_image(pets: Path, cache: Path) -> None:
    (pets / "cat" / "000.png").write_text("not an image")
    dataset = ImageFolder(path=str(pets), resolution=16, channels=1)
    assert isinstance(dataset, Dataset)
    assert dataset.spec.image_shape == (1, 16, 16) and dataset.spec.num_classes == 2
    assert not cache.exists()


def test_images_are_decoded_once_until_something_changes(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganctl.dataset import decode

    def opened() -> int:
        counted.clear()
        load(pets)
        return len(counted)

    counted: list[bytes] = []
    real = decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda content, **options: counted.append(content) or real(content, **options)
    )
    assert [opened(), opened()] == [5, 0]
    Image.new("RGB", (12, 10), (7, 7, 7)).save(pets / "cat" / "000.png")
    os.utime(pets / "cat" / "000.png", (1e9, 1e9))
    assert [opened(), opened()] == [5, 0]
    (pets / "dog" / "100.png").rename(pets / "dog" / "099.png")
    assert [opened(), opened()] == [5, 0]
    (pets / "dog" / "101.png").unlink()
    assert [opened(), opened()] == [4, 0]


def test_options_make_entries_of_their_own(pets: Path) -> None:
    Image.fromarray(numpy.random.RandomState(0).randint(0, 256, (10, 30, 3)).astype(numpy.uint8)).save(
        pets / "cat/000.png"
    )
    options = [
        {},
        {"fit": "pad"},
        {"fit": "stretch"},
        {"filter": "box"},
        {"channels": 1},
        {"extensions": ["PNG", ".x"]},
    ]
    hashes = [load(pets, **option).content_hash for option in options]
    assert len(set(hashes[:5])) == 5 and hashes[5] == hashes[0]


def test_files_alike_in_name_size_and_time_elsewhere_are_told_apart(tmp_path: Path) -> None:
    for above, value in (("one", 3), ("two", 4)):
        folder = tmp_path / above / "dots"
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8), (value, value, value)).save(folder / "same.bmp")
        os.utime(folder / "same.bmp", (1e9, 1e9))
    assert [load(tmp_path / above / "dots").images.max() for above in ("one", "two")] == [3, 4]


def test_many_images_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for value in range(100):
        Image.new("L", (600, 600), value).save(tmp_path / f"{value:03}.png")
    store = ImageFolder(path=str(tmp_path), resolution=600, channels=3).load()
    assert store.images[:, 0, 0, 0].tolist() == list(range(100))


def test_progress_counts_images(pets: Path) -> None:
    told: list[tuple[str, int, int]] = []
    ImageFolder(path=str(pets), resolution=8).load(lambda *what: told.append(what))
    assert told == [("packing pets", 5, 5)]


def test_a_bad_image_is_named_and_nothing_is_packed(pets: Path, cache: Path) -> None:
    (pets / "cat" / "001.png").write_text("I am a text")
    assert "cat/001.png is no image in any format known; repair or remove" in refusal(pets)
    assert list((cache / "datasets").iterdir()) == []
    (pets / "cat" / "001.png").unlink()
    assert len(load(pets).images) == 4


def test_several_bad_images_are_counted_at_once(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.png").write_text("text")
    assert "0.png is no image in any format known; 1.png" in refusal(tmp_path) and "; and 4 more;" in refusal(tmp_path)


def test_the_search_for_bad_images_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_folder, "CHUNK_BYTES", 0)
    for number in range(60):
        (tmp_path / f"{number:02}.png").write_text("text")
    assert "02.png is no image in any format known; and others;" in refusal(tmp_path)


def test_bad_entries_of_a_zip_are_named(pets: Path, tmp_path: Path) -> None:
    content = (pets / "cat" / "000.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("one.png", content)
        archive.writestr("two.png", content)
    raw = bytearray((tmp_path / "bad.zip").read_bytes())
    raw[raw.index(content) + 40] ^= 255
    (tmp_path / "bad.zip").write_bytes(raw)
    assert "one.png Bad CRC-32" in refusal(tmp_path / "bad.zip")


def test_a_damaged_or_encrypted_zip_is_refused(pets: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(pets / "cat" / "000.png", "one.png")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    central = raw.index(b"PK\x01\x02")
    encrypted = bytearray(raw)
    encrypted[6] |= 1
    encrypted[central + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(encrypted)
    assert "one.png File 'one.png' is encrypted" in refusal(tmp_path / "encrypted.zip")
    stream = bytearray(raw)
    stream[30 + len("one.png")] = 0xFF
    (tmp_path / "stream.zip").write_bytes(stream)
    assert "one.png Error -3 while decompressing" in refusal(tmp_path / "stream.zip")
    raw[central : central + 4] = b"XXXX"
    (tmp_path / "directory.zip").write_bytes(raw)
    assert "directory.zip: cannot be read (" in refusal(tmp_path / "directory.zip")


def test_a_file_that_goes_away_meanwhile_is_named(pets: Path) -> None:
    dataset = ImageFolder(path=str(pets), resolution=8, max_broken=0)
    assert dataset.spec
    (pets / "dog" / "100.png").unlink()
    with pytest.raises(ValueError, match=r"dog/100\.png No such file or directory"):
        dataset.load()


def test_empty_and_missing_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    assert "holds no file that ends in .jpg" in refusal(tmp_path / "empty")
    assert "does not exist" in refusal(tmp_path / "nowhere")
    assert "is no zip file" in refusal(tmp_path / "empty" / "notes.txt")
    (tmp_path / "empty" / "link.png").symlink_to(tmp_path / "nowhere")
    assert f"No such file or directory: {tmp_path}/empty/link.png" in refusal(tmp_path / "empty")


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"path": None}, "path=null: "),
        ({"path": ""}, "path=: "),
        ({"resolution": 3}, "resolution=3: "),
        ({"resolution": 1025}, "resolution=1025: "),
        ({"resolution": 8.0}, "resolution=8.0: "),
        ({"resolution": [8]}, "resolution=[8]: "),
        ({"resolution": [8, 2000]}, "resolution=[8, 2000]: "),
        ({"resolution": "8x8"}, "resolution=8x8: "),
        ({"random_crop": 65}, "random_crop=65: is no part of images of resolution=64"),
        ({"random_crop": [8, 32], "resolution": [16, 16]}, "random_crop=[8, 32]: is no part of images of "),
        ({"random_crop": 8, "resolution": None}, "random_crop=8: "),
        ({"channels": 4}, "channels=4: "),
        ({"fit": "squeeze"}, "fit=squeeze: "),
        ({"filter": "sinc"}, "filter=sinc: "),
        ({"extensions": []}, "extensions=[]: "),
        ({"extensions": "png"}, "extensions=png: "),
        ({"max_broken": 2}, "max_broken=2: "),
        ({"max_broken": float("nan")}, "max_broken=nan: "),
        ({"max_broken": True}, "max_broken=True: "),
    ],
)
def test_a_bad_option_is_refused_at_once(pets: Path, options: dict[str, Any], start: str) -> None:
    with pytest.raises(ValueError) as caught:
        ImageFolder(**{"path": str(pets), **options})
    assert str(caught.value).startswith(start) and "\n" not in str(caught.value)


def test_pictures_may_be_wider_than_high(pets: Path) -> None:
    for fit in ("crop", "pad", "stretch"):
        dataset = ImageFolder(path=str(pets), resolution=[6, 10], fit=fit)
        assert dataset.spec.image_shape == dataset.load().images.shape[1:] == (3, 6, 10)
    square, pair = (ImageFolder(path=str(pets), resolution=size).load() for size in (8, [8, 8]))
    assert square.content_hash == pair.content_hash


def test_a_random_part_of_each_image_stands_for_it_and_the_whole_is_there_to_learn_from(pets: Path) -> None:
    whole = ImageFolder(path=str(pets), resolution=[12, 16]).load()
    dataset = ImageFolder(path=str(pets), resolution=[12, 16], random_crop=[8, 9])
    store = dataset.load()
    assert dataset.spec == store.spec and store.spec.image_shape == (3, 8, 9)
    assert store.larger is not None and numpy.array_equal(store.larger, whole.images)
    assert store.class_names == whole.class_names and numpy.array_equal(store.labels, whole.labels)
    for part, image in zip(store.images, whole.images, strict=True):
        places = [image[:, top : top + 8, left : left + 9] for top in range(5) for left in range(8)]
        assert any(numpy.array_equal(part, place) for place in places)
    assert dataset.load().content_hash == store.content_hash != whole.content_hash


def test_a_folder_may_be_called_by_a_number(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pets.rename(pets.with_name("2024"))
    monkeypatch.chdir(pets.parent)
    assert ImageFolder(path=2024, resolution=8).spec.name == "2024"


def test_images_keep_their_size_and_every_pixel(photos: Path) -> None:
    expected = [save(photos, name, seed=number) for number, name in enumerate(("a.png", "b.bmp", "c/d.png"))]
    store = as_they_are(photos)
    assert store.spec.image_shape == (3, 7, 9) and store.spec.num_classes is None
    assert (store.images == numpy.stack(expected)).all()


def test_a_zip_and_a_folder_in_it_hold_the_same(photos: Path, tmp_path: Path) -> None:
    for number in range(3):
        save(photos, f"{number}.png", seed=number)
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path, "photos")
    stores = [as_they_are(path) for path in (photos, tmp_path / "all.zip", tmp_path / "all.zip/photos")]
    assert len({store.content_hash for store in stores}) == 1


def test_grey_files_give_one_channel(photos: Path) -> None:
    expected = [save(photos, f"{number}.png", mode="L", seed=number) for number in range(2)]
    store = as_they_are(photos)
    assert store.spec.image_shape == (1, 7, 9) and (store.images == numpy.stack(expected)).all()


@pytest.mark.parametrize("names", [("a.png", "b.png"), ("b.png", "a.png")])
def test_one_file_in_colour_makes_all_three_channels(names: tuple[str, str], photos: Path, cache: Path) -> None:
    grey, colour = save(photos, names[0], mode="L"), save(photos, names[1], seed=1)
    store = as_they_are(photos)
    expected = dict(zip(names, (numpy.repeat(grey, 3, 0), colour), strict=True))
    assert (store.images == numpy.stack([expected[name] for name in sorted(names)])).all()
    assert len(list((cache / "datasets").iterdir())) == 1  # what was begun in grey is gone


def test_two_sizes_are_refused_by_name_with_the_cure(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png", size=(12, 8))
    line = f"path={photos}: a.png has 9x7 pixels and b.png 12x8; bring all to one size with resolution=7"
    assert refusal(photos, **AS_THEY_ARE) == line
    assert refusal(photos, **AS_THEY_ARE) == line, "nothing half-done is taken for the whole"
    assert as_they_are(photos, resolution=7).images.shape == (2, 3, 7, 7)


def test_what_was_packed_at_one_size_or_in_grey_is_not_taken_for_images_as_they_are(photos: Path) -> None:
    save(photos, "a.png", size=(8, 8), mode="L")
    save(photos, "b.png", size=(8, 8), seed=1)
    assert load(photos, channels=1).images.shape == (2, 1, 8, 8)
    assert as_they_are(photos, channels=1).images.shape == (2, 1, 8, 8)
    assert as_they_are(photos).images.shape == (2, 3, 8, 8)
    save(photos, "c.png", size=(12, 8))
    assert load(photos).images.shape == (3, 3, 8, 8)
    assert "a.png has 8x8 pixels and c.png 12x8" in refusal(photos, **AS_THEY_ARE)


def test_the_facts_of_images_as_they_are_take_a_look_at_them(photos: Path) -> None:
    save(photos, "a.png", mode="L")
    assert ImageFolder(path=str(photos), **AS_THEY_ARE).spec.image_shape == (1, 7, 9)


def test_with_a_resolution_the_pixels_are_those_of_an_image_folder(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png", size=(12, 8), seed=1)
    options: dict[str, Any] = {"resolution": 6, "fit": "pad", "filter": "bicubic"}
    ours = ImageFolder(path=str(photos), channels=None, **options).load()
    assert (ours.images == ImageFolder(path=str(photos), **options).load().images).all()


@pytest.mark.parametrize("name", ["a.png", "c.png"])
def test_text_that_is_called_an_image_is_refused_by_name(name: str, photos: Path) -> None:
    save(photos, "b.png")
    (photos / name).write_text("no image")
    assert (
        refusal(photos, **AS_THEY_ARE) == f"path={photos}: {name} is no image in any format known; "
        "repair or remove what cannot be read (`ganctl data check PATH` names all)"
    )


def test_damaged_and_huge_images_are_refused(photos: Path) -> None:
    save(photos, "a.png")
    save(photos, "b.png")
    content = (photos / "b.png").read_bytes()
    (photos / "b.png").write_bytes(content[: len(content) // 2])
    assert refusal(photos, **AS_THEY_ARE).startswith(f"path={photos}: b.png cannot be decoded (")
    Image.new("1", (16000, 16000)).save(photos / "b.png")
    assert refusal(photos, **AS_THEY_ARE).startswith(f"path={photos}: b.png has more than 89,478,485 pixels")


def test_a_second_look_reads_no_image_but_the_first(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganctl.dataset import decode

    for number in range(4):
        save(photos, f"{number}.png", seed=number)
    first = as_they_are(photos)
    counted: list[bytes] = []
    real = decode.decode
    monkeypatch.setattr(
        decode, "decode", lambda content, **options: (counted.append(content), real(content, **options))[1]
    )
    assert as_they_are(photos).content_hash == first.content_hash and len(counted) == 1
