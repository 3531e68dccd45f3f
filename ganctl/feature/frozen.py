"""A classifier of pictures that learns from few of them: a small head on a frozen network that has seen ImageNet."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.feature.convnet import FEATURES
from ganctl.feature.fit import Save, Saver, fit
from ganctl.pretrained import Variant, efficientnet_lite, resized

STRIDES, CELLS = (
    (16, 32),
    2,
)  # of the maps that are seen, and cells a side that they are averaged over: where things lie
HIDDEN = 512
DROPPED = 0.3  # share of the numbers that are hidden from the head in a step (Srivastava et al. 2014)
BATCH = 100  # images that are looked at at once


class Frozen:
    """Images (N, C, H, W) in [-1, 1], grey or RGB, to rows (N, `width`): means of the quarters of two feature maps.

    They are brought to `size` pixels a side, bicubic with antialiasing. Float32, but in bfloat16 with `bf16`. Tried on
    4,000 test images of CIFAR-10 (JPEG, at 96 pixels, 25,000 learnt from, one seed), by what is seen:

        means of the whole maps of strides 8, 16, 32 and the network's last features    1752 numbers   79.9 %
        means of the quarters of the maps of strides 16 and 32, and all of these         3480           82.1 %
        means of the quarters of the map of stride 16, of the map of stride 8, the last  1768           82.0 %
        means of the quarters of the maps of strides 16 and 32                           1728           82.2 %

    At 64 pixels the first gets 77.1 % of 10,000 with 50,000 learnt from, and 77.5 % with mirror images.
    """

    def __init__(self, variant: Variant, size: int, device: torch.device) -> None:
        self.variant, self.size, self.device = variant, size, device
        self.network = efficientnet_lite(variant).to(device)
        self.width = sum(variant.scales[stride] for stride in STRIDES) * CELLS**2

    @torch.no_grad()
    def __call__(self, images: Tensor, *, bf16: bool = False) -> Tensor:
        images = resized(images.to(self.device).expand(-1, 3, -1, -1), self.size)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            maps = self.network.maps(images.contiguous(memory_format=torch.channels_last))
        quarters = [functional.adaptive_avg_pool2d(maps[stride].float(), CELLS).flatten(1) for stride in STRIDES]
        return torch.cat(quarters, dim=1)

    def rows(
        self,
        pixels: Callable[[int, int], Tensor],
        count: int,
        *,
        flip: bool,
        bf16: bool,
        progress: Callable[[int, int], None] | None = None,
        saved: dict[str, Any] | None = None,
        save: Save | None = None,
    ) -> Tensor:
        """The rows of `count` images, (count, 1, width) float16; (count, 2, width) with those of their mirror images.

        `pixels(start, number)` gives images in [-1, 1]. `save` and `saved` are those of `fit`.
        """
        rows = torch.empty(count, 1 + flip, self.width, dtype=torch.float16)
        first = saved["done"] if saved else 0
        if saved:
            rows[:first] = saved["rows"]
        saver = Saver(save)
        for start in range(first, count, BATCH):
            images = pixels(start, min(BATCH, count - start))
            done = start + len(images)
            views = (images, images.flip(3))[: 1 + flip]
            rows[start:done] = torch.stack([self(view, bf16=bf16) for view in views], dim=1).half().cpu()
            said = (lambda done=done: progress(done, count)) if progress else (lambda: None)
            saver.after(said, lambda done=done: {"done": done, "rows": rows[:done].clone()})
        return rows


class Head(nn.Module):
    """Rows (N, width) of `Frozen` to features (N, 128), non-negative, and logits (N, num_classes)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.body = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, FEATURES), nn.ReLU())
        self.head = nn.Linear(FEATURES, num_classes)

    def standardise(self, rows: Tensor) -> None:
        """Makes numbers like those of `rows` (N, width) come in with mean 0 and deviation 1."""
        self.mean, self.scale = rows.mean(dim=0), rows.std(dim=0).clamp(min=1e-4)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body((rows - self.mean) / self.scale)
        return features, self.head(features)


def train_head(
    head: Head, rows: Tensor, labels: Tensor, *, epochs: int, batch_size: int, seed: int, **options: Any
) -> None:
    """Trains `head` in place on the CPU, on rows (N, views, width) float16 and int64 `labels` (N,), as `fit` does.

    `seed` decides the order, which view of an image is shown and which of its numbers are hidden; `options`: of `fit`.
    """
    head.standardise(rows[:, 0].float())

    def batches(first: int) -> Iterator[tuple[Tensor, Tensor]]:
        for index, view, kept in islice(_draws(rows.shape, epochs, batch_size, seed), first, None):
            shown = rows[index, view].float()
            yield torch.where(kept, head.mean + (shown - head.mean) / (1 - DROPPED), head.mean), labels[index]

    fit(head, batches, steps=epochs * (len(rows) // batch_size), **options)


def _draws(shape: torch.Size, epochs: int, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What is random in each step: the images' numbers, the view of each, and which of its numbers are kept."""
    count, views, width = shape
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(count, generator=generator)
        for index in order[: count // batch_size * batch_size].split(batch_size):
            view = torch.randint(views, (batch_size,), generator=generator)
            yield index, view, torch.rand(batch_size, width, generator=generator) >= DROPPED


@torch.no_grad()
def head_accuracy(head: Head, rows: Tensor, labels: Tensor) -> float:
    """The share of rows (N, width) whose largest logit is their label, in [0, 1]."""
    return (head.eval()(rows.float())[1].argmax(dim=1) == labels).double().mean().item()
