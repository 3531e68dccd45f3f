"""Stacked MNIST: a thousand known modes, to count how many of them a generator draws."""

from collections.abc import Iterator

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.dataset.mnist import KIN, Mnist
from ganctl.dataset.mnist5k import Mnist5k
from ganctl.dataset.store import Content, packed

CLASSES = 10
_BLOCK = 2048
_RANGES = {"num_images": (2, 10_000_000), "seed": (0, 2**32 - 1)}


class StackedMnist:
    """Three grey digits as the red, green and blue of one image: label 100 r + 10 g + b, in [0, 1000).

    Metz et al. 2017 (arXiv:1611.02163, "Unrolled GANs"), section 3.3.1; 128,000 fixed images as in Srivastava et al.
    2017 (arXiv:1705.07761, "VEEGAN") and Lin et al. 2017 (arXiv:1712.04086, "PacGAN"). Which digits meet is drawn once
    by `seed`, uniformly and with replacement, for each channel by itself. `source` is mnist5k or a set of `mnist.KIN`,
    which `root`, `split` and `download` are for. At `resolution` 32 each image has 2 black pixels around it.

    The arguments are those of configs/dataset/stacked_mnist.yaml. Raises ArgumentError for others.
    """

    def __init__(
        self,
        *,
        source: str = "mnist5k",
        num_images: int = 128_000,
        resolution: int = 28,
        seed: int = 0,
        root: str = "data",
        split: str = "train",
        download: bool = True,
        cache: str | None = None,
    ):
        if source not in ("mnist5k", *KIN):
            raise ArgumentError("source", source, f"is none of mnist5k, {', '.join(KIN)}", "mnist5k")
        if resolution not in (28, 32):
            raise ArgumentError("resolution", resolution, "is neither 28 nor 32 (2 black pixels around)", (28, 32))
        for argument, value in (("num_images", num_images), ("seed", seed)):
            least, most = _RANGES[argument]
            if type(value) is not int or not least <= value <= most:
                raise ArgumentError(argument, value, f"is no whole number in [{least}, {most}]")
        if source == "mnist5k" and split != "train":
            raise ArgumentError("split", split, "mnist5k has one part; take it, or source=mnist", "train")
        self.digits = (
            Mnist5k(cache=cache)
            if source == "mnist5k"
            else Mnist(name=source, root=root, split=split, download=download, cache=cache)
        )
        self.num_images, self.seed, self.split, self.cache = num_images, seed, split, cache
        self.edge = (resolution - 28) // 2
        name = "stacked_mnist" if source == "mnist" else f"stacked_{source}"
        self.spec = DataSpec(name, (3, resolution, resolution), CLASSES**3)

    def load(self, progress: Progress | None = None) -> ImageStore:
        """Reads the cache, else the digits, which are of the `source`. Raises ValueError where these cannot be had."""
        digits = self.digits.load(progress)
        names = digits.class_names
        return packed(
            self.spec,
            key={"digits": digits.content_hash, "num_images": self.num_images, "seed": self.seed},
            read=lambda: self._stacked(digits),
            split=self.split,
            class_names=tuple(_joined(r, g, b) for r in names for g in names for b in names),
            cache=self.cache,
            progress=progress,
        )

    def _stacked(self, digits: ImageStore) -> Content:
        triples = triples_of(self.seed, self.num_images, len(digits.images))
        labels = digits.labels[triples] @ numpy.array([CLASSES**2, CLASSES, 1])
        return Content(labels, self._blocks(digits.images[:, 0], triples))

    def _blocks(self, digits: numpy.ndarray, triples: numpy.ndarray) -> Iterator[numpy.ndarray]:
        edge = (self.edge, self.edge)
        for start in range(0, len(triples), _BLOCK):
            yield numpy.pad(digits[triples[start : start + _BLOCK]], ((0, 0), (0, 0), edge, edge))


def triples_of(seed: int, count: int, num_digits: int) -> numpy.ndarray:
    """The numbers (count, 3) of the digits that meet in each image: a function of the three alone, by Philox."""
    return numpy.random.Generator(numpy.random.Philox(seed)).integers(0, num_digits, (count, 3))


def _joined(*names: str) -> str:
    """`307` of the digits 3, 0 and 7; names of more than a letter with a stroke between them."""
    return "".join(names) if all(len(name) == 1 for name in names) else "/".join(names)
