"""Features gathered batch by batch into the statistics that metrics compare."""

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial

import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureExtractor, FeatureSet, Progress

Generate = Callable[[int, int], Tensor]
"""`generate(start, count)`: images number start to start + count - 1, (count, C, H, W) in [-1, 1], always the same."""

Judged = tuple[Tensor, Tensor, Tensor]
"""Of a batch of images: features, logits, pixels."""

Spread = Callable[[Callable[[int], Judged], int], Generator[Judged, None, None]]
"""`spread(work, count)`: work(0) to work(count - 1) in order, done by whomever."""


def one_by_one(work: Callable[[int], Judged], count: int) -> Generator[Judged, None, None]:
    """All of it here, one after the other."""
    return (work(number) for number in range(count))


KEPT_BYTES = 1 << 30
"""Most memory for the features of one side, for its logits and for its images: 131,072 images of Inception's."""


class FeatureStatistics:
    """Count, mean and covariance of a stream of features, in float64 whatever the extractor's precision.

    Batches are merged by the pairwise update of Chan, Golub and LeVeque (1979), which loses nothing to cancellation.
    Features, logits and images are kept as well, each while they take no more than `KEPT_BYTES`.
    """

    def __init__(self, extractor: str):
        self.extractor = extractor
        self.count = 0
        self._mean = torch.empty(0, dtype=torch.float64)
        self._scatter = torch.empty(0, 0, dtype=torch.float64)
        self._features, self._logits, self._images = Kept(), Kept(), Kept()

    def add(self, features: Tensor, logits: Tensor, images: Tensor | None = None) -> None:
        """Takes the features (N, F), logits (N, K) and uint8 images of the next N. Raises ValueError for NaN."""
        features = features.detach().float().cpu()
        if not (features.isfinite().all() and logits.isfinite().all()):
            raise ValueError(
                f"{self.extractor}: NaN or infinite features among images {self.count} to "
                f"{self.count + len(features) - 1}; the extractor cannot judge them"
            )
        values = features.double()
        mean = values.mean(dim=0)
        centred = values - mean
        scatter = centred.T @ centred
        if self.count == 0:
            self._mean, self._scatter = mean, scatter
        else:
            total = self.count + len(values)
            difference = mean - self._mean
            self._mean = self._mean + difference * (len(values) / total)
            self._scatter += scatter
            self._scatter += torch.outer(difference, difference) * (self.count * len(values) / total)
        self.count += len(values)
        self._features.add(features)
        self._logits.add(logits.detach().float().cpu())
        if images is not None:
            self._images.add(images)

    def result(self, labels: Tensor | None = None) -> FeatureSet:
        """What was gathered. Raises ValueError for fewer than two images, which have no covariance."""
        if self.count < 2:
            raise ArgumentError("num_images", self.count, "statistics need at least 2 images")
        images = self._images.result()
        return FeatureSet(
            extractor=self.extractor,
            count=self.count,
            mean=self._mean,
            covariance=self._scatter / (self.count - 1),
            features=self._features.result(),
            logits=self._logits.result(),
            labels=labels,
            images=None if images is None else images.numpy(),
        )


class Kept:
    """Batches of rows, until they would take more than `KEPT_BYTES` together: then none are kept."""

    def __init__(self) -> None:
        self._parts: list[Tensor] | None = []
        self._bytes = 0

    def add(self, rows: Tensor) -> None:
        self._bytes += rows.numel() * rows.element_size()
        if self._bytes > KEPT_BYTES:
            self._parts = None
        if self._parts is not None:
            self._parts.append(rows)

    def result(self) -> Tensor | None:
        """All rows, or None: too many, or without a single number, as the logits of an extractor without classes."""
        rows = torch.cat(self._parts) if self._parts else None
        return rows if rows is not None and rows.numel() else None


def extract(
    generate: Generate,
    extractor: FeatureExtractor,
    *,
    num_images: int,
    batch_size: int,
    what: str,
    labels: Tensor | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
    spread: Spread = one_by_one,
) -> FeatureSet:
    """The statistics of images 0 to `num_images` - 1 of `generate`, whose `labels` (num_images,) are handed through.

    By `spread` several processes do it together, batch by batch: the batches are those of one, and so the statistics.

    Images are judged as they would be saved, in 8 bits a channel: real ones are so already. Raises ValueError for NaN
    and for fewer than two images.
    """
    statistics = FeatureStatistics(extractor.name)
    if progress:
        progress(what, 0, num_images)
    work = partial(judged, generate, extractor, num_images, batch_size)
    with closing(spread(work, -(-num_images // batch_size))) as batches:
        for features, logits, pixels in batches:
            statistics.add(features, logits, pixels if keep_images else None)
            if progress:
                progress(what, statistics.count, num_images)
    return statistics.result(labels)


def judged(generate: Generate, extractor: FeatureExtractor, num_images: int, batch_size: int, number: int) -> Judged:
    """The batch `number` of `num_images` images: features (n, F), logits (n, K), uint8 pixels, all on the CPU."""
    start = number * batch_size
    images = generate(start, min(batch_size, num_images - start))
    if not images.isfinite().all():
        raise ValueError(
            f"NaN or infinite pixels among images {start} to {start + len(images) - 1}; "
            "the generator has diverged; try a lower learning rate or a regularizer"
        )
    pixels = as_pixels(images)
    features, logits = extractor(from_pixels(pixels))
    return features.detach().cpu(), logits.detach().cpu(), pixels.cpu()


def as_pixels(images: Tensor) -> Tensor:
    """Images in [-1, 1] to the nearest uint8 x with x / 127.5 - 1 (halves up), what is outside to 0 or 255."""
    return images.float().add(1).mul(127.5).add(0.5).floor().clamp(0, 255).to(torch.uint8)


def from_pixels(pixels: Tensor) -> Tensor:
    """uint8 pixels x to float32 x / 127.5 - 1 in [-1, 1]."""
    return pixels.float().div(127.5).sub(1)
