"""Pictures of any size through a network, whole or in parts."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganctl.tiling import in_tiles, ramp, spans


def smooth(source: Tensor) -> Tensor:
    """A mean of 9x9 pixels, at twice the size: each output pixel depends on those within 4 of it."""
    return functional.interpolate(functional.avg_pool2d(source, 9, 1, 4, count_include_pad=False), scale_factor=2)


@pytest.mark.parametrize("size", [(40, 40), (33, 100), (100, 31), (97, 101), (200, 65)])
def test_in_parts_it_is_what_it_is_whole(size: tuple[int, int]) -> None:
    source = torch.rand(1, 3, *size) * 2 - 1
    whole = smooth(source)
    parts = in_tiles(smooth, source, tile=32, overlap=16)
    assert parts.shape == whole.shape
    height, width = (2 * side for side in size)
    inner = (..., slice(8, height - 8), slice(8, width - 8))
    # where one part fades into the next both are right but for 4 pixels at their ends, whose weight is small
    assert (parts[inner] - whole[inner]).abs().max() < 0.1
    assert (parts - whole).abs().mean() < 0.01


def test_a_network_that_sees_single_pixels_gives_the_same_to_the_rounding() -> None:
    layer = nn.Conv2d(3, 2, 1)
    source = torch.randn(1, 3, 75, 130)
    with torch.no_grad():
        torch.testing.assert_close(in_tiles(layer, source, tile=48, overlap=8), layer(source))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (13, 64), (64, 64)])
def test_sides_are_filled_up_and_cut_again(size: tuple[int, int]) -> None:
    seen = []

    def network(source: Tensor) -> Tensor:
        seen.append(tuple(source.shape[2:]))
        return source

    source = torch.rand(1, 3, *size)
    assert torch.equal(in_tiles(network, source, tile=512, overlap=64, multiple=32), source)
    assert all(side % 32 == 0 for shape in seen for side in shape)


@pytest.mark.parametrize(("side", "tile", "overlap"), [(10, 10, 3), (11, 10, 3), (100, 32, 16), (1000, 64, 0)])
def test_parts_cover_a_side_and_overlap(side: int, tile: int, overlap: int) -> None:
    found = list(spans(side, tile, overlap))
    assert found[0][0] == 0 and found[-1][1] == side
    assert all(end - begin == min(tile, side) for begin, end in found)
    assert all(before - begin >= overlap for (_, before), (begin, _) in pairwise(found))


def test_a_part_counts_fully_at_the_pictures_own_ends() -> None:
    assert ramp(0, 8, 20, 4, 1).tolist() == [1, 1, 1, 1, 0.875, 0.625, 0.375, 0.125]
    assert ramp(12, 20, 20, 4, 1).tolist() == [0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]
