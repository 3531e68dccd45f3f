"""Images from latents: the task of most generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
import torch
from torch import Tensor

from ganctl.collective import common
from ganctl.contract import ALONE, ArgumentError, Batch, DataSpec, Given, ImageStore, World

_SAMPLING = 1  # of the purposes that random numbers are drawn for; training.draws and task.picture have the others


@dataclass(frozen=True)
class Noise:
    """Images from nothing but latents z ~ N(0, I), (N, latent_size), and labels (N,).

    In training the labels are those of the real images that the samples play against; networks look at them only where
    the task is `conditional`. `class_counts` are how often the data have each class: samples are asked for as often.

    Raises:
        ValueError: classes are to be asked for, and the data have none.
    """

    spec: DataSpec
    latent_size: int
    conditional: bool = False
    class_counts: tuple[int, ...] | None = None
    world: World = ALONE

    def __post_init__(self) -> None:
        if self.conditional and self.spec.num_classes is None:
            raise ArgumentError("conditional", "true", f"{self.spec.name} has no labels", "false")

    def keywords(self, network: str) -> dict[str, Any]:
        num_classes = self.spec.num_classes if self.conditional else None
        known = {"image_shape": tuple(self.spec.image_shape), "num_classes": num_classes}
        return {"latent_size": self.latent_size, **known} if network == "generator" else known

    def fitted(self, store: ImageStore) -> Noise:
        if not self.conditional:
            return replace(self, spec=store.spec)
        counts = numpy.bincount(store.labels, minlength=store.spec.num_classes or 0)
        return replace(self, spec=store.spec, class_counts=tuple(counts.tolist()))

    def facts(self) -> dict[str, Any]:
        return {"class_counts": None if self.class_counts is None else list(self.class_counts)}

    def restored(self, facts: Mapping[str, Any]) -> Noise:
        counts = facts["class_counts"]
        return replace(self, class_counts=None if counts is None else tuple(counts))

    def given(self, batch: Batch) -> Given:
        everyone = len(batch.labels) * self.world.size
        device = batch.labels.device
        latents = torch.randn(everyone, self.latent_size, device=device, generator=common(device))
        return {"latents": self.world.share(latents), "labels": batch.labels}

    def shown(self, given: Given) -> Given:
        return {"labels": given["labels"]}

    def samples(self, seed: int, start: int, count: int) -> Given:
        latents, labels = sample_inputs(seed, start, count, self.latent_size, self.class_counts)
        return {"latents": latents, "labels": labels}

    def grid(self, seed: int, count: int) -> tuple[Given, int | None]:
        """A class a column where there are classes, and whole rows of them."""
        classes = len(self.class_counts or [0])
        columns = classes if 1 < classes <= count else None
        count -= count % (columns or 1)
        return self.samples(seed, 0, count) | {"labels": torch.arange(count) % classes}, columns

    def asked_labels(self, seed: int, count: int) -> Tensor | None:
        return self.samples(seed, 0, count)["labels"] if self.class_counts else None


@dataclass(frozen=True)
class Codes(Noise):
    """Images from latents z ~ N(0, I), the first of which are codes for a discriminator to recover.

    Chen et al. 2016 (arXiv:1606.03657, "InfoGAN", section 5): the first latent says which of `categories` (K) is meant,
    k = floor(K Phi(z_1)), each as often; each of the next `continuous` is a number 2 Phi(z_i) - 1, uniform in [-1, 1].
    So the latents stay what they are for any other generator, and the images a function of them. The discriminator is
    shown them, for `regularizer=[mutual_information]` to ask after; its logits do not depend on them.

    Raises:
        ArgumentError: there are no codes, or fewer latents than codes.
    """

    categories: int = 10
    continuous: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.categories == 1:
            raise ArgumentError("categories", 1, "one category tells nothing", (0, 10))
        if not self.number:
            raise ArgumentError("categories", 0, "there are no codes; take task=noise, or ask for some", 10)
        if self.latent_size < self.number:
            need = f"the codes are {self.number} latents by themselves"
            raise ArgumentError("latent_size", self.latent_size, need, self.number + 62)

    @property
    def number(self) -> int:
        """Of the latents that are codes."""
        return bool(self.categories) + self.continuous

    def keywords(self, network: str) -> dict[str, Any]:
        return {**super().keywords(network), "categories": self.categories, "continuous": self.continuous}

    def shown(self, given: Given) -> Given:
        return {"labels": given["labels"], "latents": given["latents"]}

    def grid(self, seed: int, count: int) -> tuple[Given, int | None]:
        """Each row varies one code alone, from its lowest to its highest; the rows take the codes in turn."""
        columns = self.categories or 10
        rows = count // columns
        if not rows:
            return self.samples(seed, 0, count), None
        given = {name: each.repeat_interleave(columns, 0) for name, each in self.samples(seed, 0, rows).items()}
        places = torch.special.ndtri((torch.arange(columns) + 0.5) / columns)
        for row in range(rows):
            given["latents"][row * columns : (row + 1) * columns, row % self.number] = places
        return given, columns


def sample_inputs(
    seed: int, start: int, count: int, latent_size: int, class_counts: Sequence[int] | None
) -> tuple[Tensor, Tensor]:
    """Latents (count, latent_size) and labels (count,) of the samples `start`, `start` + 1, ... of `seed`, on the CPU.

    Sample i is a function of (seed, i) alone, so it is the same picture in any batch. Labels follow the frequencies
    in `class_counts`; they are 0 where that is None.
    """
    latents = numpy.empty((count, latent_size), numpy.float32)
    labels = numpy.zeros(count, numpy.int64)
    bounds = numpy.cumsum(class_counts) / numpy.sum(class_counts) if class_counts else None
    for row in range(count):
        generator = numpy.random.default_rng([seed, _SAMPLING, start + row])
        generator.standard_normal(out=latents[row], dtype=numpy.float32)
        if bounds is not None:
            labels[row] = min(int(numpy.searchsorted(bounds, generator.random(), side="right")), len(bounds) - 1)
    return torch.from_numpy(latents), torch.from_numpy(labels)
