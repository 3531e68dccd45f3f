"""The shipped judges of handwritten digits: a small classifier trained on MNIST, usable offline and quick on a CPU."""

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
        self.network.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey and 28x28."""
        channels, height, width = spec.image_shape
        if spec.image_shape != IMAGE_SHAPE:
            these = f"those of {spec.name} are {height}x{width} with {channels} channel(s)"
            raise ValueError(f"judges grey 28x28 images, and {these}; efficientnet judges any")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert tuple(images.shape[1:]) == IMAGE_SHAPE, images.shape
        images = images.to(device=self.device, dtype=torch.float32, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, enabled=False):
            return self.network(images)


class StackedDigits:
    """`Digits` on each of three channels by itself: features (N, 384) and a thousand logits: `dataset.stacked_mnist`.

    The logit of the class 100 r + 10 g + b is the sum of the three channels' log-probabilities of r, g and b, so that
    the largest is that of the three largest. Of 32x32 images the 28x28 in the middle are judged.
    """

    name = "stacked_digits"
    num_classes = 1000
    resizing = "none"

    def __init__(self, *, device: torch.device | str = "cpu"):
        self.digits = Digits(device=device)
        self.weights_hash = self.digits.weights_hash

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images have three channels and 28x28 or 32x32 pixels."""
        if tuple(spec.image_shape) not in ((3, 28, 28), (3, 32, 32)):
            channels, height, width = spec.image_shape
            these = f"those of {spec.name} are {height}x{width} with {channels} channel(s)"
            raise ValueError(f"judges images of dataset=stacked_mnist, and {these}; efficientnet judges any")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        edge = (images.shape[-1] - IMAGE_SHAPE[-1]) // 2
        middle = slice(edge, edge + IMAGE_SHAPE[-1])
        features, logits = self.digits(images[..., middle, middle].reshape(-1, *IMAGE_SHAPE))
        r, g, b = logits.log_softmax(dim=1).unflatten(0, (-1, 3)).unbind(1)
        joint = r[:, :, None, None] + g[:, None, :, None] + b[:, None, None, :]
        return features.unflatten(0, (-1, 3)).flatten(1), joint.flatten(1)
