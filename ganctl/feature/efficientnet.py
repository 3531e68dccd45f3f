"""Judges of pictures that need no download: EfficientNet-Lite0 and -Lite2, which know ImageNet, at a small size."""

import hashlib

import torch
from torch import Tensor

from ganctl.contract import ArgumentError, DataSpec
from ganctl.pretrained import LITE0, LITE2, NUM_CLASSES, check_channels, efficientnet_lite, resized


class EfficientNet:
    """The features (N, 1280) and the 1,000 ImageNet logits of EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946).

    `lite` is the variant: 0, `feature=efficientnet`, or 2, `feature=efficientnet_lite2`.

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

    Lite2 was trained on 260 pixels, which its five halvings make 130, 65, 33, 17, 9: even twice, then odd. A map of an
    odd size is padded on both sides and one of an even size on the far side only, so it sees best at sizes that halve
    alike, 64 n + 36, as 100. By the same images (one core of another, busy machine: read ratios):

        Lite2   clean   blurred (1)   noise (.12)   accuracy   images/s
           68     174    2.27          3.47          67 %        65
           96     201    2.27          3.44          71 %        30
          100     102    2.07          3.75          72 %        21

    Lite2 shares with Lite0 the family and ImageNet, and no weight: it may judge what has learned from Lite0, with the
    reservations of docs/judging.md.

    Distances are large beside Inception's because the zeros around small feature maps are part of every mean. The
    weights need them: with the border repeated instead, the classifier at size 64 is right on 30 %.
    """

    num_classes = NUM_CLASSES

    def __init__(self, *, lite: int = 0, size: int = 96, precision: str = "fp32", device: torch.device | str = "cpu"):
        variant = {0: LITE0, 2: LITE2}.get(lite)
        if variant is None:
            raise ArgumentError("lite", lite, "must be 0 or 2")
        if precision not in ("fp32", "bf16"):
            raise ArgumentError("precision", precision, "must be fp32 or bf16")
        self.size, self.precision, self.device = size, precision, torch.device(device)
        self.pretrained = variant.name
        self.name = "efficientnet" if lite == 0 else variant.name
        self.name += "" if precision == "fp32" else f"_{precision}"
        self.resizing = f"bicubic with antialiasing to {size}x{size}"
        self.weights_hash = hashlib.sha256(f"{variant.hash_prefix}, {self.resizing}, {precision}".encode()).hexdigest()
        self.network = efficientnet_lite(variant).to(self.device)

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
