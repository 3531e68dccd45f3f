from __future__ import annotations

import random
from io import BytesIO

import numpy
from PIL import Image

from ganctl.dataset.decode import look
from ganctl.dataset.duplicates import NEAR, near, same


def test_equal_digests_are_groups_in_order() -> None:
    assert same(["a", "b", "a", "c", "b", "a"]) == [[0, 2, 5], [1, 4]]


def test_all_pairs_within_a_few_bits_are_found_and_no_others() -> None:
    draw = random.Random(0)
    hashes = [draw.getrandbits(64) for _ in range(300)]
    for start in range(200):  # near ones of some, at every number of flipped bits
        hashes.append(hashes[start] ^ sum(1 << bit for bit in draw.sample(range(64), 1 + start % (2 * NEAR))))
    expected = [(i, j) for i in range(500) for j in range(i + 1, 500) if bin(hashes[i] ^ hashes[j]).count("1") <= NEAR]
    assert near(hashes) == expected and len(expected) >= 100


def test_no_pairs_among_none_or_one() -> None:
    assert near([]) == near([5]) == []


def test_endless_pairs_end() -> None:
    assert len(near([7] * 2000)) == 10_000


def photograph(seed: int, side: int = 96) -> Image.Image:
    coarse = numpy.random.default_rng(seed).integers(0, 256, (6, 6, 3), numpy.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def content(picture: Image.Image, format: str = "PNG", **options: int) -> bytes:
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def test_a_picture_scaled_or_compressed_anew_is_nearly_equal_and_another_is_not() -> None:
    first = photograph(0)
    pictures = [
        content(first),
        content(first, "JPEG", quality=60),
        content(first.resize((64, 64))),
        content(photograph(1)),
    ]
    hashes = [look(picture).likeness for picture in pictures]
    assert near([value or 0 for value in hashes]) == [(0, 1), (0, 2), (1, 2)]


def test_pixels_are_compared_and_not_files() -> None:
    picture = photograph(0)
    one, two = look(content(picture)), look(content(picture, "BMP"))
    assert one.pixels == two.pixels != look(content(picture.rotate(90))).pixels
    wide, tall = (look(content(Image.new("RGB", size))) for size in ((8, 4), (4, 8)))
    assert wide.pixels != tall.pixels and wide.likeness is None, "a plain surface is like nothing"
