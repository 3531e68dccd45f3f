"""Which pictures of a collection are the same, and which nearly so: a generator learns those twice."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy

NEAR = 3  # bits of 64 by which the hashes of a picture scaled or compressed anew differ at most, nearly always
_BANDS = NEAR + 1  # of hashes that differ in NEAR bits, one band at least is equal
_MOST_PAIRS = 10_000  # after which the search ends


def same(digests: Sequence[str]) -> list[list[int]]:
    """The places of equal digests, for each that comes twice or more, in order."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, digest in enumerate(digests):
        places[digest].append(place)
    return [group for group in places.values() if len(group) > 1]


def near(hashes: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs of places, the smaller first, whose 64-bit hashes differ in `NEAR` bits or fewer; at most 10,000.

    The hashes are perceptual: the signs of the lowest 8x8 cosine coefficients (pHash; Zauner 2010, "Implementation and
    benchmarking of perceptual image hash functions"), which scaling and compression hardly change.
    """
    values = numpy.array(hashes, dtype=numpy.uint64)
    pairs: set[tuple[int, int]] = set()
    for first, others in _candidates(values):
        close = others[_bits(values[others] ^ values[first]) <= NEAR]
        pairs.update((int(min(first, other)), int(max(first, other))) for other in close)
        if len(pairs) >= _MOST_PAIRS:
            break
    return sorted(pairs)[:_MOST_PAIRS]


def _candidates(values: numpy.ndarray) -> Iterator[tuple[int, numpy.ndarray]]:
    """A place and all later ones that have one of the bands of its hash in common: all near pairs are among them."""
    width = 64 // _BANDS
    for band in range(_BANDS):
        keys = (values >> numpy.uint64(band * width)) & numpy.uint64((1 << width) - 1)
        order = numpy.argsort(keys, kind="stable")
        ends = numpy.flatnonzero(numpy.diff(keys[order])) + 1
        for group in numpy.split(order, ends):
            for number in range(len(group) - 1):
                yield int(group[number]), group[number + 1 :]


def _bits(values: numpy.ndarray) -> numpy.ndarray:
    """How many bits are set in each."""
    return numpy.unpackbits(values.view(numpy.uint8).reshape(len(values), 8), axis=1).sum(axis=1)
