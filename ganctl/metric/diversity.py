"""How alike samples look to each other: the structural similarity of random pairs."""

from dataclasses import dataclass
from typing import Any

import numpy
import torch

from ganctl.contract import FeatureSet, Score
from ganctl.metric.features import by_name, check_count

WINDOW, SIGMA = 11, 1.5  # of the Gaussian that SSIM weighs a neighbourhood with, in pixels
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM's scales, finest first (Wang et al. 2003, section 3.2)
BATCH_PIXELS = 1 << 22  # in memory at once


@dataclass(frozen=True)
class Diversity:
    """Mean similarity of random pairs of samples (Odena et al. 2017, arXiv:1610.09585, section 4.2), in [-1, 1].

    `ssim_pairs` is the structural similarity (Wang et al. 2004), `ms_ssim_pairs` that at several scales (Wang et al.
    2003), in [0, 1]; `ssim_pairs_real` and `ms_ssim_pairs_real` are those of real images. Lower is more diverse, and
    far below the real images is noise, so they have no better and worse by themselves. 1 is a collapsed generator.

    `pairs` pairs of two different images are drawn by a frozen generator from `seed`; so the scores depend a little on
    the order of the images, and no more than 1 / sqrt(pairs) tells.
    """

    pairs: int = 1000
    seed: int = 0

    needs = ("generated.images", "real.images")

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        return tuple(map(Score, ("ssim_pairs", "ms_ssim_pairs", "ssim_pairs_real", "ms_ssim_pairs_real")))

    def check_count(self, num_images: int, num_real: int | None) -> None:
        check_count(num_images, num_real, least=2, what="a similarity of pairs")

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.images is not None and real.images is not None
        self.check_count(len(generated.images), len(real.images))
        values = (*self.similarities(generated.images), *self.similarities(real.images))
        return by_name(self.declare(generated.extractor, 0), values)

    def similarities(self, images: numpy.ndarray) -> tuple[float, float]:
        """The mean SSIM and MS-SSIM of random pairs of images (N, C, H, W) uint8, N at least 2.

        The usual five scales and window of 11 pixels need 176 pixels. Of smaller images as many scales are taken as
        fit, with the finest scales' weights made to sum to 1 (28 and 32 pixels: 2, 64: 3, 128: 4), and a window no
        larger than the image with its Gaussian narrowed alike. With a single scale (below 22 pixels) MS-SSIM is SSIM,
        not below 0.
        """
        from torchmetrics.functional.image import (
            multiscale_structural_similarity_index_measure,
            structural_similarity_index_measure,
        )

        pairs = random_pairs(len(images), pairs=self.pairs, seed=self.seed)
        weights, window, sigma = scales(min(images.shape[2:]))
        settings: dict[str, Any] = {"sigma": sigma, "kernel_size": window, "data_range": 1.0, "reduction": "sum"}
        ssim, ms_ssim = 0.0, 0.0
        batch = max(1, BATCH_PIXELS // images[0].size)
        for start in range(0, self.pairs, batch):
            sides = (numpy.ascontiguousarray(images[side[start : start + batch]]) for side in pairs)
            ours, theirs = (torch.from_numpy(side).float() / 255 for side in sides)
            ssim += float(structural_similarity_index_measure(ours, theirs, **settings))  # type: ignore[arg-type]
            ms_ssim += float(multiscale_structural_similarity_index_measure(ours, theirs, betas=weights, **settings))
        return ssim / self.pairs, ms_ssim / self.pairs


def random_pairs(count: int, *, pairs: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The numbers of both images of each pair, (pairs,) each, never the same one twice in a pair."""
    random = numpy.random.RandomState(seed)
    first = random.randint(count, size=pairs)
    return first, (first + 1 + random.randint(count - 1, size=pairs)) % count


def scales(pixels: int) -> tuple[tuple[float, ...], int, float]:
    """The weights of the scales that fit into `pixels` a side, the odd window, and the deviation of its Gaussian."""
    window = min(WINDOW, pixels - 1 + pixels % 2)
    # A window must lie inside the image at the coarsest of n scales, each half as large as the one before. torchmetrics
    # also asks for more than (window - 1) (n - 1)^2 and for 2^n pixels.
    least = [max(window << (n - 1), window * max(1, n - 1) ** 2, 2**n) for n in range(1, len(WEIGHTS) + 1)]
    kept = WEIGHTS[: max(n for n, needed in enumerate(least, start=1) if pixels >= needed)]
    return tuple(weight / sum(kept) for weight in kept), window, SIGMA * window / WINDOW
