"""FastGAN's generator: Liu et al. 2021 (arXiv:2101.04775), "Towards Faster and Stabilized GAN Training", section 3.1.

Nearest upsampling and 3x3 convolutions, so that no checkerboard is built in; gated linear units; and skip-layer
excitation, by which a small map weighs the channels of one 16 times as large. We differ: a linear layer makes the first
pixels (the paper's transposed convolution of a 1x1 map is the same), each size has two convolutions, no noise is added,
and the network starts from 4 to 7 pixels a side, so that 96 or 28 pixels work as well as 64, and 96x64.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.model.geometry import ImageShape, doubling, widths_of
from ganctl.model.layers import LEAK, LabelledLatents, initialise
from ganctl.pooling import pooled
from ganctl.shapes import Images, Labels, Latents

_REACH = 4  # doublings between a map and the one whose channels it weighs: 16 times the size


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) in [-1, 1], at any size of `geometry.doubling`.

    The latents are scaled to the length sqrt(latent_size) first, as the projected GAN has them. Labels matter only with
    `num_classes`.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        label_size: int,
        excitation: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        start, doublings = doubling(image_shape)
        first, *widths = widths_of(doublings + 1, width=width, max_width=max_width)[::-1]
        self.latents = LabelledLatents(latent_size, num_classes=num_classes, label_size=label_size)
        self.project = nn.Linear(self.latents.size, 2 * first * start[0] * start[1], bias=False)
        self.first = nn.Sequential(nn.Unflatten(1, (2 * first, *start)), nn.BatchNorm2d(2 * first), Gate())
        sizes = [first, *widths]
        self.blocks = nn.ModuleList(_block(before, after) for before, after in zip(sizes, widths, strict=False))
        reached = range(_REACH, len(sizes)) if excitation else []
        self.excitations = nn.ModuleDict(
            {str(number): Excitation(sizes[number - _REACH], sizes[number]) for number in reached}
        )
        self.to_image = nn.Conv2d(widths[-1], image_shape[0], 3, 1, 1)
        initialise(self, initialisation)

    def forward(self, latents: Latents, labels: Labels) -> Images:
        return self.from_placed(self.place(latents, labels))

    def place(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Where latents and labels lie in the space that images are made from, (N, size)."""
        length = latents.float().square().mean(1, keepdim=True).clamp(min=1e-8).sqrt()
        return self.latents(latents / length, labels)

    def from_placed(self, placed: Tensor) -> Tensor:
        """The images of what `place` gave, or of points between."""
        maps = [self.first(self.project(placed))]
        for number, block in enumerate(self.blocks, 1):
            hidden = block(maps[-1])
            if str(number) in self.excitations:
                hidden = hidden * self.excitations[str(number)](maps[number - _REACH])
            maps.append(hidden)
        return torch.tanh(self.to_image(maps[-1])).to(placed.dtype)


class Gate(nn.Module):
    """The gated linear unit of Dauphin et al. 2017 (arXiv:1612.08083): (N, 2 C, H, W) to (N, C, H, W).

    torch's own gives gradients in another memory format than it got, which makes the layers before it twice as slow.
    """

    def forward(self, maps: Tensor) -> Tensor:
        linear, gates = maps.chunk(2, dim=1)
        return linear * gates.sigmoid()


class EnlargingConv2d(nn.Conv2d):
    """A 3x3 convolution of the map that nearest neighbours make twice as large: (N, C, H, W) to (N, D, 2 H, 2 W).

    Each output pixel sees at most 2x2 different inputs, so a transposed convolution by the kernel's sums over 2x2
    places is the same with 4 products in place of 9. Of maps with few pixels the sums cost more than they save: there
    `repeat` makes the larger map and takes the 9.
    """

    def __init__(self, *sizes: int, bias: bool = True, repeat: bool = False) -> None:
        super().__init__(*sizes, bias=bias)
        self.repeat = repeat
        one = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])  # which of 3 places each of 4 sums up
        self.register_buffer("places", torch.kron(one, one), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        if self.repeat:
            enlarged = functional.interpolate(input, size=[2 * side for side in input.shape[2:]], mode="nearest")
            return functional.conv2d(enlarged, self.weight, self.bias, padding=1)
        sums = torch.einsum("sp,oip->iso", self.places, self.weight.flatten(2))  # one product, no copies of the kernel
        kernel = sums.unflatten(1, (4, 4)).permute(0, 3, 1, 2)
        return functional.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)


class Excitation(nn.Module):
    """Skip-layer excitation, the paper's equation 1: a map (N, before, h, w) to weights (N, after, 1, 1) in (0, 1)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, after, 4)
        self.weigh = nn.Conv2d(after, after, 1)

    def forward(self, maps: Tensor) -> Tensor:
        hidden = self.squeeze(pooled(maps, 4))
        return self.weigh(functional.leaky_relu(hidden, LEAK)).sigmoid()


def _block(before: int, after: int) -> nn.Sequential:
    """Twice the size, then two convolutions with batch norm and gated linear units."""
    layers: list[nn.Module] = []
    for convolution in (
        EnlargingConv2d(before, 2 * after, 3, 1, 1, bias=False),
        nn.Conv2d(after, 2 * after, 3, 1, 1, bias=False),
    ):
        layers += [convolution, nn.BatchNorm2d(2 * after), Gate()]
    return nn.Sequential(*layers)
