"""DCGAN: Radford et al. 2016 (arXiv:1511.06434), "Unsupervised Representation Learning with Deep Convolutional GANs".

Section 3's guidelines: strides instead of pooling, batch norm except at the generator's output and the discriminator's
input, no hidden fully connected layers, ReLU and tanh in the generator, LeakyReLU in the discriminator. We differ in
these points: the network starts from 4 to 7 pixels a side, not always 4, so that 28, 96 or 96x64 pixels work as well
as 32; the stride 2 divides its 4x4 kernels (the paper's figure has 5x5) evenly, against checkerboards. Small images
leave few doublings and so few layers: `extra_layers` adds 3x3 convolutions of stride 1 at the smallest size.
"""

from itertools import pairwise

from torch import Tensor, nn

from ganctl.contract import ArgumentError
from ganctl.model.geometry import ImageShape, doubling, widths_of
from ganctl.model.layers import LEAK, LabelledLatents, LogitHead, drop, finish, initialise, inner_features
from ganctl.shapes import Images, Labels, Latents, PackFeatures, PackLogits


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) in [-1, 1], at any size of `geometry.doubling`.

    A linear layer makes the first pixels (it is the paper's "project and reshape"), then each 4x4 transposed
    convolution of stride 2 doubles them. Labels matter only with `num_classes`.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        extra_layers: int,
        dropout: float,
        label_size: int,
        initialisation: str,
        mixture: int = 0,  # as in checkpoints from before there was one
    ) -> None:
        super().__init__()
        start, doublings = doubling(image_shape)
        widths = widths_of(doublings + extra_layers, width=width, max_width=max_width)[::-1]
        self.latents = LabelledLatents(latent_size, num_classes=num_classes, label_size=label_size, mixture=mixture)
        self.choosing_latents = 1 if mixture else 0
        self.project = nn.Linear(self.latents.size, widths[0] * start[0] * start[1], bias=False)
        layers: list[nn.Module] = [nn.Unflatten(1, (widths[0], *start))]
        for number, (before, after) in enumerate(pairwise(widths)):
            convolution = nn.Conv2d(before, after, 3, 1, 1, bias=False)
            if number >= extra_layers:
                convolution = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            layers += [*_normalised_relu(before, dropout), convolution]
        layers += [*_normalised_relu(widths[-1], dropout), nn.ConvTranspose2d(widths[-1], image_shape[0], 4, 2, 1)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        initialise(self, initialisation)

    def forward(self, latents: Latents, labels: Labels) -> Images:
        return self.from_placed(self.place(latents, labels))

    def place(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Where latents and labels lie in the space that images are made from, (N, size): a walk there has no jumps."""
        return self.latents(latents, labels)

    def from_placed(self, placed: Tensor) -> Tensor:
        """The images of what `place` gave, or of points between."""
        return self.layers(self.project(placed)).to(placed.dtype)


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] and labels (N,) to logits (N,), at any size of `geometry.doubling`.

    4x4 convolutions of stride 2 halve the image down to 4 to 7 pixels on the shorter side, all of which one linear
    layer judges. Without `batch_norm`, as the gradient penalty needs it, the convolutions have biases instead.
    With `features` what its layers give comes in place of logits, (N, F): `layers.inner_features`.

    With `pack` = m > 1 it judges packs of m neighbours in the batch, one after the other in the channels, and gives
    N / m logits: Lin et al. 2017 (arXiv:1712.04086, "PacGAN"), section 2. A generator that draws too few kinds of
    images shows it within a pack. Nothing but the first convolution is larger for it.

    Raises:
        ArgumentError: `pack` is more than 1 and labels are to be judged, of which a pack has several.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        extra_layers: int,
        batch_norm: bool,
        dropout: float,
        spectral_norm: bool,
        minibatch_kernels: int,
        minibatch_kernel_size: int,
        initialisation: str,
        pack: int = 1,  # as in checkpoints from before there was one
        minibatch_deviation: bool = False,  # likewise
    ) -> None:
        super().__init__()
        if pack > 1 and num_classes is not None:
            raise ArgumentError("pack", pack, "a pack has the labels of several images; take conditional=false", 1)
        self.pack = pack
        start, halvings = doubling(image_shape)
        widths = widths_of(halvings + extra_layers, width=width, max_width=max_width)
        layers: list[nn.Module] = [nn.Conv2d(pack * image_shape[0], widths[0], 4, 2, 1)]
        for number, (before, after) in enumerate(pairwise(widths), start=1):
            kernel, stride = (4, 2) if number < halvings else (3, 1)
            layers += [nn.LeakyReLU(LEAK, inplace=True), *drop(dropout)]
            layers += [nn.Conv2d(before, after, kernel, stride, 1, bias=not batch_norm)]
            layers += [nn.BatchNorm2d(after)] if batch_norm else []
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(LEAK, inplace=True), *drop(dropout), nn.Flatten())
        self.num_features = widths[-1] * start[0] * start[1]
        self.head = LogitHead(
            self.num_features, num_classes, minibatch_kernels, minibatch_kernel_size, minibatch_deviation
        )
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels, features: bool = False) -> PackLogits | PackFeatures:
        if self.pack > 1:
            images, labels = images.unflatten(0, (-1, self.pack)).flatten(1, 2), labels[:: self.pack]
        if features:
            return inner_features(self.layers, images).to(images.dtype)
        return self.head(self.layers(images), labels).to(images.dtype)


def _normalised_relu(channels: int, share: float) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), *drop(share)]
