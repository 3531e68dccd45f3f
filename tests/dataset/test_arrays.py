from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from ganctl.dataset import arrays
from ganctl.dataset.arrays import NpzImages, headers, is_statistics

IMAGES = numpy.random.default_rng(0).integers(0, 256, (5, 3, 6, 8), numpy.uint8)


def written(folder: Path, **values: Any) -> Path:
    path = folder / "file.npz"
    numpy.savez_compressed(path, **values)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        NpzImages(path=str(path)).load()
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (IMAGES, IMAGES),
        (numpy.moveaxis(IMAGES, 1, -1), IMAGES),
        (numpy.ascontiguousarray(numpy.moveaxis(IMAGES, 1, -1)), IMAGES),
        (IMAGES[:, 0], IMAGES[:, :1]),
        (IMAGES[:, :1], IMAGES[:, :1]),
        (IMAGES[:, 0, :, :, None], IMAGES[:, :1]),
        (numpy.asfortranarray(IMAGES), IMAGES),
    ],
    ids=["NCHW", "NHWC", "NHWC copied", "NHW", "N1HW", "NHW1", "fortran"],
)
def test_every_layout_gives_the_same_images(
    stored: numpy.ndarray, expected: numpy.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_BLOCK_BYTES", 2 * 3 * 6 * 8)  # read in several slices
    store = NpzImages(path=str(written(tmp_path, images=stored))).load()
    assert store.images.shape == expected.shape and (store.images == expected).all()
    assert store.spec.image_shape == expected.shape[1:] and store.spec.num_classes is None


@pytest.mark.parametrize("names", [("images", "arr_0"), ("arr_0", "mu"), ("anything",)])
def test_the_array_is_found_by_its_name(names: tuple[str, ...], tmp_path: Path) -> None:
    others = {name: numpy.zeros(3) for name in names[1:]}
    store = NpzImages(path=str(written(tmp_path, **{names[0]: IMAGES}, **others))).load()
    assert (store.images == IMAGES).all()


def test_labels_come_along(tmp_path: Path) -> None:
    store = NpzImages(path=str(written(tmp_path, images=IMAGES, labels=numpy.array([0, 2, 1, 0, 3])))).load()
    assert store.labels.tolist() == [0, 2, 1, 0, 3] and store.spec.num_classes == 4
    for other in (numpy.arange(4), numpy.arange(5) - 1, numpy.zeros(5), numpy.eye(5)):
        assert NpzImages(path=str(written(tmp_path, images=IMAGES, labels=other))).spec.num_classes is None


def test_statistics_are_told_from_images() -> None:
    header = arrays.Header((2,), False, numpy.dtype("f8"), 128)
    assert is_statistics({"mu": header, "sigma": header})
    assert not is_statistics({"mu": header, "sigma": header, "arr_0": header}) and not is_statistics({"mu": header})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"images": IMAGES / 255}, "its array images is float64, and images must be uint8 from 0 to 255; convert "),
        ({"images": IMAGES.astype(numpy.int64)}, "its array images is int64, and "),
        ({"images": IMAGES[0]}, "its array images is (3, 6, 8); "),
        ({"images": IMAGES[:1]}, "its array images is (1, 3, 6, 8); statistics need at least 2 images"),
        ({"images": IMAGES[:, :, :0]}, "its array images is (5, 3, 0, 8); "),
        ({"images": IMAGES[:, :2]}, "its array images is (5, 2, 6, 8); images are (N, H, W, C), "),
        ({"images": IMAGES[..., :3]}, "its array images is (5, 3, 6, 3); images are "),
        ({"images": IMAGES[0, 0, 0]}, "its array images is (8,); images are "),
        ({"one": IMAGES, "two": IMAGES}, "which of its arrays (one, two) holds the images? call that one images"),
        ({}, "which of its arrays (none) holds"),
    ],
)
def test_what_are_no_images_is_refused(values: dict[str, numpy.ndarray], said: str, tmp_path: Path) -> None:
    if said.endswith("at least 2 images") or values.get("images", IMAGES).ndim != 3:
        assert refusal(written(tmp_path, **values)).startswith(said)
    else:  # three grey images of 6x8: nothing in the array says otherwise
        assert NpzImages(path=str(written(tmp_path, **values))).shape == (1, 6, 8)


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["images", "labels"])
def test_pickled_objects_are_never_opened(name: str, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    objects = numpy.empty(5, object)
    objects[:] = Payload(witness)
    path = written(tmp_path, **{"images": IMAGES, name: objects})
    assert refusal(path).startswith(f"cannot be read (its array {name} holds Python objects, which may be code; ")
    assert not witness.exists()
    with numpy.load(path, allow_pickle=True) as file:
        file[name]
    assert witness.exists()  # it would have been


def test_a_pickle_that_is_called_npz_is_not_opened(tmp_path: Path) -> None:
    witness, path = tmp_path / "witness", tmp_path / "file.npz"
    path.write_bytes(pickle.dumps(Payload(witness)))
    assert refusal(path).startswith("is no .npz file (a zip of arrays, ") and not witness.exists()


def raw(folder: Path, shape: tuple[int, ...], content: bytes) -> Path:
    """An .npz file whose array says that it has `shape`."""
    header = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    path = folder / "file.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue() + content)
    return path


def test_an_array_that_is_longer_on_paper_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    said = refusal(raw(tmp_path, (10**9, 1000, 1000, 3), b"\0" * 100))
    assert said.startswith("cannot be read (its array images is not as long as it says)")


def test_damage_within_an_array_is_noticed_and_nothing_is_left(tmp_path: Path, cache: Path) -> None:
    path = raw(tmp_path, (200, 40, 40), bytes(range(200)) * 1600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert refusal(path).startswith("its array images cannot be read (Bad CRC-32 ")
    assert not any((cache / "datasets").iterdir())


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 but no zip", b"\x93NUMPY\x01\x00"])
def test_what_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    assert refusal(path).startswith("is no .npz file")


def test_headers_read_no_values(tmp_path: Path) -> None:
    found = headers(written(tmp_path, mu=numpy.zeros(4), sigma=numpy.eye(4)))
    assert {name: header.shape for name, header in found.items()} == {"mu": (4,), "sigma": (4, 4)}
