"""SRGAN's generator: Ledig et al. 2017 (arXiv:1609.04802), section 2.1, without batch norm as ESRGAN has it.

Residual blocks at the size of the source, then sub-pixel convolutions (Shi et al. 2016, arXiv:1609.05158). Batch norm
is left out (Wang et al. 2018, arXiv:1809.00219, section 3.1). We differ: what the layers give is added to the source
enlarged by bicubic interpolation (Kim et al. 2016, arXiv:1511.04587), so that training starts from the line to beat;
the ends have 3x3 convolutions in place of 9x9; and the image is cut to [-1, 1] only where it is looked at.
"""

from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError
from ganctl.model.geometry import ImageShape
from ganctl.model.layers import initialise
from ganctl.shapes import Images, Sources


class Generator(nn.Module):
    """Source images (N, C', h, w) in [-1, 1] to images (N, C, k h, k w), k a power of two that the shapes tell.

    Images keep to [-1, 1] when the network is evaluated. In training they may leave it a little, or nothing would
    teach a pixel that is cut off.

    Raises:
        ArgumentError: the image is not 2, 4 or 8 times as high and wide as its source.
    """

    def __init__(
        self,
        *,
        image_shape: ImageShape,
        source_shape: ImageShape,
        width: int,
        blocks: int,
        initialisation: str,
    ) -> None:
        super().__init__()
        self.factor = image_shape[1] // source_shape[1]
        enlarged = tuple(side * self.factor for side in source_shape[1:])
        if self.factor not in (2, 4, 8) or enlarged != tuple(image_shape[1:]):
            need = f"must be 2, 4 or 8 times the source's {source_shape[1]}x{source_shape[2]}"
            raise ArgumentError("image_shape", image_shape, need)
        self.first = nn.Sequential(nn.Conv2d(source_shape[0], width, 3, 1, 1), nn.PReLU())
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)), nn.Conv2d(width, width, 3, 1, 1))
        doublings = (
            nn.Sequential(nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU())
            for _ in range(self.factor.bit_length() - 1)
        )
        self.enlarge = nn.Sequential(*doublings)
        self.to_image = nn.Conv2d(width, image_shape[0], 3, 1, 1)
        initialise(self, initialisation)
        for parameter in self.to_image.parameters():
            nn.init.zeros_(parameter)
        self.channels = image_shape[0]

    def forward(self, source: Sources) -> Images:
        hidden = self.first(source)
        hidden = hidden + self.blocks(hidden)
        sides = [self.factor * side for side in source.shape[2:]]
        start = functional.interpolate(source.float(), size=sides, mode="bicubic")
        if start.shape[1] != self.channels:  # from grey to colour, or the other way
            start = start.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)
        images = start + self.to_image(self.enlarge(hidden)).float()
        return (images if self.training else images.clamp(-1, 1)).to(source.dtype)


class Block(nn.Module):
    """Two 3x3 convolutions with a PReLU between, added to what they start from."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(), nn.Conv2d(width, width, 3, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps)
