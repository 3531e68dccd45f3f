"""The residual networks of SNGAN: Miyato et al. 2018 (arXiv:1802.05957), appendix B.4, table 3 (CIFAR-10).

Generalised to every size of `geometry.doubling`: at 32 pixels, with generator width 256 and discriminator width 128,
they are the table's. We differ in one point: a label reaches the generator by its latents, not by its batch norm.
"""

from itertools import pairwise

from torch import Tensor, nn

from ganctl.model.geometry import ImageShape, doubling, widths_of
from ganctl.model.layers import LabelledLatents, LogitHead, drop, finish, initialise, inner_features
from ganctl.shapes import Features, Images, Labels, Latents, Logits


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) in [-1, 1], at any size of `geometry.doubling`.

    A linear layer makes the first pixels; each residual block doubles them; batch norm, ReLU, a 3x3 convolution and
    tanh follow.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        dropout: float,
        label_size: int,
        initialisation: str,
    ) -> None:
        super().__init__()
        start, doublings = doubling(image_shape)
        last, *rest = widths_of(doublings + 1, width=width, max_width=max_width)
        widths = [*reversed(rest), last]
        self.latents = LabelledLatents(latent_size, num_classes=num_classes, label_size=label_size)
        self.project = nn.Linear(self.latents.size, widths[0] * start[0] * start[1], bias=False)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (widths[0], *start)),
            *(GBlock(before, after, dropout) for before, after in pairwise(widths)),
            nn.BatchNorm2d(last),
            nn.ReLU(inplace=True),
            nn.Conv2d(last, image_shape[0], 3, 1, 1),
            nn.Tanh(),
        )
        initialise(self, initialisation)

    def forward(self, latents: Latents, labels: Labels) -> Images:
        return self.layers(self.project(self.latents(latents, labels))).to(latents.dtype)


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] and labels (N,) to logits (N,), at any size of `geometry.doubling`.

    Residual blocks halve the image down to 8 to 14 pixels on the shorter side, two more keep its size; then ReLU, the
    sum over all pixels, and the logit. It has no batch norm: spectral norm, or a gradient penalty, takes its place.
    With `features` what its layers give comes in place of logits, (N, F): `layers.inner_features`.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        dropout: float,
        spectral_norm: bool,
        minibatch_kernels: int,
        minibatch_kernel_size: int,
        initialisation: str,
        minibatch_deviation: bool = False,  # as in checkpoints from before there was one
    ) -> None:
        super().__init__()
        _, doublings = doubling(image_shape)
        widths = widths_of(doublings - 1, width=width, max_width=max_width)
        self.layers = nn.Sequential(
            DBlock(image_shape[0], widths[0], dropout, first=True),
            *(DBlock(before, after, dropout) for before, after in pairwise(widths)),
            *(DBlock(widths[-1], widths[-1], dropout, downsample=False) for _ in range(2)),
            nn.ReLU(inplace=True),
        )
        self.head = LogitHead(widths[-1], num_classes, minibatch_kernels, minibatch_kernel_size, minibatch_deviation)
        finish(self, initialisation, spectral_norm=spectral_norm)

    def forward(self, images: Images, labels: Labels, features: bool = False) -> Logits | Features:
        if features:
            return inner_features(self.layers, images, after=DBlock).to(images.dtype)
        return self.head(self.layers(images).sum((2, 3)), labels).to(images.dtype)


class GBlock(nn.Module):
    """The generator's residual block: (N, before, H, W) to (N, after, 2H, 2W).

    The 1x1 convolution of the shortcut comes before its doubling: the two commute, and so it costs a quarter.
    """

    def __init__(self, before: int, after: int, share: float) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(before, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            *drop(share),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.Upsample(scale_factor=2))

    def forward(self, images: Tensor) -> Tensor:
        return self.residual(images) + self.shortcut(images)


class DBlock(nn.Module):
    """The discriminator's block: (N, before, H, W) to (N, after, H / 2, W / 2), or H, W if not `downsample`.

    The `first` has no ReLU in front, which would cut the pixels. The shortcut's pooling comes before its 1x1
    convolution: the two commute, and so it costs a quarter.
    """

    def __init__(self, before: int, after: int, share: float, *, first: bool = False, downsample: bool = True) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            nn.Conv2d(before, after, 3, 1, 1),
            nn.ReLU(inplace=True),
            *drop(share),
            nn.Conv2d(after, after, 3, 1, 1),
            *([nn.AvgPool2d(2)] if downsample else []),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1)) if downsample else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.residual(images) + self.shortcut(images)
