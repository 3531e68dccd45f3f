"""Whether samples look painted by the same hand as the real images, and how unlike each other they look."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy
import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureSet, Score
from ganctl.metric.diversity import random_pairs
from ganctl.metric.features import by_name, check_count, part
from ganctl.pretrained import (
    VARIANTS,
    EfficientNetLite,
    efficientnet_lite,
    gram_matrices,
    perceptual_distance,
    resized,
)

QUANTITIES = ("style", "style_nearest", "perceptual_pairs")
BATCH = 50  # images that are looked at at once
WHAT = "a distance of styles"


@dataclass(frozen=True)
class Style:
    """Distances by what the frozen `network` sees at `size` pixels a side, textures and colours wherever they lie.

    An image's style are the Gram matrices of its feature maps of strides 4, 8 and 16 (Gatys et al. 2015,
    arXiv:1508.06576, Methods, eq. 3 to 5), each over the root mean square norm of the real ones', so that each counts
    alike. `style_<network>` is the distance of the samples' mean from that of real images, `style_nearest_<network>`
    the mean distance of a sample from the nearest of these; both are better lower, and 0 for the same images.
    `style_real_<network>` and `style_nearest_real_<network>` are those of held-out real images from the same ones: what
    a perfect generator gets. Of `max_images` samples and twice as many real ones, or as many as there are of both, the
    same number is compared; the real ones are shared out in turn. With fewer images distances are larger.

    `perceptual_pairs_<network>`, beside that of real images, is the mean perceptual distance of `pairs` random pairs
    (Zhang et al. 2018, arXiv:1801.03924, section 3, without learned weights), as `diversity` draws them: lower is less
    diverse and 0 a collapsed generator. It has no better and worse, as noise is the most diverse.
    """

    network: str = "efficientnet_lite2"
    size: int = 100
    max_images: int = 500
    pairs: int = 200
    seed: int = 0

    needs = ("generated.images", "real.images")

    def __post_init__(self) -> None:
        check_network(self.network)

    @property
    def pretrained(self) -> str:
        return self.network

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        """Named after the metric's own network, whatever the extractor."""
        style, nearest, pairs = QUANTITIES
        return (
            Score(f"{style}_{self.network}", "lower", quantity=style),
            Score(f"{nearest}_{self.network}", "lower", quantity=nearest),
            Score(f"{pairs}_{self.network}", quantity=pairs),
            *(Score(f"{quantity}_real_{self.network}") for quantity in QUANTITIES),
        )

    def check_count(self, num_images: int, num_real: int | None) -> None:
        check_count(num_images, None, least=2, what=WHAT)
        if num_real is not None and num_real < 4:
            raise ArgumentError("num_real", num_real, f"{WHAT} needs at least 4 real images, half of them held out")

    @torch.no_grad()
    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.images is not None and real.images is not None
        self.check_count(len(generated.images), len(real.images))
        count = min(self.max_images, len(generated.images), len(real.images) // 2)
        chosen = part(len(real.images), 2 * count).numpy()
        numbers = part(len(generated.images), count).numpy(), chosen[0 : 2 * count : 2], chosen[1 : 2 * count : 2]
        images = generated.images, real.images, real.images
        samples, known, held_out = (self._grams(side, index) for side, index in zip(images, numbers, strict=True))
        scale = [len(grams) ** 0.5 / grams.norm() / len(known) ** 0.5 for grams in known]
        values = []
        for side, pairs_of in ((samples, generated.images), (held_out, real.images)):
            ours, theirs = (torch.cat([g * s for g, s in zip(x, scale, strict=True)], dim=1) for x in (side, known))
            values.append((ours.mean(dim=0) - theirs.mean(dim=0)).norm().item())
            values.append(torch.cdist(ours, theirs).amin(dim=1).mean().item())
            values.append(self._unlikeness(pairs_of))
        return by_name(self.declare(generated.extractor, 0), values)

    def _grams(self, images: numpy.ndarray, index: numpy.ndarray) -> list[Tensor]:
        """The Gram matrices (n, C C) of the chosen images, for each stride."""
        network = frozen_network(self.network)
        parts = [gram_matrices(network, batch) for batch in batches(images, self.size, index)]
        return [torch.cat(grams) for grams in zip(*parts, strict=True)]

    def _unlikeness(self, images: numpy.ndarray) -> float:
        network, sides = frozen_network(self.network), random_pairs(len(images), pairs=self.pairs, seed=self.seed)
        both = zip(*(batches(images, self.size, side) for side in sides), strict=True)
        return torch.cat([perceptual_distance(network, *pair) for pair in both]).double().mean().item()


def check_network(name: str) -> None:
    """Raises ArgumentError for a network that is none of EfficientNet's variants."""
    if name not in VARIANTS:
        raise ArgumentError("network", name, f"is unknown; choose from {', '.join(VARIANTS)}")


def batches(images: numpy.ndarray, size: int, index: numpy.ndarray | None = None) -> Iterator[Tensor]:
    """The images (N, C, H, W) uint8, or those chosen, as a network takes them: float32 (n, 3, size, size)."""
    index = numpy.arange(len(images)) if index is None else index
    for start in range(0, len(index), BATCH):
        pixels = torch.from_numpy(images[index[start : start + BATCH]]).float() / 127.5 - 1
        yield resized(pixels.expand(-1, 3, -1, -1), size).contiguous(memory_format=torch.channels_last)


@cache
def frozen_network(name: str) -> EfficientNetLite:
    """Read from the disk once, as a run is judged many times."""
    return efficientnet_lite(VARIANTS[name])
