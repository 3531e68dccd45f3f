"""The order in which images are shown: a function of (seed, step), so that a resumed run needs no saved state."""

from functools import lru_cache

import numpy


def indices(seed: int, step: int, batch_size: int, num_images: int, *, stream: int = 0) -> numpy.ndarray:
    """Batch number `step` of an endless stream of shuffled epochs: (batch_size,) int64 in [0, num_images).

    Epoch e is a permutation drawn from (seed, e); the epochs stand one after the other, and batch number `step` is
    positions step * batch_size to (step + 1) * batch_size of the whole. So every image is shown exactly once an epoch,
    and a batch may begin in one epoch and end in the next. Another `stream` of the same seed has an order of its own.
    Permutations come from numpy's legacy RandomState, whose streams are frozen for good.
    """
    assert step >= 0 and batch_size >= 1 and num_images >= 1, (step, batch_size, num_images)
    epoch, offset = divmod(step * batch_size, num_images)
    if offset + batch_size <= num_images:
        return _permutation(seed, epoch, num_images, stream)[offset : offset + batch_size].copy()
    pieces, missing = [], batch_size
    while missing:
        piece = _permutation(seed, epoch, num_images, stream)[offset : offset + missing]
        pieces.append(piece)
        missing -= len(piece)
        epoch, offset = epoch + 1, 0
    return numpy.concatenate(pieces)


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, num_images: int, stream: int) -> numpy.ndarray:
    bits = numpy.random.MT19937(numpy.random.SeedSequence([seed, epoch, *([stream] if stream else [])]))
    order = numpy.random.RandomState(bits).permutation(num_images).astype(numpy.int64, copy=False)
    order.setflags(write=False)
    return order
