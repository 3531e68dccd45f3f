"""Sizes that networks can make, and how the others are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganctl.contract import ArgumentError
from ganctl.model.geometry import DOUBLING_SIZES, doubling, quartering


def test_the_doubling_sizes_are_all_products_of_4_to_7_and_powers_of_two_from_16_to_256():
    products = {m * 2**k for m in (4, 5, 6, 7) for k in range(2, 10)}
    assert set(DOUBLING_SIZES) == {size for size in products if 16 <= size <= 256}


def test_a_legal_size_is_factored():
    for size in DOUBLING_SIZES:
        start, doublings = doubling((3, size, size))
        assert start[0] == start[1] and start[0] * 2**doublings == size
        assert 4 <= start[0] <= 7


@pytest.mark.parametrize(
    ("size", "start", "doublings"),
    [
        ((64, 96), (4, 6), 4),
        ((96, 64), (6, 4), 4),
        ((28, 36), (7, 9), 2),
        ((256, 1024), (4, 16), 6),
        ((48, 56), (6, 7), 3),
    ],
)
def test_an_oblong_image_has_as_many_doublings_on_both_sides(size, start, doublings):
    assert doubling((3, *size)) == (start, doublings)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [(30, [28, 32]), (8, [16]), (300, [256]), (72, [64, 80])],
)
def test_another_size_is_refused_with_the_nearest_ones(size, nearest):
    with pytest.raises(ArgumentError) as refused:
        doubling((1, size, size))
    assert (refused.value.argument, refused.value.value) == ("image_shape", (1, size, size))
    assert refused.value.cure == tuple((1, side, side) for side in nearest)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 64), [(96, 64), (112, 64)]),
        ((70, 100), [(64, 96), (80, 96)]),
        ((8, 40), [(16, 40)]),
        ((17, 31), [(16, 28), (16, 32)]),
        ((500, 600), [(256, 576), (256, 640)]),
    ],
)
def test_an_oblong_image_is_refused_with_the_nearest_oblong_ones(size, nearest):
    with pytest.raises(ArgumentError, match=r"on the longer side as many doublings; try image_shape=") as refused:
        doubling((3, *size))
    assert refused.value.cure == tuple((3, *near) for near in nearest)
    for shape in refused.value.cure:
        doubling(shape)


def test_sides_that_are_multiples_of_four_are_quartered():
    assert quartering((1, 28, 36)) == (7, 9)


@pytest.mark.parametrize(("shape", "nearest"), [((1, 30, 30), [28, 32]), ((3, 2, 2), [4])])
def test_other_sides_are_refused_where_sizes_are_quartered(shape, nearest):
    with pytest.raises(ArgumentError, match=r"^image_shape=\(.*\): .* a multiple of 4; try ") as refused:
        quartering(shape)
    assert refused.value.cure == tuple((shape[0], side, side) for side in nearest)


def test_an_oblong_image_is_quartered_on_both_sides():
    with pytest.raises(ArgumentError) as refused:
        quartering((1, 30, 28))
    assert refused.value.cure == ((1, 28, 28), (1, 32, 28))


def test_the_rules_are_known_without_torch():
    code = "import sys, ganctl.model.geometry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
