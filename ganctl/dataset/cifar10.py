"""CIFAR-10: 50,000 + 10,000 colour 32x32 images in ten classes."""

import io
import pickle
import tarfile
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.published import Published
from ganctl.dataset.store import Content, in_blocks
from ganctl.download import hash_of

SIDE, _LARGEST = 32, 256  # pixels
ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar10:
    """CIFAR-10 (Krizhevsky 2009, "Learning multiple layers of features from tiny images").

    The files are where torchvision keeps them: `root`/cifar-10-python.tar.gz, which is read as it is, or unpacked in
    `root`/cifar-10-batches-py; the network is not touched if they are there. Both must have the published checksums.
    With a `resolution` above 32 the images are enlarged by Lanczos' filter, once. The arguments are those of
    configs/dataset/cifar10.yaml; raises ArgumentError for others.
    """

    def __init__(
        self,
        *,
        root: str = "data",
        split: str = "train",
        resolution: int = SIDE,
        download: bool = True,
        cache: str | None = None,
    ):
        if type(resolution) is not int or not SIDE <= resolution <= _LARGEST:
            need = f"is no whole number in [{SIDE}, {_LARGEST}]"
            raise ArgumentError("resolution", resolution, need, SIDE)
        self.published = Published(root, "", split=split, download=download, cache=cache)
        self.archive = self.published.folder / ARCHIVE
        self.batches = tuple(self.published.folder / FOLDER / batch for batch in BATCHES[split])
        self.spec = DataSpec("cifar10", (3, resolution, resolution), 10)

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the files, else the network. Raises ValueError, in one line, where all three fail."""
        if not self._unpacked() and not self.archive.is_file():
            from torchvision.datasets import CIFAR10

            urls, lack = [CIFAR10.url], f"neither {ARCHIVE} nor {FOLDER} is there"
            self.published.fetch(ARCHIVE, urls, CIFAR10.tgz_md5, needed=[ARCHIVE], lack=lack, progress=progress)
        return self.published.store(self.spec, (self.archive, *self.batches), self._read, CLASS_NAMES, progress)

    def _unpacked(self) -> bool:
        return all(path.is_file() for path in self.batches)

    def _read(self) -> Content:
        from torchvision.datasets import CIFAR10

        checksums = dict((*CIFAR10.train_list, *CIFAR10.test_list))
        suspect = self.archive if self.archive.is_file() else self.batches[0].parent
        try:
            if self._unpacked() and all(hash_of(path, "md5") == checksums[path.name] for path in self.batches):
                contents = [path.read_bytes() for path in self.batches]
            elif self.archive.is_file() and hash_of(self.archive, "md5") == CIFAR10.tgz_md5:
                contents = self._members()
            else:
                raise self.published.damaged(suspect)
            parts = [batch_arrays(content) for content in contents]
        except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error, pickle.UnpicklingError) as error:
            raise self.published.damaged(suspect) from error
        images = numpy.concatenate([images for images, _ in parts])
        return Content(numpy.concatenate([labels for _, labels in parts]), self._blocks(images))

    def _blocks(self, images: numpy.ndarray) -> Iterator[numpy.ndarray]:
        from ganctl.dataset.decode import scaled

        for block in in_blocks(images):
            yield numpy.stack([scaled(image, self.spec.image_shape[1]) for image in block])

    def _members(self) -> list[bytes]:
        """The batches in the archive, read in the order in which it holds them."""
        wanted = {f"{FOLDER}/{path.name}": path.name for path in self.batches}
        contents: dict[str, bytes] = {}
        with tarfile.open(self.archive, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name in wanted else None
                if file is not None:
                    contents[wanted[member.name]] = file.read()
        return [contents[path.name] for path in self.batches]


def batch_arrays(content: bytes) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one pickled batch. Nothing but arrays is unpickled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, about how it pickled arrays in 2009
        batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    return batch["data"].reshape(-1, 3, 32, 32), numpy.array(batch["labels"], dtype=numpy.int64)


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name but those that a pickled numpy array needs."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name.replace('_core', 'core')}.{global_name}"
        if name in ("numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct", "_codecs.encode"):
            return super().find_class(module_name, global_name)
        raise pickle.UnpicklingError(f"{module_name}.{global_name} has no place in a file of images")
