"""Sizes that networks can make, and how the others are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ganctl.model.geometry import DOUBLING_SIZES, doubling, quartering


def test_the_doubling_sizes_are_all_products_of_4_to_7_and_powers_of_two_from_16_to_256():
    products = {m * 2**k for m in (4, 5, 6, 7) for k in range(2, 10)}
    assert set(DOUBLING_SIZES) == {size for size in products if 16 <= size <= 256}


@pytest.mark.parametrize("size", DOUBLING_SIZES)
def test_a_legal_size_is_factored(size):
    start, doublings = doubling((3, size, size))
    assert start * 2**doublings == size
    assert 4 <= start <= 7


@pytest.mark.parametrize(
    ("size", "cure"),
    [
        (30, "dataset.resolution=28 or dataset.resolution=32"),
        (8, "dataset.resolution=16"),
        (300, "dataset.resolution=256"),
        (72, "dataset.resolution=64 or dataset.resolution=80"),
    ],
)
def test_another_size_is_refused_in_one_line_with_the_nearest_ones(size, cure):
    with pytest.raises(ValueError, match=f"^dataset.resolution={size}: [^\n]*; try {cure}$"):
        doubling((1, size, size))


def test_an_oblong_image_is_refused_where_sizes_are_doubled():
    with pytest.raises(
        ValueError, match=r"^dataset.resolution=28x32: [^\n]* square images; try dataset.resolution=32$"
    ):
        doubling((1, 28, 32))


def test_sides_that_are_multiples_of_four_are_quartered():
    assert quartering((1, 28, 36)) == (7, 9)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 30, 30), "dataset.resolution=30: [^\n]*; try dataset.resolution=28 or dataset.resolution=32"),
        ((1, 2, 2), "dataset.resolution=2: [^\n]*; try dataset.resolution=4"),
        ((1, 28, 30), "dataset.resolution=28x30: [^\n]*; try dataset.resolution=28 or dataset.resolution=32"),
    ],
)
def test_other_sides_are_refused_where_sizes_are_quartered(shape, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        quartering(shape)


def test_the_rules_are_known_without_torch():
    code = "import sys, ganctl.model.geometry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
