"""Images from pictures: translations, of which enlargements and restorations make the sources themselves."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from ganctl.collective import common
from ganctl.contract import ALONE, ArgumentError, Batch, DataSpec, Given, ImageStore, World
from ganctl.degradation import KERNELS, Degradation, shrunk

_EXAMPLES = 32  # of a translation that a checkpoint carries, to be drawn from without the data
_DEGRADING = 3  # of the purposes that random numbers are drawn for; training.draws and task.noise have the others


@dataclass(frozen=True)
class Translation:
    """Images from a `source` image (N, C', H', W') in [-1, 1] that may belong to them.

    With `show_source` the discriminator sees the source beside what it judges, as pix2pix has it (Isola et al. 2017,
    arXiv:1611.07004, eq. 1); that needs sources that belong to images. Samples are those of the data that the task was
    last `fitted` to, in their order and over again; what a checkpoint keeps is the first 32 of them.

    Raises:
        ArgumentError: the data have no sources, or classes are asked for.
    """

    spec: DataSpec
    latent_size: int = 0
    conditional: bool = False
    show_source: bool = True
    held_out: float = 0.1
    world: World = ALONE
    has_truth: ClassVar[bool] = True  # where the sources belong to images
    sources: numpy.ndarray | None = None
    truths: numpy.ndarray | None = None

    def __post_init__(self) -> None:
        if self.conditional:
            raise ArgumentError("conditional", "true", "a translation starts from a picture, not from a class", "false")
        if self.spec.source_shape is None:
            need = f"{self.spec.name} has no source images; take dataset=paired_folder or dataset=unpaired_folder"
            raise ArgumentError("task", "translation", need)
        if not 0 < self.held_out < 1:
            raise ArgumentError("held_out", self.held_out, "is no share in (0, 1)", 0.1)

    def keywords(self, network: str) -> dict[str, Any]:
        known: dict[str, Any] = {"image_shape": tuple(self.spec.image_shape)}
        if network == "generator" or self.show_source:
            known["source_shape"] = tuple(self.spec.source_shape or ())
        return known

    def fitted(self, store: ImageStore) -> Translation:
        if self.show_source and not store.paired:
            need = "the sources of these data belong to no image, so that nothing can be shown beside it"
            raise ArgumentError("show_source", "true", need, "false")
        return replace(self, sources=store.sources, truths=store.images if store.paired else None)

    def facts(self) -> dict[str, Any]:
        arrays = {"sources": self.sources, "truths": self.truths}
        return {name: None if rows is None else _packed(rows) for name, rows in arrays.items()}

    def restored(self, facts: Mapping[str, Any]) -> Translation:
        return replace(self, **{name: None if rows is None else _unpacked(rows) for name, rows in facts.items()})

    def given(self, batch: Batch) -> Given:
        assert batch.source is not None
        return {"source": batch.source}

    def shown(self, given: Given) -> Given:
        return given if self.show_source else {}

    @property
    def made_by(self) -> str | None:
        """How sources were made of the images; None where they are data themselves."""
        return None

    def num_samples(self) -> int:
        """How many samples there are before they come again."""
        assert self.sources is not None
        return len(self.sources)

    def samples(self, seed: int, start: int, count: int) -> Given:
        assert self.sources is not None
        return {"source": in_unit_range(_tensor(self.sources[self._rows(start, count)]))}

    def grid(self, seed: int, count: int) -> tuple[Given, int | None]:
        """Up to a third of `count`, each to be shown between its source and, where there is one, its truth."""
        parts = 2 if self.truths is None else 3
        return self.samples(seed, 0, max(1, min(count // parts, self.num_samples()))), None

    def pictures(self, given: Given, images: Tensor) -> tuple[Tensor, int]:
        """Samples 0, 1, ... as they are shown, (2 N or 3 N, C, H, W): each after its source, before its truth.

        With the number of pictures in a row of a grid that is about as wide as high.
        """
        columns = [self._as_images(given["source"].to(images), "nearest"), images]
        if self.truths is not None:
            columns.append(in_unit_range(_tensor(self.truths[self._rows(0, len(images))])).to(images))
        in_a_row = len(columns) * max(1, round((len(images) / len(columns)) ** 0.5))
        return torch.stack(columns, dim=1).flatten(0, 1), in_a_row

    def untouched(self, source: Tensor) -> Tensor:
        """Sources as images (N, C, H, W) in [-1, 1]: as large by bicubic interpolation, in grey or colour as these."""
        return self._as_images(source.float(), "bicubic").clamp(-1, 1)

    def _as_images(self, source: Tensor, mode: str) -> Tensor:
        channels, *size = self.spec.image_shape
        if list(source.shape[2:]) != size:
            source = functional.interpolate(source, size=size, mode=mode)
        if source.shape[1] == channels:
            return source
        return source[:, :3].mean(1, keepdim=True).expand(-1, channels, -1, -1)

    def asked_labels(self, seed: int, count: int) -> Tensor | None:
        return None

    def _rows(self, start: int, count: int) -> numpy.ndarray:
        return numpy.arange(start, start + count) % self.num_samples()


@dataclass(frozen=True)
class Enlargement(Translation):
    """Images from themselves, 1 / `factor` as high and wide: super-resolution (Ledig et al. 2017, arXiv:1609.04802).

    The source is made by `kernel`, as a file of 8 bits would hold it: `bicubic` with antialiasing, as the field's
    tables have it, or the `area` mean.

    Raises:
        ArgumentError: the factor is none of 2, 4, 8, or does not divide the images' sides.
    """

    show_source: bool = False
    factor: int = 4
    kernel: str = "bicubic"
    factors: ClassVar[tuple[int, ...]] = (2, 4, 8)
    kernels: ClassVar[tuple[str, ...]] = ("bicubic", "area")

    def __post_init__(self) -> None:
        if self.factor not in self.factors:
            raise ArgumentError("factor", self.factor, f"is none of {', '.join(map(str, self.factors))}", 4)
        if self.kernel not in self.kernels:
            raise ArgumentError("kernel", self.kernel, f"is none of {', '.join(self.kernels)}", self.kernels[0])
        channels, height, width = self.spec.image_shape
        if height % self.factor or width % self.factor:
            raise ArgumentError("factor", self.factor, f"does not divide {height}x{width} pixels", 2)
        small = (channels, height // self.factor, width // self.factor)
        object.__setattr__(self, "spec", replace(self.spec, source_shape=small))
        super().__post_init__()

    @property
    def made_by(self) -> str:
        return f"made smaller by {self.factor}, {self.kernel}"

    def fitted(self, store: ImageStore) -> Enlargement:
        return replace(self, truths=store.images)

    def num_samples(self) -> int:
        assert self.truths is not None
        return len(self.truths)

    def given(self, batch: Batch) -> Given:
        return {"source": shrunk(batch.images, self.factor, self.kernel)}

    def samples(self, seed: int, start: int, count: int) -> Given:
        assert self.truths is not None
        images = in_unit_range(_tensor(self.truths[self._rows(start, count)]))
        return {"source": shrunk(images, self.factor, self.kernel)}


@dataclass(frozen=True)
class Restoration(Enlargement):
    """Images from themselves, blurred, smaller, noisy and compressed: `degradation.Degradation` has every setting.

    In training each image is degraded by a new draw. What belongs to image i of the data that samples come from is a
    function of i and the image alone, so that all steps, seeds and runs are judged on the same sources.

    Raises:
        ArgumentError: as an enlargement does, whose factor may also be 1; and a setting outside its range.
    """

    kernel: str = "random"
    blur: Sequence[float] = (0.2, 3.0)
    isotropic: float = 0.7
    noise: Sequence[float] = (1.0, 30.0)
    poisson: Sequence[float] = (0.05, 3.0)
    gaussian: float = 0.5
    grey: float = 0.4
    jpeg: Sequence[int] = (30, 95)
    factors: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    kernels: ClassVar[tuple[str, ...]] = ("random", *KERNELS)

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.degradation  # which refuses settings out of range

    @cached_property
    def degradation(self) -> Degradation:
        return Degradation(**{each.name: getattr(self, each.name) for each in fields(Degradation)})

    @property
    def made_by(self) -> str:
        settings = (f"{each.name} {getattr(self, each.name)}" for each in fields(Degradation))
        return f"degraded: {', '.join(settings)}"

    def given(self, batch: Batch) -> Given:
        everyone = torch.randint(2**62, (len(batch.images) * self.world.size,), generator=common())
        return {"source": self.degradation(batch.images, self.world.share(everyone).tolist())}

    def samples(self, seed: int, start: int, count: int) -> Given:
        assert self.truths is not None
        sources = []
        for row in self._rows(start, count):  # one by one: a batch of another size might round otherwise
            image = in_unit_range(_tensor(self.truths[row : row + 1]))
            sources.append(self.degradation(image, [(_DEGRADING, int(row))]))
        return {"source": torch.cat(sources)}


def in_unit_range(pixels: Tensor) -> Tensor:
    """uint8 pixels as networks take them, float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def _packed(rows: numpy.ndarray) -> dict[str, Any]:
    """The first of pixels (N, C, H, W) uint8 as plain data: `_EXAMPLES`, or what a megabyte holds, one at least."""
    examples = rows[: max(1, min(_EXAMPLES, (1 << 20) // max(1, rows[0].size)))]
    content = zlib.compress(numpy.ascontiguousarray(examples).tobytes())
    return {"shape": list(examples.shape), "zlib": base64.b64encode(content).decode()}


def _unpacked(facts: Mapping[str, Any]) -> numpy.ndarray:
    content = zlib.decompress(base64.b64decode(facts["zlib"]))
    return numpy.frombuffer(content, numpy.uint8).reshape(facts["shape"])


def _tensor(rows: numpy.ndarray) -> Tensor:
    return torch.from_numpy(numpy.array(rows))
