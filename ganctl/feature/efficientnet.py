"""A judge of pictures that needs no download: EfficientNet-Lite0, which knows ImageNet, at a small size."""

import hashlib

import torch
from torch import Tensor
from torch.nn import functional

from ganctl.contract import ArgumentError, DataSpec
from ganctl.pretrained import HASH_PREFIX, NUM_CLASSES, check_channels, efficientnet_lite0


class EfficientNet:
    """The features (N, 1280) and the 1,000 ImageNet logits of EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946).

    Images of any size are brought to `size` pixels a side, bicubic with antialiasing, as they would be for a viewer
    (Parmar et al. 2022, arXiv:2104.11222, section 3, on what happens without); grey ones are repeated to three
    channels. Features of another size or precision are another judge's: both are in `weights_hash`. The scores are no
    FID and are not called so.

    The size was chosen by 2,000 test images of CIFAR-10 (32x32, JPEG) against 2,000 training images: the Frechet
    distance of damaged images over that of clean ones, which is `clean`, the accuracy of a linear classifier of the
    features, and images a second on one core. 128 sees a little more and takes 1.9 times as long.

        size   clean   blurred (sigma .6, 1)   noise (.06, .12)   a class missing   accuracy   images/s
          64     368    1.24   2.21              1.83   3.19          1.11            59 %        540
          96     180    1.30   2.35              2.00   3.13          1.15            68 %        200
         128      91    1.32   2.39              2.38   3.57          1.16            71 %        110

    Distances are large beside Inception's because the zeros around small feature maps are part of every mean. The
    weights need them: with the border repeated instead, the classifier at size 64 is right on 30 %.
    """

    num_classes = NUM_CLASSES

    def __init__(self, *, size: int = 96, precision: str = "fp32", device: torch.device | str = "cpu"):
        if precision not in ("fp32", "bf16"):
            raise ArgumentError("precision", precision, "must be fp32 or bf16")
        self.size, self.precision, self.device = size, precision, torch.device(device)
        self.name = "efficientnet" if precision == "fp32" else f"efficientnet_{precision}"
        self.resizing = f"bicubic with antialiasing to {size}x{size}"
        self.weights_hash = hashlib.sha256(f"{HASH_PREFIX}, {self.resizing}, {precision}".encode()).hexdigest()
        self.network = efficientnet_lite0().to(self.device)

    def check(self, spec: DataSpec) -> None:
        """Raises ValueError unless the images are grey or RGB."""
        check_channels(spec)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(device=self.device, dtype=torch.float32).expand(-1, 3, -1, -1)
        with torch.autocast(self.device.type, enabled=False):
            images = resized(images, self.size).contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                features, logits = self.network(images)
        return features.float(), logits.float()


def resized(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] at `size` pixels a side, (N, C, size, size); as they are where they have it."""
    if images.shape[2:] == (size, size):
        return images
    larger = functional.interpolate(images, (size, size), mode="bicubic", antialias=True, align_corners=False)
    return larger.clamp(-1, 1)  # bicubic overshoots at edges
