"""Files that cannot be read: a few are left out by name, more refuse the whole, and none goes without a word."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from ganctl.contract import ArgumentError
from ganctl.dataset.image_folder import ImageFolder, most_broken


def picture(path: Path, value: int = 0, size: tuple[int, int] = (9, 7)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = numpy.random.default_rng(value).integers(0, 256, (size[1], size[0], 3), numpy.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of three."""
    for number in range(6):
        picture(tmp_path / "pictures" / ("cat", "dog")[number // 3] / f"{number}.png", number)
    return tmp_path / "pictures"


def folder(path: Path, **options: Any) -> ImageFolder:
    return ImageFolder(**{"path": str(path), "resolution": 8, **options})


def truncated(path: Path) -> None:
    picture(path, 1, (60, 60))
    path.write_bytes(path.read_bytes()[:3000])


BROKEN: dict[str, Callable[[Path], object]] = {
    "is no image in any format known": lambda path: path.write_text("I am a text"),
    "image file is truncated": truncated,
    "is no image in any format": lambda path: path.touch(),
    "has more than 89,478,485 pixels": lambda path: Image.new("1", (16000, 16000)).save(path),
    "No such file or directory": lambda path: path.symlink_to("nowhere.png"),
    "Too many levels of symbolic links": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_left_out_and_named(pictures: Path, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = folder(pictures).load()
    BROKEN[fault](pictures / "cat" / "broken.png")
    store = folder(pictures).load()
    assert store.content_hash == whole.content_hash and (store.images == whole.images).all()
    assert store.labels.tolist() == [0, 0, 0, 1, 1, 1] and store.class_names == ("cat", "dog")
    [line] = caplog.messages
    assert line.startswith(f"{pictures}: 1 of 7 files cannot be read and are left out: cat/broken.png ")
    assert fault in line and "\n" not in line


def test_what_is_left_out_is_named_again_when_the_cache_is_read(
    pictures: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pictures / "dog" / "9.png").touch()
    first = folder(pictures).load()
    [metadata] = cache.rglob("metadata.json")
    assert json.loads(metadata.read_text())["num_images"] == 6
    before = metadata.stat().st_mtime_ns
    second = folder(pictures).load()
    assert second.left_out == first.left_out and second.content_hash == first.content_hash
    assert caplog.messages[0] == caplog.messages[1] and len(caplog.messages) == 2
    assert metadata.stat().st_mtime_ns == before


def test_a_stricter_share_refuses_what_was_packed_under_another(pictures: Path) -> None:
    (pictures / "dog" / "9.png").touch()
    folder(pictures).load()
    with pytest.raises(ArgumentError, match=r"^path=.*: dog/9\.png is no image .*; repair or remove .*$"):
        folder(pictures, max_broken=0).load()


def test_more_than_the_share_is_refused_in_one_line_and_nothing_is_kept(pictures: Path, cache: Path) -> None:
    for number in range(2):
        (pictures / "dog" / f"broken{number}.png").touch()
    with pytest.raises(ArgumentError) as caught:
        folder(pictures).load()
    line = str(caught.value)
    assert "dog/broken0.png" in line and "dog/broken1.png" in line and "ganctl data check" in line and "\n" not in line
    assert list((cache / "datasets").iterdir()) == []
    assert len(folder(pictures, max_broken=0.25).load().images) == 6


def test_a_larger_collection_may_have_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = picture(tmp_path / "many" / "0.png").read_bytes()
    for number in range(1, 500):
        (tmp_path / "many" / f"{number}.png").write_bytes(b"" if number % 100 == 50 else one)
    store = folder(tmp_path / "many").load()
    assert len(store.images) == len(store.labels) == 495 and len(store.left_out) == 5
    assert "; and 2 more" in caplog.messages[0], "the line is bounded"


@pytest.mark.parametrize(
    ("count", "share", "most"),
    [(1, 0.01, 0), (2, 0.01, 1), (2, 1, 1), (99, 0.01, 1), (500, 0.01, 5), (500, 0, 0), (500, 1, 499)],
)
def test_one_file_at_least_may_be_broken_and_never_all(count: int, share: float, most: int) -> None:
    assert most_broken(count, share) == most


def test_a_folder_without_a_readable_image_is_refused(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_text("text")
    for options in ({}, {"max_broken": 1}, {"max_broken": 1, "resolution": None, "channels": None}):
        with pytest.raises(ArgumentError, match=r"^path=.*1\.png is no image.*2\.png is no image"):
            folder(tmp_path, **options).load()


def test_the_size_is_that_of_the_first_image_that_can_be_read(pictures: Path) -> None:
    (pictures / "cat" / "0.png").write_text("text")
    store = folder(pictures, resolution=None, channels=None).load()
    assert store.images.shape == (5, 3, 7, 9)


def test_names_that_lead_out_of_a_zip_are_no_images_and_harm_nothing(pictures: Path, tmp_path: Path) -> None:
    whole = folder(pictures).load()
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", pictures)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../escaped.png", (pictures / "cat" / "0.png").read_bytes())
    assert folder(Path(archive)).load().content_hash == whole.content_hash
    assert not list(tmp_path.rglob("escaped.png"))


def test_links_out_of_the_folder_are_followed(pictures: Path, tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "x.png", 9)
    (pictures / "dog" / "x.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    assert len(folder(pictures).load().images) == 7


def test_a_single_pixel_two_images_and_equal_images_are_data(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / name)
    store = folder(tmp_path).load()
    assert store.images.shape == (2, 3, 8, 8) and store.images[:, :, 3, 3].tolist() == [[7, 8, 9]] * 2


def test_what_is_not_the_files_fault_refuses_the_whole(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    def read(entry: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    dataset = folder(pictures)
    with pytest.raises(ArgumentError, match=r"cat/0\.png Too many open files; try again"):
        dataset._pixels_or_fault(read, len, dataset.entries[0])  # pyright: ignore[reportArgumentType]
    assert caplog.messages == []
