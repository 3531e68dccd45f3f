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
        assert start * 2**doublings == size
        assert 4 <= start <= 7


@pytest.mark.parametrize(
    ("size", "nearest"),
    [(30, [28, 32]), (8, [16]), (300, [256]), (72, [64, 80])],
)
def test_another_size_is_refused_with_the_nearest_ones(size, nearest):
    with pytest.raises(ArgumentError) as refused:
        doubling((1, size, size))
    assert (refused.value.argument, refused.value.value) == ("image_shape", (1, size, size))
    assert refused.value.cure == tuple((1, side, side) for side in nearest)


def test_an_oblong_image_is_refused_where_sizes_are_doubled():
    said = r"^image_shape=\(1, 28, 32\): .* square images; try image_shape=\(1, 32, 32\)$"
    with pytest.raises(ArgumentError, match=said):
        doubling((1, 28, 32))


def test_sides_that_are_multiples_of_four_are_quartered():
    assert quartering((1, 28, 36)) == (7, 9)


@pytest.mark.parametrize(("shape", "nearest"), [((1, 30, 30), [28, 32]), ((3, 2, 2), [4]), ((1, 28, 30), [28, 32])])
def test_other_sides_are_refused_where_sizes_are_quartered(shape, nearest):
    with pytest.raises(ArgumentError, match=r"^image_shape=\(.*\): .* a multiple of 4; try ") as refused:
        quartering(shape)
    assert refused.value.cure == tuple((shape[0], side, side) for side in nearest)


def test_the_rules_are_known_without_torch():
    code = "import sys, ganctl.model.geometry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
