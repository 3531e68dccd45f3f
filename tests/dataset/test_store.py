from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest

import ganctl
from ganctl.contract import ArgumentError, DataSpec, ImageStore
from ganctl.dataset import store as module
from ganctl.dataset.store import Content, cache_folder, in_blocks, packed

SPEC = DataSpec("dots", (1, 4, 4), 3)
IMAGES = numpy.random.RandomState(0).randint(0, 256, (30, 1, 4, 4)).astype(numpy.uint8)
LABELS = numpy.arange(30, dtype=numpy.int64) % 3

PACKING = """
import sys, time
from pathlib import Path
import numpy
from ganctl.contract import DataSpec
from ganctl.dataset.store import Content, packed

def blocks():
    for number in range(20):
        Path(sys.argv[1], f"packing-{sys.argv[2]}").touch()
        time.sleep(float(sys.argv[3]))
        yield numpy.full((10, 1, 4, 4), number, numpy.uint8)

Path(sys.argv[1], f"ready-{sys.argv[2]}").touch()
while not Path(sys.argv[1], "go").exists():
    time.sleep(0.001)
content = lambda: Content(numpy.arange(200) % 3, blocks())
print(packed(DataSpec("dots", (1, 4, 4), 3), key={}, read=content).content_hash)
"""


class Source:
    """Counts how often it is read."""

    def __init__(self, before: Callable[[], object] | None = None) -> None:
        self.times, self.before = 0, before

    def __call__(self) -> Content:
        self.times += 1
        if self.before:
            self.before()
        return Content(LABELS, [IMAGES[:7], IMAGES[7:]])


def load(source: Callable[[], Content] | None = None, **changes: object) -> ImageStore:
    return packed(**{"spec": SPEC, "key": {"size": 4}, "read": source or Source(), **changes})  # type: ignore[arg-type]


def entries(cache: Path) -> list[Path]:
    return list((cache / "datasets").iterdir())


def start(tmp_path: Path, number: int, pause: float) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(ganctl.__file__).parents[1])}
    arguments = [sys.executable, "-c", PACKING, str(tmp_path), str(number), str(pause)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_packed_comes_back_and_is_packed_once() -> None:
    source = Source()
    first, second = load(source), load(source)
    assert source.times == 1
    for result in (first, second):
        assert (result.images == IMAGES).all() and result.images.dtype == numpy.uint8
        assert (result.labels == LABELS).all() and result.labels.dtype == numpy.int64
        assert result.spec == SPEC and result.split == "train"
    assert first.content_hash == second.content_hash and len(first.content_hash) == 64


def test_large_images_are_memory_mapped_and_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 100)
    source = Source()
    images = load(source).images
    assert isinstance(images, numpy.memmap) and not images.flags.writeable and (images == IMAGES).all()
    load(source)
    assert source.times == 1


