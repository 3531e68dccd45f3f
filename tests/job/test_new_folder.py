"""A command's folder is there as a whole or not at all, and never one that somebody else has."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganctl.job.new_folder import new_folder


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_folder_appears_with_all_that_was_written(tmp_path: Path) -> None:
    with new_folder(str(tmp_path / "a" / "b"), tmp_path, "drawn") as (folder, final):
        (folder / "one").write_text("1")
        assert not any(final.iterdir())
    assert everything(tmp_path) == ["a", "a/b", "a/b/one"]


@pytest.mark.parametrize("output", ["a/b", None])
def test_what_is_broken_off_leaves_nothing(output: str | None, tmp_path: Path) -> None:
    place = None if output is None else str(tmp_path / output)
    with pytest.raises(KeyboardInterrupt), new_folder(place, tmp_path, "drawn") as (folder, _):
        (folder / "one").write_text("1")
        raise KeyboardInterrupt
    assert everything(tmp_path) == []


def test_an_empty_folder_of_the_user_s_is_taken_and_stays_if_nothing_comes(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(OSError, match="disk"), new_folder(str(tmp_path / "mine"), tmp_path, "drawn"):
        raise OSError("of the disk")
    assert everything(tmp_path) == ["mine"]
    with new_folder(str(tmp_path / "mine"), tmp_path, "drawn") as (folder, _):
        (folder / "one").write_text("1")
    assert everything(tmp_path) == ["mine", "mine/one"]


def test_two_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with new_folder(None, tmp_path, "drawn") as (first, _), new_folder(None, tmp_path, "drawn") as (second, _):
        (first / "one").write_text("1")
        (second / "two").write_text("2")
    written = [path for path in everything(tmp_path) if "/" in path]
    assert len(written) == 2 and len({path.partition("/")[0] for path in written}) == 2


def test_one_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with (
        pytest.raises(ValueError, match="is there already and not empty"),
        new_folder(str(tmp_path / "mine"), tmp_path, "drawn"),
    ):
        raise AssertionError("not reached")
    assert everything(tmp_path) == ["mine", "mine/notes.txt"]
