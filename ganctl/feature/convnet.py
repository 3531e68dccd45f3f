"""The small classifier behind offline scores, shipped (`digits`) or trained on the data at hand (`classifier`)."""

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 128
_SAVE_SECONDS = 30.0  # between two states of a training that are saved


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
    weight_decay: float = 0.02,
    average_from: float = 0.6,
    flip: bool = False,
    seed: int = 0,
    bf16: bool = True,
    progress: Callable[[int, int, float], None] | None = None,
    saved: dict[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Trains `network` in place on uint8 `images` (N, C, H, W) and int64 `labels` (N,): AdamW, one-cycle schedule.

    Augments by `random_affine`, and mirrors every second image if `flip`. From the fraction `average_from` of the
    budget on, a running mean of the weights is kept, and it is what the network holds at the end (Izmailov et al. 2018,
    arXiv:1803.05407, with an exponential mean over 500 steps, or a fifth of those averaged). The images may be on
    another device. `seed` decides order and augmentation; the global random state is neither used nor changed. The loss
    in `progress(step, steps, loss)` is NaN but on each 50th, to save time. Raises ValueError for less than one batch.

    `save` gets the state of the training, tensors and plain data, twice a minute and when `progress` raises; given back
    as `saved`, the training goes on from there, bit for bit.
    """
    if len(images) < batch_size:
        raise ValueError(
            f"batch_size={batch_size}: a classifier cannot be trained on {len(images)} images; give it more"
        )
    device = next(network.parameters()).device
    steps = epochs * (len(images) // batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.2)
    keep = min(0.998, max(0.0, 1 - 5 / max(1.0, (1 - average_from) * steps)))
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(keep), use_buffers=True
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    if saved:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    network.train()
    first, saved_at = saved["step"] if saved else 0, time.monotonic()
    # Nothing of the generator is saved: what it drew for the steps that are done is drawn again.
    drawn = islice(_draws(images.shape, epochs, batch_size, flip, seed), first, None)
    for step, (index, maps, mirrored) in enumerate(drawn, first):
        batch = _moved(images[index].to(device).float() / 127.5 - 1, maps)
        if mirrored is not None:
            batch = torch.where(mirrored.to(device)[:, None, None, None], batch.flip(3), batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            _, logits = network(batch.to(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels[index].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step >= average_from * steps or step + 1 == steps:
            average.update_parameters(network)
        try:
            if progress:
                progress(step + 1, steps, loss.item() if (step + 1) % 50 == 0 else math.nan)
        except BaseException:
            saved_at = -math.inf
            raise
        finally:
            if save and time.monotonic() - saved_at > _SAVE_SECONDS:
                save({"step": step + 1, **{name: part.state_dict() for name, part in parts.items()}})
                saved_at = time.monotonic()
    network.load_state_dict(average.module.state_dict())
    network.eval()


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
