"""Tasks that start from pictures, on toy networks: what the contract has to carry beside latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ganctl.contract import Batch, DataSpec, Given, ImageStore, Sample

SPEC = DataSpec("pairs", (1, 8, 8), None, source_shape=(2, 8, 8))


@dataclass(frozen=True)
class Translation:
    """Images from a source image that may belong to them; the discriminator sees the source beside what it judges."""

    spec: DataSpec
    sources: numpy.ndarray | None = None

    def keywords(self, network: str) -> dict[str, Any]:
        return {"image_shape": self.spec.image_shape, "source_shape": self.spec.source_shape}

    def fitted(self, store: ImageStore) -> Translation:
        return replace(self, sources=store.sources)

    def facts(self) -> dict[str, Any]:
        return {}

    def restored(self, facts: Mapping[str, Any]) -> Translation:
        return self

    def given(self, batch: Batch) -> Given:
        assert batch.source is not None
        return {"source": batch.source}

    def shown(self, given: Given) -> Given:
        return given

    def samples(self, seed: int, start: int, count: int) -> Given:
        assert self.sources is not None
        rows = self.sources[numpy.arange(start, start + count) % len(self.sources)]
        return {"source": torch.from_numpy(rows).float() / 127.5 - 1}

    def grid(self, seed: int, count: int) -> tuple[Given, int | None]:
        return self.samples(seed, 0, count), None

    def asked_labels(self, seed: int, count: int) -> Tensor | None:
        return None


@dataclass(frozen=True)
class Enlargement(Translation):
    """Images from themselves, half as large; the discriminator sees nothing beside them."""

    def given(self, batch: Batch) -> Given:
        return {"source": avg_pool2d(batch.images, 2)}

    def shown(self, given: Given) -> Given:
        return {}


class Translator(nn.Module):
    """Source (N, C', 8, 8) to image (N, 1, 8, 8)."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 1, 3, 1, 1), nn.Tanh())

    def forward(self, source: Tensor) -> Tensor:
        return self.layers(source)


class Enlarger(Translator):
    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, source: Tensor) -> Tensor:
        return self.layers(interpolate(source, scale_factor=2))


class Patches(nn.Module):
    """Image and what is shown beside it to logits (N, 1, 4, 4), one for each patch."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3, 1, 1))

    def forward(self, images: Tensor, source: Tensor | None = None) -> Tensor:
        return self.layers(images if source is None else torch.cat([images, source], dim=1))


@dataclass(frozen=True)
class Distance:
    """weight |G(source) - truth|: what pix2pix and super-resolution add to the generator's loss."""

    weight: float = 100.0
    every: int = 1

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        return self.weight * (fake.images - real.images).abs()


def pairs(count: int = 24, *, paired: bool = True) -> ImageStore:
    """Images whose source is their negative and their left-right mirror image."""
    pixels = numpy.random.default_rng(0).integers(0, 256, (count, 1, 4, 4)).astype(numpy.uint8)
    images = pixels.repeat(2, axis=2).repeat(2, axis=3)
    sources = numpy.concatenate([255 - images, images[..., ::-1]], axis=1)
    labels = numpy.zeros(count, numpy.int64)
    if not paired:
        sources = sources[: count - 5]
    return ImageStore(SPEC, images, labels, content_hash="0", sources=sources, paired=paired)
