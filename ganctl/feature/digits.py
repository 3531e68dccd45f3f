"""The shipped judge of handwritten digits: a small classifier trained on MNIST, usable offline and quick on a CPU."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from ganctl.contract import DataSpec
from ganctl.feature.convnet import ConvNet

WEIGHTS = Path(__file__).with_name("digits.safetensors")
IMAGE_SHAPE = (1, 28, 28)


class Digits:
    """Features (N, 128) and ten logits of the classifier in digits.safetensors; digits.json says how good it is.

    It judges grey 28x28 images as they are: nothing is resized, so that its scores always mean the same thing.
    `train_digits.py` made the weights.
    """

    name = "digits"
    num_classes = 10
    resizing = "none"

    def __init__(self, *, device: torch.device | str = "cpu"):
        content = WEIGHTS.read_bytes()
        self.weights_hash = hashlib.sha256(content).hexdigest()
        self.device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            self.network = ConvNet()
        self.network.load_state_dict(load(content))
        self.network.eval().requires_grad_(False)
        self.network.to(self.device).to(memory_format=torch.channels_last)

    @property
    def seconds_per_image(self) -> float:
        """A rough figure: half a millisecond on one CPU core, some microseconds on a GPU."""
        return 5e-4 if self.device.type == "cpu" else 1e-5

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey and 28x28."""
        channels, height, width = spec.image_shape
        if spec.image_shape != IMAGE_SHAPE:
            raise ValueError(
                f"feature=digits: judges grey 28x28 images, and those of {spec.name} are {height}x{width} "
                f"with {channels} channel(s); try feature=inception, or dataset=mnist"
            )

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert tuple(images.shape[1:]) == IMAGE_SHAPE, images.shape
        images = images.to(device=self.device, dtype=torch.float32, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, enabled=False):
            return self.network(images)
