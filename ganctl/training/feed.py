"""Real batches: one indexed read of the store and one normalisation, on the training device when the data fit there."""

from __future__ import annotations

import numpy
import torch

from ganctl.contract import Batch, ImageStore
from ganctl.dataset.sampler import indices
from ganctl.training.device import Device

_RESIDENT_BYTES = 2 << 30


class Feed:
    """Batches of a store. `flip` mirrors half of the images, drawn from torch's global generator."""

    def __init__(self, store: ImageStore, device: Device, *, batch_size: int, seed: int, flip: bool = False):
        self.store, self.device = store, device
        self.batch_size, self.seed, self.flip = batch_size, seed, flip
        self.labels = torch.from_numpy(numpy.array(store.labels)).to(device.torch_device)
        self.images = None
        if store.images.nbytes <= _RESIDENT_BYTES:
            self.images = torch.from_numpy(numpy.array(store.images)).to(device.torch_device)

    def batch(self, number: int) -> Batch:
        """The batch `number` of the endless stream of epochs that `seed` shuffles."""
        index = indices(self.seed, number, self.batch_size, len(self.store.images))
        where = torch.from_numpy(index).to(self.device.torch_device)
        if self.images is None:
            pixels = torch.from_numpy(self.store.images[index]).to(self.device.torch_device)
        else:
            pixels = self.images[where]
        images = pixels.to(torch.float32, memory_format=self.device.memory_format).div_(127.5).sub_(1)
        if self.flip:
            mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            images = torch.where(mirrored, images.flip(3), images)
        return Batch(images, self.labels[where])
