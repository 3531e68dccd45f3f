"""CycleGAN's generator: Zhu et al. 2017 (arXiv:1703.10593), appendix 7.2, after Johnson et al. 2016 (arXiv:1603.08155).

Two halvings, residual blocks at a quarter of the size, two doublings; mirrored edges, instance norm. We differ: a
doubling repeats each pixel and convolves (`upsampling=resize`); the paper's is `upsampling=transposed`.
"""

from torch import Tensor, nn

from ganctl.contract import ArgumentError
from ganctl.model.fastgan import EnlargingConv2d
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import initialise, normalisation
from ganctl.shapes import Images


class Generator(nn.Module):
    """Source images (N, C', H, W) in [-1, 1] to images (N, C, H, W) in [-1, 1], sides multiples of 4.

    With width 64, 9 blocks, instance norm and transposed convolutions it has the 11,378,179 numbers of the authors'
    code.

    Raises:
        ArgumentError: the sides are no multiples of 4, 16 pixels at least, or source and image differ in size.
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
        initialisation: str,
    ) -> None:
        super().__init__()
        if upsampling not in ("resize", "transposed"):
            raise ArgumentError("upsampling", upsampling, "is neither resize nor transposed", "resize")
        if tuple(image_shape[1:]) != tuple(source_shape[1:]):
            raise ArgumentError("image_shape", image_shape, "this generator keeps its source's height and width")
        if any(side % 4 or side < 16 for side in image_shape[1:]):
            raise ArgumentError("image_shape", image_shape, "two halvings need multiples of 4, 16 at least")
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
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, image_shape[0], 7), nn.Tanh())
        initialise(self, initialisation)

    def forward(self, source: Images) -> Images:
        return self.layers(source).to(source.dtype)


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
