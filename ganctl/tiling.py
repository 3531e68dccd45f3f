"""A large picture through a network in parts that overlap, so that memory stays bounded and no seam shows."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional


def in_tiles(
    network: Callable[[Tensor], Tensor], source: Tensor, *, tile: int, overlap: int, multiple: int = 1
) -> Tensor:
    """What `network` makes of one source (1, C, H, W), at any height and width: (1, C', k H, k W), k its factor.

    Sides are filled up to multiples of `multiple` with their mirror image, and the filling is cut off again. A side of
    more than `tile` pixels is done in parts of `tile` that have `overlap` in common at least; there one fades linearly
    into the next. A network whose output depends on less than half the overlap around a pixel gives the same as
    undivided; one with instance norm takes each part's own means, and differs a little.
    """
    height, width = source.shape[2:]
    tile = max(multiple, tile // multiple * multiple)
    if height <= tile and width <= tile:
        return whole(network, source, multiple)
    total = weights = None
    for top, bottom in spans(height, tile, overlap):
        for left, right in spans(width, tile, overlap):
            part = whole(network, source[:, :, top:bottom, left:right], multiple)
            factor = part.shape[2] // (bottom - top)
            if total is None or weights is None:
                total = part.new_zeros(1, part.shape[1], height * factor, width * factor)
                weights = part.new_zeros(1, 1, height * factor, width * factor)
            down = ramp(top, bottom, height, overlap, factor).to(part)
            across = ramp(left, right, width, overlap, factor).to(part)
            weight = (down[:, None] * across[None, :])[None, None]
            place = (..., slice(top * factor, bottom * factor), slice(left * factor, right * factor))
            total[place] += part * weight
            weights[place] += weight
    assert total is not None and weights is not None
    return total / weights


def whole(network: Callable[[Tensor], Tensor], source: Tensor, multiple: int) -> Tensor:
    """The network on the whole source, filled up to a multiple of its sides."""
    height, width = source.shape[2:]
    down, right = -height % multiple, -width % multiple
    filled = source
    while (missing := (height + down - filled.shape[2], width + right - filled.shape[3])) != (0, 0):
        # a mirror image is at most one pixel smaller than what it mirrors; one pixel can only be repeated
        steps = [min(amount, max(side - 1, 1)) for amount, side in zip(missing, filled.shape[2:], strict=True)]
        mode = "reflect" if min(filled.shape[2:]) > 1 else "replicate"
        filled = functional.pad(filled, (0, steps[1], 0, steps[0]), mode=mode)
    images = network(filled)
    factor = images.shape[2] // filled.shape[2]
    return images[:, :, : height * factor, : width * factor]


def spans(side: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each part of a side: of `tile` pixels each, evenly spread, `overlap` in common at least."""
    if side <= tile:
        yield 0, side
        return
    step = max(1, tile - overlap)
    count = -(-(side - tile) // step) + 1
    for number in range(count):
        begin = round(number * (side - tile) / (count - 1))
        yield begin, begin + tile


def ramp(begin: int, end: int, side: int, overlap: int, factor: int) -> Tensor:
    """The weight of each output pixel of a part: 1 inside, falling to almost 0 at ends that are not the picture's."""
    length, fade = (end - begin) * factor, max(1, overlap * factor)
    places = torch.arange(length, dtype=torch.float32) + 0.5
    rising = (places / fade).clamp(max=1) if begin > 0 else torch.ones(length)
    falling = (places.flip(0) / fade).clamp(max=1) if end < side else torch.ones(length)
    return rising * falling
