"""One thread for all tests here, and random values in the place of pytorch-fid's weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only wait for each other on few cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_state() -> dict[str, Tensor]:
    """Values that keep activations alive through the whole network; no `num_batches_tracked`, as in old files."""
    from ganctl.feature.inception import unfilled_network

    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for name, value in unfilled_network().state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if value.ndim > 1:
            state[name] = torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        else:
            positive = name.endswith(("bn.weight", "running_var"))
            state[name] = torch.rand(value.shape, generator=generator) * 0.5 + (0.75 if positive else -0.25)
    return state
