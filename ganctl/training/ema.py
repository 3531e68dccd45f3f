"""The averaged generator: an exponential moving average of the weights, with its half-life counted in images."""

import torch
from torch import nn


@torch.no_grad()
def update_average(
    average: nn.Module, network: nn.Module, half_life: float, rampup: float, batch_size: int, step: int
) -> None:
    """Moves `average` towards `network` by 1 - beta, beta = 0.5 ** (batch_size / h).

    The averaged generator is of Karras et al. 2018 (arXiv:1710.10196).
    h is `half_life` images, but at most `rampup` times the images seen so far (Karras et al. 2020, arXiv:2006.06676,
    their implementation), so that the untrained start is soon forgotten; h = 0 copies. Buffers, such as batch norm's
    running statistics, are copied: they are averages already.
    """
    images = min(half_life, rampup * (step + 1) * batch_size)
    beta = 0.5 ** (batch_size / images) if images > 0 else 0.0
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
        list(average.parameters()), list(network.parameters()), 1 - beta
    )
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)
