from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy
import pytest

from ganctl.contract import DataSpec
from ganctl.dataset.mnist import KIN, Mnist, idx_array

IMAGES = numpy.random.RandomState(0).randint(0, 256, (20, 28, 28)).astype(numpy.uint8)
LABELS = (numpy.arange(20) % 10).astype(numpy.uint8)
PIXELS, CLASSES = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(values: numpy.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, ">u4").tobytes() + values.tobytes()


FILES = {PIXELS: gzip.compress(idx(IMAGES), mtime=0), CLASSES: gzip.compress(idx(LABELS), mtime=0)}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, server):
    """A server of small files, at which torchvision's tables point: both mirrors, and these files' checksums."""
    import torchvision.datasets as known

    server.files = dict(FILES)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in FILES.items()]
    for kin in KIN.values():
        monkeypatch.setattr(getattr(known, kin.torchvision), "mirrors", [server.url + "gone/", server.url])
        monkeypatch.setattr(getattr(known, kin.torchvision), "resources", resources)
    return server


def put(root: Path, *names: str, folder: str = "MNIST") -> Path:
    raw = root / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = FILES[name] if name in FILES else gzip.decompress(FILES[name + ".gz"])
        (raw / name).write_bytes(content)
    return raw


def refusal(dataset: Mnist) -> str:
    with pytest.raises(ValueError) as caught:
        dataset.load()
    text = str(caught.value)
    assert text.startswith("root=") and "\n" not in text
    return text


@pytest.mark.parametrize("name", KIN)
def test_a_missing_set_is_downloaded_once(tmp_path: Path, published, name: str) -> None:
    dataset = Mnist(name=name, root=str(tmp_path))
    told: list[str] = []
    store = dataset.load(lambda what, done, total: told.append(what))
    assert (store.images[:, 0] == IMAGES).all() and (store.labels == LABELS).all()
    assert store.class_names == KIN[name].class_names and store.spec == DataSpec(name, (1, 28, 28), 10)
    assert sorted(path.name for path in (tmp_path / KIN[name].torchvision / "raw").iterdir()) == [PIXELS, CLASSES]
    assert f"downloading {PIXELS}" in told and f"packing {name}" in told
    requests = len(published.requests)
    assert dataset.load().content_hash == store.content_hash and len(published.requests) == requests


@pytest.mark.parametrize("names", [(PIXELS, CLASSES), (PIXELS[:-3], CLASSES[:-3]), (PIXELS[:-3], CLASSES)])
def test_local_files_are_read_without_network(tmp_path: Path, published, names: tuple[str, ...]) -> None:
    put(tmp_path, *names)
    assert (Mnist(root=str(tmp_path)).load().images[:, 0] == IMAGES).all()
    assert published.requests == []


def test_only_the_missing_file_is_downloaded(tmp_path: Path, published) -> None:
    put(tmp_path, PIXELS)
    Mnist(root=str(tmp_path)).load()
    assert published.requests == [f"gone/{CLASSES}", CLASSES]


def test_torchvision_reads_what_was_downloaded(tmp_path: Path, published) -> None:
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor
    from torchvision.datasets.utils import extract_archive

    Mnist(root=str(tmp_path)).load()
    for part, values in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        path = extract_archive(str(tmp_path / f"MNIST/raw/train-{part}-ubyte.gz"))
        assert numpy.array_equal(read_sn3_pascalvincent_tensor(str(path)).numpy(), values)


@pytest.mark.parametrize(
    ("fault", "word"), [("truncated", "ended after"), ("checksum", "wrong checksum"), ("absent", "HTTP status 404")]
)
def test_a_failed_download_is_one_line_with_the_cure(tmp_path: Path, published, fault: str, word: str) -> None:
    if fault == "truncated":
        published.truncated.add(CLASSES)
    elif fault == "checksum":
        published.files[CLASSES] = b"captive portal"
    else:
        del published.files[CLASSES]
    text = refusal(Mnist(root=str(tmp_path)))
    assert word in text and published.url + CLASSES in text
    assert f"put {PIXELS} and {CLASSES} into {tmp_path}/MNIST/raw, or take mnist5k, which needs no download" in text
    assert [path.name for path in (tmp_path / "MNIST/raw").iterdir()] == [PIXELS]


def test_a_refused_connection_is_one_line(tmp_path: Path, published, nobody: str, monkeypatch) -> None:
    import torchvision.datasets

    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [nobody])
    assert f"{nobody}{PIXELS}: Connection refused" in refusal(Mnist(root=str(tmp_path)))


def test_nothing_is_downloaded_when_it_is_forbidden(tmp_path: Path, published) -> None:
    text = refusal(Mnist(root=str(tmp_path), download=False))
    assert "downloads are off" in text and "mnist5k" in text and published.requests == []


def test_a_damaged_local_file_is_named(tmp_path: Path, published) -> None:
    raw = put(tmp_path, PIXELS, CLASSES)
    (raw / PIXELS).write_bytes(FILES[PIXELS][:-9])
    text = refusal(Mnist(root=str(tmp_path)))
    assert f"{raw / PIXELS} is damaged or not the published file; remove it" in text
    (raw / PIXELS).unlink()
    assert len(Mnist(root=str(tmp_path)).load().images) == 20


def test_a_sound_unpacked_file_stands_in_for_a_damaged_packed_one(tmp_path: Path, published) -> None:
    raw = put(tmp_path, PIXELS, PIXELS[:-3], CLASSES)
    (raw / PIXELS).write_bytes(b"half")
    assert (Mnist(root=str(tmp_path)).load().images[:, 0] == IMAGES).all()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, published) -> None:
    raw = put(tmp_path, PIXELS[:-3], CLASSES[:-3])
    (raw / CLASSES[:-3]).write_bytes(idx(LABELS[:-1]))
    assert "as many labels" in refusal(Mnist(root=str(tmp_path)))


def test_a_changed_file_is_read_again(tmp_path: Path, published) -> None:
    raw = put(tmp_path, PIXELS[:-3], CLASSES[:-3])
    before = Mnist(root=str(tmp_path)).load()
    (raw / PIXELS[:-3]).write_bytes(idx(255 - IMAGES))
    os.utime(raw / PIXELS[:-3], (1e9, 1e9))
    after = Mnist(root=str(tmp_path)).load()
    assert (after.images == 255 - before.images).all() and after.content_hash != before.content_hash


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"name": "emnist"}, "name=emnist: "),
        ({"split": "validation"}, "split=validation: "),
        ({"download": "maybe"}, "download=maybe: "),
        ({"root": ""}, "root=: "),
    ],
)
def test_a_bad_option_is_refused_at_once(options: dict[str, str], start: str) -> None:
    with pytest.raises(ValueError) as caught:
        Mnist(**options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(start) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", idx(IMAGES)[:-1], idx(IMAGES) + b"x", b"\0\0\x08\x03\0\0", b"\0\0\x0d\x01" + bytes(8)]
)
def test_what_is_no_idx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        idx_array(content)
