from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from ganctl.dataset import listing
from ganctl.dataset.listing import Archive, Folder, classes, open_source

TREE = ["b/2.png", "b/1.PNG", "a/deep/3.jpg", "notes.txt", ".hidden/4.png", "a/.5.png", "__MACOSX/6.png", "7.png.bak"]
SEEN = ["a/deep/3.jpg", "b/1.PNG", "b/2.png"]


def folder(root: Path, names: list[str] = TREE) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def zipped(path: Path, names: list[str] = TREE) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def test_folder_and_zip_list_the_same_in_the_same_order(tmp_path: Path) -> None:
    sources = [open_source(str(folder(tmp_path / "x"))), open_source(str(zipped(tmp_path / "x.zip")))]
    assert [type(source) for source in sources] == [Folder, Archive]
    for source in sources:
        entries = source.entries(("png", "jpg"))
        assert [entry.name for entry in entries] == SEEN
        with source.reader() as read:
            assert [read(entry) for entry in entries] == [name.encode() for name in SEEN]


def test_a_folder_inside_a_zip_is_a_source(tmp_path: Path) -> None:
    zipped(tmp_path / "x.zip", ["photos/train/a/1.png", "photos/train2/2.png", "photos/test/a/3.png"])
    source = open_source(f"{tmp_path}/x.zip/photos/train")
    entries = source.entries(("png",))
    assert [entry.name for entry in entries] == ["a/1.png"]
    with source.reader() as read:
        assert read(entries[0]) == b"photos/train/a/1.png"


def test_sources_are_named_after_what_they_hold(tmp_path: Path) -> None:
    folder(tmp_path / "cats.v1", ["1.png"])
    zipped(tmp_path / "x.zip", ["a/b/1.png"])
    named = {"cats.v1": "cats.v1", "x.zip": "x", "x.zip/a/b": "x-a-b"}
    assert {path: open_source(str(tmp_path / path)).name for path in named} == named


def test_entries_and_states_change_with_the_files(tmp_path: Path) -> None:
    source = Folder(folder(tmp_path / "x"))
    before = source.entries(("png",))
    os.utime(tmp_path / "x/b/2.png", (1e9, 1e9))
    after = source.entries(("png",))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]
    archives = [Archive(zipped(tmp_path / f"{name}.zip", [name])) for name in ("1.png", "2.png")]
    assert archives[0].state() != archives[1].state()


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    folder(tmp_path / "elsewhere", ["1.png"])
    folder(tmp_path / "x", ["2.png"])
    (tmp_path / "x" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "x")
    assert [entry.name for entry in Folder(tmp_path / "x").entries(("png",))] == ["2.png", "link/1.png"]


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    assert Folder(tmp_path).entries(("png",)) == []


def test_huge_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 1000)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1.png").write_bytes(bytes(1001))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", bytes(1001))
    for path in ("x", "x.zip"):
        source = open_source(str(tmp_path / path))
        [entry] = source.entries(("png",))
        with source.reader() as read, pytest.raises(ValueError, match="is larger than"):
            read(entry)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("no zip")])
def test_a_path_that_is_no_source_is_refused(tmp_path: Path, make) -> None:
    make(tmp_path / "x.zip")
    for path in (f"{tmp_path}/x.zip", f"{tmp_path}/x.zip/train"):
        with pytest.raises(ValueError, match=rf"^path={path}: .*; give a folder or \.zip of images$"):
            open_source(path)


@pytest.mark.parametrize(
    ("names", "labels", "class_names"),
    [
        (["cat/1.png", "cat/2.png", "dog/1.png"], [0, 0, 1], ("cat", "dog")),
        (["photos/cat/1.png", "photos/dog/1.png"], [0, 1], ("cat", "dog")),
        (["1.png", "2.png"], [0, 0], ()),
        (["cat/1.png", "cat/2.png"], [0, 0], ()),
        (["cat/1.png", "dog/1.png", "2.png"], [0, 0, 0], ()),
        (["cat/1.png", "dog/old/1.png"], [0, 0], ()),
        (["train/cat/1.png", "test/cat/1.png"], [0, 0], ()),
    ],
)
def test_folders_are_classes_only_where_all_images_lie_one_level_down(
    names: list[str], labels: list[int], class_names: tuple[str, ...]
) -> None:
    assert classes(names) == (labels, class_names)
