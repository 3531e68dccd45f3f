"""Features gathered batch by batch into the statistics that metrics compare."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganctl.contract import FeatureExtractor, FeatureSet, Progress

Generate = Callable[[int, int], Tensor]
"""`generate(start, count)`: images number start to start + count - 1, (count, C, H, W) in [-1, 1], always the same."""


class FeatureStatistics:
    """Count, mean and covariance of a stream of features, in float64 whatever the extractor's precision.

    Batches are merged by the pairwise update of Chan, Golub and LeVeque (1979), which loses nothing to cancellation.
    The features themselves are kept while they are no more than their dimensions, and the logits if `keep_logits`.
    """

    def __init__(self, extractor: str, *, keep_logits: bool):
        self.extractor = extractor
        self.count = 0
        self._keep_logits = keep_logits
        self._mean = torch.empty(0, dtype=torch.float64)
        self._scatter = torch.empty(0, 0, dtype=torch.float64)
        self._features: list[Tensor] | None = []
        self._logits: list[Tensor] = []

    def add(self, features: Tensor, logits: Tensor) -> None:
        """Takes the features (N, F) and logits (N, K) of the next N images. Raises ValueError for NaN or infinity."""
        features = features.detach().float().cpu()
        if not (features.isfinite().all() and logits.isfinite().all()):
            raise ValueError(
                f"feature={self.extractor}: NaN or infinite features among images {self.count} to "
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
        if self.count > features.shape[1]:
            self._features = None
        if self._features is not None:
            self._features.append(features)
        if self._keep_logits:
            self._logits.append(logits.detach().float().cpu())

    def result(self) -> FeatureSet:
        """What was gathered. Raises ValueError for fewer than two images, which have no covariance."""
        if self.count < 2:
            raise ValueError(f"evaluation.num_images={self.count}: statistics need at least 2 images")
        logits = torch.cat(self._logits) if self._keep_logits else None
        return FeatureSet(
            extractor=self.extractor,
            count=self.count,
            mean=self._mean,
            covariance=self._scatter / (self.count - 1),
            features=None if self._features is None else torch.cat(self._features),
            logits=logits if logits is not None and logits.shape[1] else None,  # none, of an extractor without classes
        )


def extract(
    generate: Generate,
    extractor: FeatureExtractor,
    *,
    num_images: int,
    batch_size: int,
    keep_logits: bool,
    what: str,
    progress: Progress | None = None,
) -> FeatureSet:
    """The statistics of images 0 to `num_images` - 1 of `generate`.

    `progress(what, done, num_images)` is called at the start and after each batch. Images are judged as they would be
    saved, in 8 bits a channel: real ones are so already. Raises ValueError for NaN and for fewer than two images.
    """
    statistics = FeatureStatistics(extractor.name, keep_logits=keep_logits)
    if progress:
        progress(what, 0, num_images)
    for start in range(0, num_images, batch_size):
        images = generate(start, min(batch_size, num_images - start))
        if not images.isfinite().all():
            raise ValueError(
                f"evaluation: NaN or infinite pixels among images {start} to {start + len(images) - 1}; "
                "the generator has diverged; try a lower optimizer.lr or a regularizer"
            )
        statistics.add(*extractor(in_8_bits(images)))
        if progress:
            progress(what, statistics.count, num_images)
    return statistics.result()


def in_8_bits(images: Tensor) -> Tensor:
    """Images in [-1, 1] to the nearest float32 x / 127.5 - 1 with x an integer from 0 to 255 (halves up)."""
    return images.float().add(1).mul(127.5).add(0.5).floor().clamp(0, 255).div(127.5).sub(1)
