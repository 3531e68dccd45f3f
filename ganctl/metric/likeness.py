"""How like the true images generated ones are, pair by pair: PSNR, SSIM and the mean absolute difference.

The same pictures score a decibel or two more or less by channel and border, so these are tunables and part of the
protocol; how an enlargement's sources were made is part of the task.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureSet, Score
from ganctl.metric.diversity import SIGMA, WINDOW
from ganctl.metric.features import by_name

CHANNELS = ("y", "rgb")
_BATCH_PIXELS = 1 << 22
_LUMA = (65.481, 128.553, 24.966)  # of R, G, B in [0, 1] to Y in [16, 235]: ITU-R 601, as MATLAB's rgb2ycbcr


@dataclass(frozen=True)
class Likeness:
    """Means over the pairs of generated image i and real image i.

    `psnr_<channel>` in decibels, for a peak of 255; `ssim_<channel>` (Wang et al. 2004, Gaussian window of 11 pixels);
    `l1`, the mean absolute difference of all channels, of 255. `channel` is y (luma, in [16, 235], as the tables of
    super-resolution have it) or rgb (all channels); grey images are judged as they are. `border` pixels are cut off on
    each side first. Equal images have 100 dB.

    Raises:
        ArgumentError: for another channel, and where the border leaves nothing.
    """

    channel: str = "y"
    border: int = 0

    needs = ("generated.images", "real.images", "generated.pairs")

    def __post_init__(self) -> None:
        if self.channel not in CHANNELS:
            raise ArgumentError("channel", self.channel, f"is none of {', '.join(CHANNELS)}", "y")
        if type(self.border) is not int or self.border < 0:
            raise ArgumentError("border", self.border, "is no whole number in [0, inf)", 0)

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        names = (f"psnr_{self.channel}", f"ssim_{self.channel}", "l1")
        return tuple(Score(name, "lower" if name == "l1" else "higher", quantity=name) for name in names)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.images is not None and real.images is not None
        if min(real.images.shape[2:]) <= 2 * self.border:
            raise ArgumentError("border", self.border, f"leaves nothing of {real.images.shape[2:]} pixels", 0)
        truths = real.images[: len(generated.images)]
        sides = zip(_blocks(generated.images), _blocks(truths), strict=True)
        found = [self._sums(ours, truth) for ours, truth in sides]
        totals = torch.stack(found).sum(0) / len(truths)
        values = [float(value) for value in totals]
        return by_name(self.declare(generated.extractor, 0), values)

    def _sums(self, images: Tensor, truth: Tensor) -> Tensor:
        """The sums of the scores over a block of pairs (N, C, H, W) in [0, 255]."""
        from torchmetrics.functional.image import structural_similarity_index_measure

        images, truth = (self._cut(side) for side in (images, truth))
        l1 = (images - truth).abs().flatten(1).mean(1)
        ours, theirs = (self._channel(side) for side in (images, truth))
        error = (ours - theirs).square().flatten(1).mean(1)
        psnr = 10 * torch.log10(255**2 / error.clamp(min=255**2 * 1e-10))
        window = min(WINDOW, min(ours.shape[2:]) - 1 + min(ours.shape[2:]) % 2)
        ssim = structural_similarity_index_measure(
            ours, theirs, data_range=255.0, kernel_size=window, sigma=SIGMA * window / WINDOW, reduction="none"
        )
        assert isinstance(ssim, Tensor)
        return torch.stack([psnr.sum(), ssim.sum(), l1.sum()])

    def _cut(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        return images[:, :, self.border : height - self.border, self.border : width - self.border]

    def _channel(self, images: Tensor) -> Tensor:
        if self.channel == "rgb" or images.shape[1] != 3:
            return images
        weights = torch.tensor(_LUMA, dtype=images.dtype).view(1, 3, 1, 1)
        return 16 + (images / 255 * weights).sum(1, keepdim=True)


def _blocks(images: numpy.ndarray) -> Iterator[Tensor]:
    """Some images at a time, float32 in [0, 255]."""
    batch = max(1, _BATCH_PIXELS // images[0].size)
    for start in range(0, len(images), batch):
        yield torch.from_numpy(numpy.ascontiguousarray(images[start : start + batch])).float()
