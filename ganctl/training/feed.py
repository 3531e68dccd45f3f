"""Real batches: one indexed read of the store and one normalisation, on the training device when the data fit there."""

from collections.abc import Sequence
from functools import partial

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from ganctl.collective import common
from ganctl.contract import ALONE, Batch, ImageStore, World
from ganctl.dataset.sampler import indices
from ganctl.training.device import Device

_RESIDENT_BYTES = 2 << 30


class Feed:
    """Batches of a store, of `batch_size` images for all processes together, of which each gets its share.

    `flip` mirrors half of the images, each with its source, `shift` moves each by up to so many pixels down and across,
    and of a store's `larger` images a part is taken anywhere: all drawn for all processes together. Sources that
    belong to no image are shown in an order of their own.
    """

    def __init__(
        self,
        store: ImageStore,
        device: Device,
        *,
        batch_size: int,
        seed: int,
        flip: bool = False,
        shift: int = 0,
        world: World = ALONE,
    ):
        self.store, self.device, self.world = store, device, world
        self.batch_size, self.seed, self.flip, self.shift = batch_size, seed, flip, shift
        self.labels = torch.from_numpy(numpy.array(store.labels)).to(device.torch_device)
        self.images = self._resident(store.images if store.larger is None else store.larger)
        self.sources = None if store.sources is None else self._resident(store.sources)

    def batch(self, number: int) -> Batch:
        """The batch `number` of the endless stream of epochs that `seed` shuffles."""
        index = indices(self.seed, number, self.batch_size, len(self.store.images))
        images, source = self._read(self.images, index), None
        drawing = common(images.device)
        if self.sources is not None and self.store.paired:
            source = self._read(self.sources, index)
        if self.flip:
            shape = (self.batch_size, *[1] * (images.ndim - 1))
            mirrored = torch.rand(shape, device=images.device, generator=drawing) < 0.5
            images = self._flipped(images, mirrored)
            source = None if source is None else self._flipped(source, mirrored)
        if self.shift:
            shape = (2, self.batch_size)
            offsets = torch.randint(2 * self.shift + 1, shape, device=images.device, generator=drawing)
            images = self._shifted(images, offsets)
            source = None if source is None else self._shifted(source, offsets)
        if self.store.larger is not None:
            size = self.store.images.shape[2:]
            spare = [larger - side + 1 for larger, side in zip(images.shape[2:], size, strict=True)]
            anywhere = partial(torch.randint, size=(self.batch_size,), device=images.device, generator=drawing)
            offsets = torch.stack([anywhere(most) for most in spare])
            images = self._parts(images, offsets, size)
        if self.sources is not None and not self.store.paired:
            others = indices(self.seed, number, self.batch_size, len(self.sources), stream=1)
            source = self._read(self.sources, others)
        return Batch(images, self.labels[self._places(index)], source)

    def _parts(self, images: Tensor, offsets: Tensor, size: Sequence[int]) -> Tensor:
        """A part (n, C, *size) of each image, beginning at `offsets` (2, N) down and across, the whole batch's."""
        rows, device = torch.arange(len(images), device=images.device), images.device
        places = [rows[:, None, None, None], torch.arange(images.shape[1], device=device)[:, None, None]]
        for axis, (first, side) in enumerate(zip(offsets, size, strict=True)):
            span = self.world.share(first)[:, None] + torch.arange(side, device=device)
            places.append(span[:, None, :, None] if axis == 0 else span[:, None, None, :])
        parts = images[tuple(places)]
        return parts.contiguous(memory_format=self.device.memory_format_of(parts))

    def _shifted(self, images: Tensor, offsets: Tensor) -> Tensor:
        """Each image moved by up to `shift` pixels; what comes in at an edge is the mirror image of what is there."""
        padded = functional.pad(images, [self.shift] * 4, mode="reflect")
        return self._parts(padded, offsets, images.shape[2:])

    def _flipped(self, images: Tensor, mirrored: Tensor) -> Tensor:
        return torch.where(self.world.share(mirrored), images.flip(-1), images)

    def _read(self, pixels: numpy.ndarray | Tensor, index: numpy.ndarray) -> Tensor:
        """Images (n, C, ...) float32 in [-1, 1] of this process's share of the numbers `index` (N,)."""
        if isinstance(pixels, Tensor):
            rows = pixels[self._places(index)]
        else:
            rows = torch.from_numpy(pixels[self.world.share(index)]).to(self.device.torch_device)
        return rows.to(torch.float32, memory_format=self.device.memory_format_of(rows)).div_(127.5).sub_(1)

    def _places(self, index: numpy.ndarray) -> Tensor:
        return torch.from_numpy(self.world.share(index)).to(self.device.torch_device)

    def _resident(self, pixels: numpy.ndarray) -> numpy.ndarray | Tensor:
        """Pixels on the device where they fit, otherwise where they are; a file that the CPU reads stays a file."""
        is_mapped = isinstance(pixels, numpy.memmap) and self.device.torch_device.type == "cpu"
        if pixels.nbytes > _RESIDENT_BYTES or is_mapped:
            return pixels
        return torch.from_numpy(numpy.array(pixels)).to(self.device.torch_device)
