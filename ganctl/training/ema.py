"""Averaged generators: moving averages of the weights, of a half-life in images or of a share of the run."""

from collections.abc import Sequence
from functools import cache

import numpy
import torch
from torch import nn


def update_average(
    average: nn.Module, network: nn.Module, half_life: float, rampup: float, batch_size: int, step: int
) -> None:
    """Moves `average` towards `network` by 1 - beta, beta = 0.5 ** (batch_size / h).

    The averaged generator is of Karras et al. 2018 (arXiv:1710.10196).
    h is `half_life` images, but at most `rampup` times the images seen so far (Karras et al. 2020, arXiv:2006.06676,
    their implementation), so that the untrained start is soon forgotten; h = 0 copies.
    """
    images = min(half_life, rampup * (step + 1) * batch_size)
    _approach(average, network, 0.5 ** (batch_size / images) if images > 0 else 0.0)


def update_power_average(average: nn.Module, network: nn.Module, length: float, step: int) -> None:
    """Moves `average` towards `network` by 1 - beta, beta = (1 - 1 / t) ** (gamma + 1) after t = `step` + 1 steps.

    Karras et al. 2024 (arXiv:2312.02696), eq. 1: a weight of t^gamma for each step, so that the average is over the
    same share of the run whenever it ends. `length` is sigma_rel, the width of that profile as a share of the run.
    """
    _approach(average, network, (1 - 1 / (step + 1)) ** (power_of(length) + 1))


@cache
def power_of(length: float) -> float:
    """gamma >= 0 of sigma_rel = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3))) (the same, section 3.1 and eq. 2)."""
    inverse = length**-2
    return float(numpy.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


def power_averages(lengths: Sequence[float]) -> dict[str, float]:
    """The averages of `lengths` by name, as ema_0.05."""
    return {f"ema_{length:g}": length for length in lengths}


@torch.no_grad()
def _approach(average: nn.Module, network: nn.Module, beta: float) -> None:
    """beta of the average and 1 - beta of the network; buffers, such as batch norm's statistics, are copied.

    They are averages already.
    """
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
        list(average.parameters()), list(network.parameters()), 1 - beta
    )
    if buffers := list(average.buffers()):
        torch._foreach_copy_(buffers, list(network.buffers()))  # pyright: ignore[reportPrivateImportUsage]