def test_the_hash_is_of_the_content_and_not_of_how_it_came() -> None:
    whole = load(lambda: Content(LABELS, in_blocks(IMAGES)), key={"way": 1})
    parts = load(lambda: Content(LABELS, list(IMAGES[:, None])), key={"way": 2})
    moved = load(lambda: Content(LABELS[::-1], in_blocks(IMAGES)), key={"way": 3})
    darker = load(lambda: Content(LABELS, in_blocks(IMAGES // 2)), key={"way": 4})
    assert whole.content_hash == parts.content_hash
    assert len({whole.content_hash, moved.content_hash, darker.content_hash}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"key": {"size": 5}},
        {"split": "test"},
        {"class_names": ("a", "b", "c")},
        {"spec": DataSpec("dots", (1, 4, 4), 4)},
    ],
)
def test_any_change_of_options_makes_another_entry(cache: Path, change: dict[str, object]) -> None:
    source = Source()
    load(source)
    load(source, **change)
    assert source.times == 2 and len(entries(cache)) == 2


def cut_images(entry: Path) -> None:
    content = (entry / "images.npy").read_bytes()
    (entry / "images.npy").write_bytes(content[:-1])


def flip_a_pixel(entry: Path) -> None:
    content = bytearray((entry / "images.npy").read_bytes())
    content[-1] ^= 1
    (entry / "images.npy").write_bytes(content)


def forge_metadata(entry: Path) -> None:
    metadata = json.loads((entry / "metadata.json").read_text())
    (entry / "metadata.json").write_text(json.dumps({**metadata, "image_shape": [3, 4, 4]}))


@pytest.mark.parametrize(
    "damage",
    [
        cut_images,
        flip_a_pixel,
        forge_metadata,
        lambda entry: (entry / "labels.npy").unlink(),
        lambda entry: (entry / "metadata.json").unlink(),
        lambda entry: (entry / "metadata.json").write_text("[1, 2"),
        lambda entry: (entry / "metadata.json").write_text("[]"),
        lambda entry: (entry / "images.npy").write_bytes(b""),
    ],
)
def test_a_damaged_entry_is_made_anew(cache: Path, damage: Callable[[Path], object]) -> None:
    source = Source()
    load(source)
    damage(entries(cache)[0])
    assert (load(source).images == IMAGES).all() and source.times == 2
    load(source)
    assert source.times == 2 and len(entries(cache)) == 1


def lengthen_images(entry: Path) -> None:
    with (entry / "images.npy").open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("damage", [cut_images, lengthen_images])
def test_a_memory_mapped_entry_of_another_size_is_made_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    source = Source()
    load(source)
    damage(entries(cache)[0])
    assert (load(source).images == IMAGES).all() and source.times == 2


def test_the_loser_of_a_race_takes_the_winners_entry(cache: Path) -> None:
    winner, files = Source(), []

    def win() -> None:
        load(winner)
        files.extend(cache.glob("datasets/dots-*/images.npy"))
        files.append(files[0].stat().st_ino)

    loser = Source(before=win)
    result = load(loser)
    assert (winner.times, loser.times) == (1, 1) and (result.images == IMAGES).all()
    assert len(entries(cache)) == 1 and files[0].stat().st_ino == files[1], "the winner's file was replaced"


def test_a_damaged_entry_that_appears_meanwhile_is_replaced(cache: Path) -> None:
    def other() -> None:
        load()
        cut_images(next(path for path in entries(cache) if not path.name.startswith(".")))

    assert (load(Source(before=other)).images == IMAGES).all()
    assert len(entries(cache)) == 1 and (load().images == IMAGES).all()


def test_processes_that_pack_at_once_agree_and_leave_one_entry(tmp_path: Path, cache: Path) -> None:
    processes = [start(tmp_path, number, 0.01) for number in range(3)]
    wait_for(lambda: len(list(tmp_path.glob("ready-*"))) == 3)
    (tmp_path / "go").touch()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    assert len({hashed for hashed, _ in answers}) == 1
    assert len(list(tmp_path.glob("packing-*"))) >= 2, "they did not run at the same time"
    assert [path.name.startswith("dots-train-") for path in entries(cache)] == [True]


def test_a_killed_process_leaves_no_entry_and_the_next_one_packs(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "go").touch()
    process = start(tmp_path, 0, 10)
    wait_for((tmp_path / "packing-0").exists)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    [left] = entries(cache)
    assert left.name.endswith(".unfinished")
    foreign = left.with_name(left.name.replace(left.name[1:9], "0" * 8))  # as a process of another machine names it
    shutil.copytree(left, foreign)
    assert (load().images == IMAGES).all()
    assert not left.exists()
    assert foreign.exists(), "that process might still be writing it"
    long_ago = time.time() - 2 * 86400
    for path in (foreign, *foreign.iterdir()):
        os.utime(path, (long_ago, long_ago))
    load(key={"size": 6})
    assert not foreign.exists()


def test_a_failing_source_leaves_nothing_behind(cache: Path) -> None:
    def blocks() -> Iterator[numpy.ndarray]:
        yield IMAGES[:7]
        raise ValueError("x: bad")

    with pytest.raises(ValueError, match=r"^x: bad$"):
        load(lambda: Content(LABELS, blocks()))
    assert entries(cache) == []


def test_a_cache_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^cache=.*/file/below: cannot be written \(.+\); point .*$"):
        load(cache=str(tmp_path / "file" / "below"))


def test_progress_tells_of_every_block() -> None:
    told: list[tuple[str, int, int]] = []
    load(progress=lambda *what: told.append(what))
    assert told == [("packing dots", 7, 30), ("packing dots", 30, 30)]


def test_the_cache_folder_follows_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder("~/there") == Path.home() / "there"
    assert cache_folder(None) == tmp_path / "cache"
    monkeypatch.delenv("GANCTL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder(None) == tmp_path / "xdg" / "ganctl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(None) == Path.home() / ".cache" / "ganctl"


def test_the_home_of_nobody_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^cache=~nobody-of-that-name/x: there is no such home folder; .*$"):
        cache_folder("~nobody-of-that-name/x")
    monkeypatch.setenv("GANCTL_CACHE", "~nobody-of-that-name/x")
    with pytest.raises(ValueError, match=r"^GANCTL_CACHE=~nobody-of-that-name/x: ") as error:
        cache_folder(None)
    assert not isinstance(error.value, ArgumentError), "a variable is called by its own name, under no key"


def test_a_cache_can_be_moved(tmp_path: Path) -> None:
    source = Source()
    load(source, cache=str(tmp_path / "one"))
    shutil.move(tmp_path / "one", tmp_path / "two")
    load(source, cache=str(tmp_path / "two"))
    assert source.times == 1
