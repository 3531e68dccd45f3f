"""Folders of runs: one for each, whoever starts at the same instant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ganctl.invocation.folders import claim, discard, forget, holds_run, slug


def test_many_runs_of_one_second_get_a_folder_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: claim(tmp_path / "outputs", "mnist-dcgan"), range(48)))
    assert len(set(folders)) == 48 and all(folder.is_dir() for folder in folders)
    assert all("-mnist-dcgan" in folder.name for folder in folders)


def test_a_claim_survives_that_another_process_removes_the_empty_day(tmp_path: Path) -> None:
    def come_and_go(_: int) -> bool:
        return discard(claim(tmp_path, "x"))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(come_and_go, range(200)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mnist-dcgan", "mnist-dcgan"),
        ("a/b/../c", "a-b-..-c"),
        ("lr-1e-3,[0.5, 0.9]", "lr-1e-3-0.5-0.9"),
        ("größe", "gr-e"),
        ("...", ""),
        ("x" * 99, "x" * 80),
        ("é" * 9, ""),
    ],
)
def test_a_slug_is_a_safe_part_of_a_path(text: str, name: str) -> None:
    found = slug(text)
    assert len(found) <= 80 and "/" not in found and not found.startswith((".", "-"))
    assert found.replace("..", "") == name.replace("..", "")


def test_a_root_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"^output\.root=") as refused:
        claim(tmp_path / "file", "x")
    assert "\n" not in str(refused.value)


def test_what_holds_a_run_is_known_by_what_runs_leave(tmp_path: Path) -> None:
    assert not holds_run(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    assert holds_run(tmp_path)


def test_results_are_never_discarded(tmp_path: Path) -> None:
    folder = claim(tmp_path, "x")
    (folder / "metrics.jsonl").write_text("{}\n")
    assert not discard(folder) and folder.is_dir()
    (folder / "metrics.jsonl").write_text("")
    assert discard(folder) and not folder.exists()


def test_forgetting_an_attempt_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / ".hydra").mkdir()
    for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
        (tmp_path / ".hydra" / name).write_text("")
    (tmp_path / "train.log").write_text("")
    forget(tmp_path, ".hydra", keep_log=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
