"""Self-attention in a convolutional network: what it computes, and after which maps it stands."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError


class SelfAttention(nn.Module):
    """Each place of the maps looks at all others: (N, channels, H, W) to the same, x + gamma o.

    Zhang et al. 2019 (arXiv:1805.08318), section 3, as its authors' code has it (brain-research/self-attention-gan,
    non_local.py). With 1x1 convolutions f and g to C / 8 channels, h to C / 2 and v back to C, place j is told
    o_j = v(sum_i beta_ji h(x_i)), and beta_j = softmax_i(f(x_i)^T g(x_j)) (eqs. 1 and 2). f and h are pooled to half
    the sides, the largest of each 2x2, which leaves a quarter of the places i; the paper has them all. gamma starts at
    0 (eq. 3), so that the network first learns from what is near.

    The products are written out: torch's fused attention cannot be differentiated twice, as gradient penalties need.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, few, 1, bias=False)  # g
        self.key = nn.Conv2d(channels, few, 1, bias=False)  # f
        self.value = nn.Conv2d(channels, half, 1, bias=False)  # h
        self.output = nn.Conv2d(half, channels, 1, bias=False)  # v
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        query = self.query(maps).flatten(2)
        key, value = (_pooled(layer(maps)).flatten(2) for layer in (self.key, self.value))
        weights = (query.transpose(1, 2) @ key).softmax(2)  # (N, places, pooled places)
        seen = (value @ weights.transpose(1, 2)).unflatten(2, maps.shape[2:])
        return maps + self.gamma * self.output(seen)


def attended(sides: Sequence[int], attention: int) -> int | None:
    """The largest of `sides`, shorter ones of a network's maps in pixels, of at most `attention`; None where that is 0.

    Raises:
        ArgumentError: all of them are larger.
    """
    if not attention:
        return None
    fitting = [side for side in sides if side <= attention]
    if not fitting:
        raise ArgumentError("attention", attention, f"the smallest maps have {min(sides)} pixels a side", min(sides))
    return max(fitting)


def _pooled(maps: Tensor) -> Tensor:
    return functional.max_pool2d(maps, 2, ceil_mode=True)  # of an odd side the last pixel counts, too
