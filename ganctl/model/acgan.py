"""AC-GAN: Odena et al. 2017 (arXiv:1610.09585), "Conditional Image Synthesis with Auxiliary Classifier GANs".

The discriminator of appendix A, table 2 (CIFAR-10; that of table 1 differs in its last layer alone): it is not shown
the label, but says which it is. The generator is DCGAN's with the label among its latents. We differ in one point: no
noise is added to its activations, of which the paper tries deviations of 0, 0.1 and 0.2.
"""

from itertools import pairwise

from torch import nn

from ganctl.model.geometry import ImageShape
from ganctl.model.layers import LEAK, drop, initialise
from ganctl.shapes import Features, Images, Labels, Logits


class Discriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to logits (N,), at any size; or with `classes` to those of the classes, (N, K).

    Six 3x3 convolutions, each of twice as many channels, the first of `width`, every other one of stride 2, leave an
    eighth of the sides, all of which one linear layer judges. LeakyReLU and dropout follow each convolution, and batch
    norm all but the first. Labels are not looked at. The paper does not say how images are padded: here by one pixel.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        batch_norm: bool,
        dropout: float,
        initialisation: str,
    ) -> None:
        super().__init__()
        channels, *sides = image_shape
        layers: list[nn.Module] = []
        widths = [channels, *(width << number for number in range(6))]
        for number, (before, after) in enumerate(pairwise(widths)):
            normalised = batch_norm and number > 0
            layers += [nn.Conv2d(before, after, 3, 1 if number % 2 else 2, 1, bias=not normalised)]
            layers += [nn.BatchNorm2d(after)] if normalised else []
            layers += [nn.LeakyReLU(LEAK, inplace=True), *drop(dropout)]
        height, breadth = (-(-side // 8) for side in sides)
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(widths[-1] * height * breadth, 1 + (num_classes or 0))
        initialise(self, initialisation)

    def forward(self, images: Images, labels: Labels, classes: bool = False) -> Logits | Features:
        said = self.head(self.layers(images)).to(images.dtype)
        return said[:, 1:] if classes else said[:, 0]
