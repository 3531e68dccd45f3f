"""EfficientNet-Lite0's features of pictures: a judge of colour that knows ImageNet, offline and quick on a CPU."""

import torch
from torch import Tensor
from torch.nn import functional

from ganctl.contract import DataSpec
from ganctl.download import hash_of
from ganctl.pretrained import NUM_CLASSES, efficientnet_lite0, weights_file


class EfficientNet:
    """The features (N, 1280) and the 1,000 ImageNet logits of EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946).

    Images of any size are resized to `size` pixels a side (bicubic with antialiasing, so that no more pixels are judged
    than there are); grey ones are repeated to three channels. The size is part of the protocol: features of another
    size are another judge's.
    """

    num_classes = NUM_CLASSES

    def __init__(self, *, size: int = 64, precision: str = "fp32", device: torch.device | str = "cpu"):
        self.size, self.precision, self.device = size, precision, torch.device(device)
        self.name = "efficientnet" if precision == "fp32" else f"efficientnet_{precision}"
        self.resizing = f"bicubic to {size}x{size} with antialiasing"
        self.weights_hash = hash_of(weights_file(), "sha256")
        self.network = efficientnet_lite0().to(self.device)

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey or RGB."""
        if spec.image_shape[0] not in (1, 3):
            raise ValueError(f"judges images of 1 or 3 channels, and {spec.name} has {spec.image_shape[0]}")

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device=self.device, dtype=torch.float32).expand(-1, 3, -1, -1)
        with torch.autocast(self.device.type, enabled=False):
            images = resized(images, self.size).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                features, logits = self.network(images)
        return features.float(), logits.float()


def resized(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] at `size` pixels a side; as they are where they have it."""
    if images.shape[2:] == (size, size):
        return images
    size_of_both = (size, size)
    return functional.interpolate(images, size_of_both, mode="bicubic", antialias=True, align_corners=False).clamp(
        -1, 1
    )
