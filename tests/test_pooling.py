import pytest
import torch
from torch.nn import functional

from ganctl.pooling import pooled


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (1, 2, 16, 24), (2, 1, 9, 14), (1, 1, 4, 4)])
def test_cells_are_those_of_adaptive_pooling(shape: tuple[int, ...]) -> None:
    maps = torch.randn(shape, dtype=torch.double)
    torch.testing.assert_close(pooled(maps, 4), functional.adaptive_avg_pool2d(maps, 4))
