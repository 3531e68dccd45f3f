"""A small convolutional discriminator: one convolution, one pooling, one dense layer."""

from torch import nn

from ganctl.model.geometry import ImageShape, quartering
from ganctl.model.layers import LEAK, LogitHead, drop, finish, inner_features
from ganctl.shapes import Features, Images, Labels, Logits


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1], sides multiples of 4, and labels (N,) to logits (N,), or to its inner `features`.

    A 3x3 convolution of stride 2 (28x28 to 14x14x64), max pooling (7x7x64), flatten (3136), dense `hidden`, logit. The
    activations are LeakyReLU 0.2, so that no image is without a gradient for the generator to follow.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        hidden: int,
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
            nn.MaxPool2d(2),
            *drop(dropout),
            nn.Flatten(),
            nn.Linear(width * height * breadth, hidden),
            nn.LeakyReLU(LEAK, inplace=True),
            *drop(dropout),
        )
        self.head = LogitHead(hidden, num_classes, minibatch_kernels, minibatch_kernel_size, minibatch_deviation)
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels, features: bool = False) -> Logits | Features:
        if features:
            return inner_features(self.layers, images).to(images.dtype)
        return self.head(self.layers(images), labels).to(images.dtype)
