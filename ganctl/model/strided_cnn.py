"""A small convolutional discriminator that strides instead of pooling (Radford et al. 2016, arXiv:1511.06434)."""

from torch import nn

from ganctl.model.geometry import ImageShape, quartering
from ganctl.model.layers import LEAK, LogitHead, drop, finish, inner_features
from ganctl.shapes import Features, Images, Labels, Logits


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], sides multiples of 4, and labels (N,) to logits (N,), or to its inner `features`.

    Two 3x3 convolutions of stride 2 with LeakyReLU 0.2: 28x28 to 14x14x64 to 7x7x128, the second with batch norm; then
    flatten and the logit.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        batch_norm: bool,
        dropout: float,
        spectral_norm: bool,
        minibatch_kernels: int,
        minibatch_kernel_size: int,
        initialisation: str,
        minibatch_deviation: bool = False,  # as in checkpoints from before there was one
    ) -> None:
        super().__init__()
        height, breadth = quartering(image_shape)
        self.layers = nn.Sequential(
            nn.Conv2d(image_shape[0], width, 3, 2, 1),
            nn.LeakyReLU(LEAK, inplace=True),
            *drop(dropout),
            nn.Conv2d(width, 2 * width, 3, 2, 1, bias=not batch_norm),
            *([nn.BatchNorm2d(2 * width)] if batch_norm else []),
            nn.LeakyReLU(LEAK, inplace=True),
            *drop(dropout),
            nn.Flatten(),
        )
        features = 2 * width * height * breadth
        self.head = LogitHead(features, num_classes, minibatch_kernels, minibatch_kernel_size, minibatch_deviation)
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels, features: bool = False) -> Logits | Features:
        if features:
            return inner_features(self.layers, images).to(images.dtype)
        return self.head(self.layers(images), labels).to(images.dtype)
