from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy
import pytest
from PIL import Image

from ganctl.contract import DataSpec
from ganctl.dataset.cifar10 import ARCHIVE, FOLDER, Cifar10, batch_arrays

RANDOM = numpy.random.RandomState(0)
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
PIXELS = {name: RANDOM.randint(0, 256, (6, 3072)).astype(numpy.uint8) for name in NAMES}
LABELS = {name: [(place + start) % 10 for place in range(6)] for start, name in enumerate(NAMES)}
BATCHES = {name: pickle.dumps({"data": PIXELS[name], "labels": LABELS[name]}, protocol=2) for name in NAMES}


def tarball() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in reversed(NAMES):
            info = tarfile.TarInfo(f"{FOLDER}/{name}")
            info.size = len(BATCHES[name])
            archive.addfile(info, io.BytesIO(BATCHES[name]))
    return buffer.getvalue()


TARBALL = tarball()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, server):
    """A server of a small archive, at which torchvision's table points."""
    from torchvision.datasets import CIFAR10

    server.files[ARCHIVE] = TARBALL
    sums = [[name, hashlib.md5(content).hexdigest()] for name, content in BATCHES.items()]
    monkeypatch.setattr(CIFAR10, "url", server.url + ARCHIVE)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(TARBALL).hexdigest())
    monkeypatch.setattr(CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(CIFAR10, "test_list", sums[5:])
    return server


def unpack(root: Path) -> Path:
    (root / FOLDER).mkdir()
    for name, content in BATCHES.items():
        (root / FOLDER / name).write_bytes(content)
    return root / FOLDER


def refusal(dataset: Cifar10) -> str:
    with pytest.raises(ValueError) as caught:
        dataset.load()
    text = str(caught.value)
    assert text.startswith("root=") and "\n" not in text
    return text


@pytest.mark.parametrize(("split", "names"), [("train", NAMES[:5]), ("test", NAMES[5:])])
def test_a_missing_set_is_downloaded_once(tmp_path: Path, published, split: str, names: list[str]) -> None:
    store = Cifar10(root=str(tmp_path), split=split).load()
    assert store.spec == DataSpec("cifar10", (3, 32, 32), 10) and store.split == split
    assert (store.images.reshape(-1, 3072) == numpy.concatenate([PIXELS[name] for name in names])).all()
    assert store.labels.tolist() == [label for name in names for label in LABELS[name]]
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == [ARCHIVE]
    assert Cifar10(root=str(tmp_path), split=split).load().content_hash == store.content_hash
    assert published.requests == [ARCHIVE]


def test_unpacked_files_are_read_without_network(tmp_path: Path, published) -> None:
    unpack(tmp_path)
    assert len(Cifar10(root=str(tmp_path)).load().images) == 30 and published.requests == []


def test_both_ways_give_the_same_pixels(tmp_path: Path, published) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    unpack(tmp_path / "one")
    (tmp_path / "two" / ARCHIVE).write_bytes(TARBALL)
    stores = [Cifar10(root=str(tmp_path / name), download=False).load() for name in ("one", "two")]
    assert stores[0].content_hash == stores[1].content_hash


@pytest.mark.parametrize(
    ("fault", "word"), [("truncated", "ended after"), ("checksum", "wrong checksum"), ("absent", "HTTP status 404")]
)
def test_a_failed_download_is_one_line_with_the_cure(tmp_path: Path, published, fault: str, word: str) -> None:
    if fault == "truncated":
        published.truncated.add(ARCHIVE)
    elif fault == "checksum":
        published.files[ARCHIVE] = TARBALL[:-1]
    else:
        published.files.clear()
    text = refusal(Cifar10(root=str(tmp_path)))
    assert word in text and published.url + ARCHIVE in text
    assert f"put {ARCHIVE} into {tmp_path}, or take mnist5k, which needs no download" in text


def test_a_refused_connection_is_one_line(tmp_path: Path, published, nobody: str, monkeypatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", nobody)
    assert f"{nobody}: Connection refused" in refusal(Cifar10(root=str(tmp_path)))


def test_nothing_is_downloaded_when_it_is_forbidden(tmp_path: Path, published) -> None:
    assert "downloads are off" in refusal(Cifar10(root=str(tmp_path), download=False))
    assert published.requests == []


def test_a_damaged_archive_is_named(tmp_path: Path, published) -> None:
    (tmp_path / ARCHIVE).write_bytes(TARBALL[:100])
    assert f"{tmp_path / ARCHIVE} is damaged" in refusal(Cifar10(root=str(tmp_path)))


def test_a_damaged_batch_is_noticed_and_the_archive_stands_in(tmp_path: Path, published) -> None:
    folder = unpack(tmp_path)
    (folder / "data_batch_3").write_bytes(BATCHES["data_batch_3"][:-3])
    assert f"{folder} is damaged" in refusal(Cifar10(root=str(tmp_path)))
    (tmp_path / ARCHIVE).write_bytes(TARBALL)
    assert len(Cifar10(root=str(tmp_path)).load().images) == 30


def test_a_pickle_can_bring_nothing_but_arrays() -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, ("evil",)

    with pytest.raises(pickle.UnpicklingError, match="no place in a file of images"):
        batch_arrays(pickle.dumps({"data": Evil(), "labels": []}))
    assert not Path("evil").exists()


def test_batches_of_pythons_second_version_are_read() -> None:
    """As the published ones: keys are old byte strings, and the array's class is where numpy had it then."""
    array = numpy.arange(3072, dtype=numpy.uint8)[None]
    state = array.tobytes()
    content = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00" + state + b"tb"
        b"U\x06labels](K\x07eu."
    )
    images, labels = batch_arrays(content)
    assert images.shape == (1, 3, 32, 32) and (images.reshape(1, -1) == array).all() and labels.tolist() == [7]


def test_a_larger_size_is_the_enlarged_image(published, tmp_path: Path) -> None:
    options = {"root": str(tmp_path), "cache": str(tmp_path / "cache")}
    small, large = Cifar10(**options).load(), Cifar10(**options, resolution=64).load()
    assert large.spec == DataSpec("cifar10", (3, 64, 64), 10) and large.images.shape[1:] == (3, 64, 64)
    assert numpy.array_equal(small.labels, large.labels)
    for place in (0, 29):
        whole = Image.fromarray(small.images[place].transpose(1, 2, 0)).resize((64, 64), Image.Resampling.LANCZOS)
        assert numpy.array_equal(numpy.asarray(whole).transpose(2, 0, 1), large.images[place])


@pytest.mark.parametrize("resolution", [31, 257, 64.0, True])
def test_a_size_that_is_no_enlargement_is_refused(resolution: object) -> None:
    with pytest.raises(ValueError, match=rf"^resolution={resolution}: is no whole number in \[32, 256\]; try resol"):
        Cifar10(resolution=resolution)  # type: ignore[arg-type]
