"""MNIST and the sets that come in its file format: 60,000 + 10,000 grey 28x28 images in ten classes."""

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.published import Published
from ganctl.dataset.store import Content, in_blocks
from ganctl.download import hash_of


class Kin(NamedTuple):
    """One of the sets: the class of torchvision.datasets that knows its addresses and checksums, and its classes."""

    torchvision: str
    class_names: tuple[str, ...]


KIN = {
    "mnist": Kin("MNIST", tuple("0123456789")),
    "fashion_mnist": Kin(
        "FashionMNIST",
        ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    "kmnist": Kin("KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
}


class Mnist:
    """MNIST (LeCun et al. 1998), Fashion-MNIST (Xiao et al. 2017), KMNIST (Clanuwat et al. 2018).

    The files are where torchvision keeps them, in `root`/MNIST/raw (FashionMNIST, KMNIST), as the published .gz or
    unpacked; the network is not touched if they are there. A .gz must have the published checksum. The arguments are
    those of configs/dataset/mnist.yaml; raises ArgumentError for others.
    """

    def __init__(
        self,
        *,
        name: str = "mnist",
        root: str = "data",
        split: str = "train",
        download: bool = True,
        cache: str | None = None,
    ):
        if name not in KIN:
            raise ArgumentError("name", name, f"is none of {', '.join(KIN)}")
        self.kin = KIN[name]
        self.published = Published(root, f"{self.kin.torchvision}/raw", split=split, download=download, cache=cache)
        part = "train" if split == "train" else "t10k"
        self.files = (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz")
        self.spec = DataSpec(name, (1, 28, 28), 10)

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the files, else the network. Raises ValueError, in one line, where all three fail."""
        for file in self.files:
            if not any(path.is_file() for path in self._places(file)):
                mirrors, md5 = self._source()
                urls, lack = [mirror + file for mirror in mirrors], f"{file} is not there"
                self.published.fetch(file, urls, md5[file], needed=self.files, lack=lack, progress=progress)
        paths = [path for file in self.files for path in self._places(file)]
        return self.published.store(self.spec, paths, self._read, self.kin.class_names, progress)

    def _places(self, file: str) -> tuple[Path, Path]:
        return self.published.folder / file, self.published.folder / file.removesuffix(".gz")

    def _source(self) -> tuple[list[str], dict[str, str]]:
        """Where the files are published, and their checksums."""
        import torchvision.datasets

        source = getattr(torchvision.datasets, self.kin.torchvision)
        return list(source.mirrors), dict(source.resources)

    def _read(self) -> Content:
        images, labels = (self._content(file) for file in self.files)
        if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or not len(labels) or labels.max() > 9:
            need = "are not 28x28 images and as many labels from 0 to 9; remove them, and they are downloaded again"
            where = f"{self.files[0]} and {self.files[1]} in {self.published.folder}"
            raise ArgumentError("root", self.published.root, f"{where} {need}")
        return Content(labels.astype(numpy.int64), in_blocks(images[:, None]))

    def _content(self, file: str) -> numpy.ndarray:
        """The array in the .gz if its checksum is right, else the one in the unpacked file."""
        packed_file, unpacked = self._places(file)
        try:
            if packed_file.is_file() and hash_of(packed_file, "md5") == self._source()[1][file]:
                return idx_array(gzip.decompress(packed_file.read_bytes()))
            if unpacked.is_file():
                return idx_array(unpacked.read_bytes())
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise self.published.damaged(unpacked if unpacked.is_file() else packed_file) from error
        raise self.published.damaged(packed_file)


def idx_array(content: bytes) -> numpy.ndarray:
    """The unsigned bytes of a file in the IDX format (LeCun's page on MNIST): two zeros, 8, n, n sides, the values.

    Raises ValueError where it is not one, or not all of it is there.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError("no IDX file of unsigned bytes")
    sides = content[3]
    shape = tuple(numpy.frombuffer(content, ">u4", sides, offset=4).tolist())
    return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * sides).reshape(shape)
