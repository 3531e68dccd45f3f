"""Whether a generator copies its training images: distances to the nearest of them, in feature and in pixel space."""

import warnings
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from ganctl.contract import Direction, FeatureSet, Score
from ganctl.metric.features import both_features, check_count, part

BLOCK = 4096  # images that are in memory as numbers at once
QUANTITIES: dict[str, Direction | None] = {"copies": "lower", "duplicates": "lower", "nearest": None}
WHAT = "the search for copies"
SAME = 1e-5  # of the spread of the real images: less is no difference, but rounding of the extractor
SIDE = 32  # pixels; larger images are shrunk to it before they are compared


@dataclass(frozen=True)
class Memorisation:
    """How near samples come to real images, measured by how near those come to each other.

    In feature space (`<extractor>`) and in pixel space (`pixels`), where images of more than 32 pixels are first shrunk
    to 32 by averaging areas, and rounded to 8 bits:

    `copies_<space>`: share of samples whose nearest real image is no further than the `quantile` of the distances of
    real images to their nearest other one; an independent test set scores about `quantile`, exact copies 1.
    `duplicates_<space>`: share of samples with another sample as near as that. `nearest_<space>`: median distance to
    the nearest real image, divided by that of the real images to each other; about 1 for a test set. The first two are
    better lower; nearness has no better and worse: 0 is memory, far above 1 is noise.

    Real images that have a copy among the others, to within 1e-5 of the spread, do not count for the quantile and the
    median, since 0 measures nothing. Where all do, only exact copies are copies, and `nearest_` is left out.

    `max_images` samples are compared with all real images; the distances among real images are those of `max_real` of
    them to all others. The parts are random choices that depend on the numbers alone.
    """

    quantile: float = 0.01
    max_images: int = 5000
    max_real: int = 2000

    needs = ("generated.features", "generated.images", "real.features", "real.images")

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        return tuple(
            Score(f"{quantity}_{space}", direction, quantity=quantity)
            for space in (extractor, "pixels")
            for quantity, direction in QUANTITIES.items()
        )

    def check_count(self, num_images: int, num_real: int | None) -> None:
        check_count(num_images, num_real, least=2, what=WHAT)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        features = both_features(generated, real, least=2, what=WHAT)
        assert generated.images is not None and real.images is not None
        if generated.images.shape[1:] != real.images.shape[1:]:
            shapes = " and ".join("x".join(map(str, images.shape[1:])) for images in (generated.images, real.images))
            raise ValueError(f"images of {shapes} cannot be compared; both sides need the same data set")
        chosen = part(generated.count, self.max_images)
        pixels = as_rows(generated.images[chosen.numpy()]), as_rows(real.images)
        spaces = {generated.extractor: (features[0][chosen], features[1]), "pixels": pixels}
        return {
            f"{quantity}_{space}": value
            for space, sides in spaces.items()
            for quantity, value in self.values(*sides).items()
        }

    def values(self, generated: Tensor, real: Tensor) -> dict[str, float]:
        """`copies`, `duplicates` and, where it has a scale, `nearest`, of rows (N, F) and (M, F), 2 or more of each."""
        to_real, _ = nearest(generated, real)
        to_sample, _ = nearest(generated, generated, itself=torch.arange(len(generated)))
        chosen = part(len(real), self.max_real)
        among, _ = nearest(real[chosen], real, itself=chosen)
        same = SAME * spread(real)
        apart = among[among > same]
        near = max(apart.quantile(self.quantile).item(), same) if len(apart) else same
        scores = {"copies": (to_real <= near).double().mean().item()}
        scores["duplicates"] = (to_sample <= near).double().mean().item()
        if len(apart):
            scores["nearest"] = (to_real.quantile(0.5) / apart.quantile(0.5)).item()
        return scores


def nearest_real(generated: FeatureSet, real: FeatureSet, numbers: Tensor, *, pixels: bool = False) -> Tensor:
    """The numbers of the real images nearest to the samples `numbers` (K,) int64, (K,) int64; by features or by pixels.

    Needs the features of both sides, or with `pixels` their images. Raises ValueError as the metric does.
    """
    if pixels:
        assert generated.images is not None and real.images is not None
        return nearest(as_rows(generated.images[numbers.numpy()]), as_rows(real.images))[1]
    ours, theirs = both_features(generated, real, least=1, what="the nearest real image")
    return nearest(ours[numbers], theirs)[1]


def nearest_samples(generated: FeatureSet, real: FeatureSet, count: int, most: int = 5000) -> Tensor:
    """The numbers of the `count` samples that are nearest to a real image by features, nearest first, (count,) int64.

    If any sample is a copy, it is among them. No more than the first `most` samples are looked at.
    """
    ours, theirs = both_features(generated, real, least=1, what="the nearest real image")
    return nearest(ours[:most], theirs)[0].argsort(stable=True)[:count]


def nearest(rows: Tensor, others: Tensor, *, itself: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The distance of each of `rows` (N, F) to the nearest of `others` (M, F), (N,) float64, and its number (N,) int64.

    `itself` (N,) are the numbers of `others` that are the rows themselves, and do not count. The search is by
    |y|^2 / 2 - x.y in float32, from the centre of `others`, and finds either of neighbours equally near to about 1e-6
    of their norm; the distance is then taken exactly, so that it is 0 for a copy.
    """
    centre = others[part(len(others), BLOCK)].double().mean(dim=0).float()
    queries = rows.float() - centre
    best = torch.full((len(rows),), torch.inf)
    number = torch.zeros(len(rows), dtype=torch.int64)
    space = torch.empty(len(rows), min(BLOCK, len(others)))
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK].float() - centre
        scores = space[:, : len(block)]
        torch.addmm(block.square().sum(dim=1) / 2, queries, block.T, alpha=-1, out=scores)
        if itself is not None:
            inside = ((itself >= start) & (itself < start + len(block))).nonzero()[:, 0]
            scores[inside, itself[inside] - start] = torch.inf
        values, columns = scores.min(dim=1)
        better = values < best
        best = torch.where(better, values, best)
        number = torch.where(better, columns + start, number)
    distances = [
        (mine.double() - others[theirs].double()).norm(dim=1)
        for mine, theirs in zip(rows.split(BLOCK), number.split(BLOCK), strict=True)
    ]
    return torch.cat(distances), number


def spread(rows: Tensor) -> float:
    """The root of the mean squared distance of rows (N, F) from their mean, of at most BLOCK of them."""
    some = rows[part(len(rows), BLOCK)].double()
    return (some - some.mean(dim=0)).square().sum(dim=1).mean().sqrt().item()


def as_rows(images: numpy.ndarray) -> Tensor:
    """Images (N, C, H, W) uint8 as rows (N, C h w) uint8, shrunk to at most 32 pixels a side by averaging areas."""
    height, width = (min(side, SIDE) for side in images.shape[2:])
    if (height, width) == images.shape[2:]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # a memory map; nobody writes
            return torch.from_numpy(numpy.ascontiguousarray(images)).flatten(1)
    shrunk = []
    for start in range(0, len(images), 256):
        pixels = torch.from_numpy(images[start : start + 256].astype(numpy.float32))
        averages = torch.nn.functional.adaptive_avg_pool2d(pixels, (height, width))
        shrunk.append(averages.round_().to(torch.uint8))
    return torch.cat(shrunk).flatten(1)
