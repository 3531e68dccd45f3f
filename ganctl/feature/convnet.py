"""The small classifier behind offline scores, shipped (`digits`) or trained on the data at hand (`classifier`)."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.feature.fit import fit

FEATURES = 128


class ConvNet(nn.Module):
    """Six convolutions with batch norm and ReLU, global average pooling, one linear layer.

    They have `width`, twice (2 layers) and four times (2 layers) as many, and 128 channels: about 170,000 parameters.
    `forward(images)` takes (N, channels, H, W) float32 in [-1, 1], H and W at least 8, and returns the pair
    (features (N, 128), logits (N, num_classes)); the features are non-negative (after a ReLU and an average).
    """

    def __init__(self, *, channels: int = 1, num_classes: int = 10, width: int = 24):
        super().__init__()

        def block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        self.body = nn.Sequential(
            block(channels, width),
            block(width, 2 * width, stride=2),
            block(2 * width, 2 * width),
            block(2 * width, 4 * width, stride=2),
            block(4 * width, 4 * width),
            block(4 * width, FEATURES, kernel=1),
        )
        self.head = nn.Linear(FEATURES, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images).mean(dim=(2, 3))
        return features, self.head(features)


def random_affine(
    images: Tensor, generator: torch.Generator, degrees: float = 12, scale: float = 0.12, shift: float = 2.0
) -> Tensor:
    """Each image rotated, scaled, sheared a little and moved at random, the background kept; shapes unchanged.

    `degrees` of rotation and shear and the relative `scale` are bounds on either side; `shift` is in pixels.
    """
    return _moved(images, _random_maps(images.shape, generator, degrees, scale, shift))


def _random_maps(
    shape: torch.Size, generator: torch.Generator, degrees: float = 12, scale: float = 0.12, shift: float = 2.0
) -> Tensor:
    """The maps (N, 2, 3) of `random_affine`."""
    count, _, height, width = shape

    def draw(bound: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * bound

    angle, shear = draw(math.radians(degrees)), draw(math.radians(degrees))
    zoom_x, zoom_y = 1 + draw(scale), 1 + draw(scale)
    move_x, move_y = draw(2 * shift / width), draw(2 * shift / height)
    rows = [
        torch.stack([zoom_x * angle.cos(), -(angle + shear).sin(), move_x], 1),
        torch.stack([angle.sin(), zoom_y * (angle + shear).cos(), move_y], 1),
    ]
    return torch.stack(rows, 1)


def _moved(images: Tensor, maps: Tensor) -> Tensor:
    grid = functional.affine_grid(maps.to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def train_classifier(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 4e-3,
    flip: bool = False,
    seed: int = 0,
    bf16: bool = True,
    progress: Callable[[int, int, float], None] | None = None,
    saved: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Trains `network` in place on uint8 `images` (N, C, H, W) and int64 `labels` (N,), as `fit` does.

    Augments by `random_affine`, and mirrors every second image if `flip`. The images may be on another device. `seed`
    decides order and augmentation; the global random state is neither used nor changed. Raises ValueError for less than
    one batch. `progress`, `saved` and `save` are those of `fit`.
    """
    if len(images) < batch_size:
        raise ValueError(
            f"batch_size={batch_size}: a classifier cannot be trained on {len(images)} images; give it more"
        )
    device = next(network.parameters()).device

    def batches(first: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Nothing of the generator is saved: what it drew for the steps that are done is drawn again.
        for index, maps, mirrored in islice(_draws(images.shape, epochs, batch_size, flip, seed), first, None):
            batch = _moved(images[index].to(device).float() / 127.5 - 1, maps)
            if mirrored is not None:
                batch = torch.where(mirrored.to(device)[:, None, None, None], batch.flip(3), batch)
            yield batch.to(memory_format=torch.channels_last), labels[index]

    fit(
        network,
        batches,
        steps=epochs * (len(images) // batch_size),
        learning_rate=learning_rate,
        bf16=bf16,
        progress=progress,
        saved=saved,
        save=save,
    )


def _draws(
    shape: torch.Size, epochs: int, batch_size: int, flip: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """What is random in each step of a training on images of `shape`: their numbers, maps, which are mirrored."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(shape[0], generator=generator)
        for index in order[: shape[0] // batch_size * batch_size].split(batch_size):
            maps = _random_maps(torch.Size((batch_size, *shape[1:])), generator)
            yield index, maps, torch.rand(batch_size, generator=generator) < 0.5 if flip else None


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 500) -> float:
    """The share of uint8 `images` (N, C, H, W) whose largest logit is their label, in [0, 1]."""
    network.eval()
    device = next(network.parameters()).device
    right = 0
    for batch, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        _, logits = network(batch.to(device).float() / 127.5 - 1)
        right += int((logits.argmax(1).cpu() == truth).sum())
    return right / len(images)
