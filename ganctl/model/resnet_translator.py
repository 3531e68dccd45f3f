"""CycleGAN's generator: Zhu et al. 2017 (arXiv:1703.10593), appendix 7.2, after Johnson et al. 2016 (arXiv:1603.08155).

Two halvings, residual blocks at a quarter of the size, two doublings; mirrored edges, instance norm. We differ: a
doubling repeats each pixel and convolves (`upsampling=resize`); the paper's is `upsampling=transposed`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.collective import common
from ganctl.contract import ArgumentError
from ganctl.model.fastgan import EnlargingConv2d
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import initialise, normalisation
from ganctl.shapes import Images, Sources


class Generator(nn.Module):
    """Source images (N, C', H, W) in [-1, 1] to images (N, C, H, W) in [-1, 1], sides multiples of 4.

    With width 64, 9 blocks, instance norm and transposed convolutions it has the 11,378,179 numbers of the authors'
    code. `projection` above 0 adds what `term=[contrastive]` needs, features of so many numbers for each place of five
    maps: of the source, both halvings, the first and the middle block (Park et al. 2020, arXiv:2007.15651, appendix C).

    With `residual` the layers give what is added to the source, at first nothing, so that a short training spends
    nothing on learning to copy (ours; as Kim et al. 2016, arXiv:1511.04587, have it for enlargement). In training such
    images may leave [-1, 1] a little, or nothing would teach a pixel that is cut off.

    Raises:
        ArgumentError: the sides are no multiples of 4, 16 pixels at least, or source and image differ in size, or in
            channels where `residual`.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        source_shape: ImageShape,
        width: int,
        blocks: int,
        norm: str,
        upsampling: str,
        projection: int,
        initialisation: str,
        residual: bool = False,
    ) -> None:
        super().__init__()
        if upsampling not in ("resize", "transposed"):
            raise ArgumentError("upsampling", upsampling, "is neither resize nor transposed", "resize")
        if tuple(image_shape[1:]) != tuple(source_shape[1:]):
            raise ArgumentError("image_shape", image_shape, "this generator keeps its source's height and width")
        if any(side % 4 or side < 16 for side in image_shape[1:]):
            raise ArgumentError("image_shape", image_shape, "two halvings need multiples of 4, 16 at least")
        self.multiple = 4  # of a side of other pictures
        bias = norm != "batch"
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(source_shape[0], width, 7, bias=bias),
            *normalisation(norm, width),
            nn.ReLU(),
        ]
        for before in (width, 2 * width):
            halving = nn.Conv2d(before, 2 * before, 3, 2, 1, bias=bias)
            layers += [halving, *normalisation(norm, 2 * before), nn.ReLU()]
        layers += [Block(4 * width, norm) for _ in range(blocks)]
        for before in (4 * width, 2 * width):
            after = before // 2
            doubling = (
                EnlargingConv2d(before, after, 3, 1, 1, bias=bias)
                if upsampling == "resize"
                else nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1, bias=bias)
            )
            layers += [doubling, *normalisation(norm, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, image_shape[0], 7))
        self.layers.append(nn.Identity() if residual else nn.Tanh())
        step = 3 if normalisation(norm, width) else 2  # layers of a convolution with what follows it
        halved, widths = [step + 1, 2 * step + 1], (source_shape[0], 2 * width, 4 * width, 4 * width, 4 * width)
        first = 3 * step + 1
        self.seen = [0, *(place for place in halved), first, first + blocks // 2]
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(each, projection), nn.ReLU(), nn.Linear(projection, projection))
            for each in widths[: 5 if projection else 0]
        )
        initialise(self, initialisation)
        self.residual = residual
        if residual:
            if image_shape[0] != source_shape[0]:
                need = f"needs sources of as many channels as the images have, {image_shape[0]}"
                raise ArgumentError("residual", "true", need, "false")
            for parameter in self.layers[-2].parameters():
                nn.init.zeros_(parameter)

    def forward(self, source: Sources) -> Images:
        images = self.layers(source)
        if self.residual:
            images = source + images
            images = images if self.training else images.clamp(-1, 1)
        return images.to(source.dtype)

    def patches(
        self, images: Tensor, count: int, places: list[Tensor] | None = None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Unit vectors (N, P, projection) of each map at P random places (P = `count`, or all), and the places (P,).

        Given `places` are used again.
        """
        hidden, found, chosen = images, [], []
        for number, layer in enumerate(self.layers[: self.seen[-1] + 1]):
            hidden = layer(hidden)
            for _ in range(self.seen.count(number)):
                rows = hidden.flatten(2).transpose(1, 2)
                order = (
                    places[len(found)]
                    if places
                    else torch.randperm(rows.shape[1], device=rows.device, generator=common(rows.device))[:count]
                )
                projected = self.projections[len(found)](rows[:, order])
                found.append(functional.normalize(projected, dim=2))
                chosen.append(order)
        return found, chosen


class Block(nn.Module):
    """Two 3x3 convolutions with mirrored edges, added to what they start from."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            convolution = nn.Conv2d(width, width, 3, bias=norm != "batch")
            layers += [nn.ReflectionPad2d(1), convolution, *normalisation(norm, width)]
            layers += [] if last else [nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps)
