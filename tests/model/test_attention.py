"""Self-attention against its formula, and where it stands."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganctl.contract import ArgumentError
from ganctl.model.attention import SelfAttention, attended


def layer_of(channels: int, gamma: float) -> SelfAttention:
    torch.manual_seed(0)
    layer = SelfAttention(channels).double()
    nn.init.constant_(layer.gamma, gamma)
    return layer


def told(layer: SelfAttention, maps: torch.Tensor) -> torch.Tensor:
    """x + gamma o, place by place, of one image whose sides are even (equations 1 to 3)."""
    query, key, value, output = (
        part.weight[:, :, 0, 0] for part in (layer.query, layer.key, layer.value, layer.output)
    )
    _, height, width = maps.shape
    keys, values = [], []
    for row in range(0, height, 2):
        for column in range(0, width, 2):
            corner = maps[:, row : row + 2, column : column + 2].flatten(1)
            keys.append((key @ corner).amax(1))
            values.append((value @ corner).amax(1))
    result = maps.clone()
    for row in range(height):
        for column in range(width):
            asked = query @ maps[:, row, column]
            strengths = torch.stack([torch.exp(asked @ each) for each in keys])
            seen = sum(share * each for share, each in zip(strengths / strengths.sum(), values, strict=True))
            result[:, row, column] += layer.gamma * (output @ seen)
    return result


def test_each_place_is_told_of_all_others_by_the_papers_formula() -> None:
    layer, maps = layer_of(16, 0.7), torch.randn(2, 16, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(maps), torch.stack([told(layer, image) for image in maps]))
    assert (layer(maps) - maps).abs().max() > 1e-3


def test_it_begins_by_changing_nothing_and_learns_how_much_to_change() -> None:
    layer, maps = SelfAttention(16), torch.randn(2, 16, 4, 4)
    assert torch.equal(layer(maps), maps)
    layer(maps).square().sum().backward()
    assert layer.gamma.grad is not None and layer.gamma.grad != 0


def test_the_last_row_of_an_odd_side_is_looked_at() -> None:
    layer, maps = layer_of(16, 1.0), torch.randn(1, 16, 5, 5, dtype=torch.float64)
    other = maps.clone()
    other[:, :, 4, 4] *= 3
    assert not torch.equal(layer(maps)[:, :, 0, 0], layer(other)[:, :, 0, 0])


@pytest.mark.parametrize(("attention", "side"), [(0, None), (7, 7), (13, 7), (14, 14), (32, 28)])
def test_it_stands_behind_the_largest_maps_that_are_small_enough(attention: int, side: int | None) -> None:
    assert attended([28, 14, 7], attention) == attended([7, 14, 28], attention) == side


def test_maps_that_are_all_too_large_are_refused_in_one_line() -> None:
    with pytest.raises(ArgumentError, match=r"^attention=6: the smallest maps have 7 pixels a side; try attention=7$"):
        attended([14, 7], 6)
