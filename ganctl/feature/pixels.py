"""The judge of last resort: the pixels themselves, shrunk. Crude, but it needs no weights and takes any images."""

import hashlib

import torch
from torch import Tensor
from torch.nn import functional

from ganctl.contract import ArgumentError, DataSpec


class Pixels:
    """Each image averaged down to `size` x `size` pixels, as features (N, channels * size * size); no class logits.

    Its Frechet distance, `fd_pixels`, sees layout, colour and how much the images vary, not whether they look like
    anything; it tells collapse and divergence apart from progress where no trained network can be had.
    """

    name = "pixels"
    num_classes = 0

    def __init__(self, *, size: int = 8, device: torch.device | str = "cpu"):
        self.size, self.device = size, torch.device(device)
        self.resizing = f"area average to {size}x{size}"
        self.weights_hash = hashlib.sha256(self.resizing.encode()).hexdigest()

    def check(self, spec: DataSpec) -> None:
        """Raises ArgumentError for images smaller than `size`."""
        if (side := min(spec.image_shape[1:])) < self.size:
            raise ArgumentError("size", self.size, f"{spec.name} has images of {side} pixels a side", side)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device=self.device, dtype=torch.float32)
        features = functional.adaptive_avg_pool2d(images, self.size).flatten(1)
        return features, features.new_zeros(len(features), 0)
