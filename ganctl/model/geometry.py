"""Which image sizes a network can make or judge: arithmetic without torch, so that a wrong size is refused at once."""

from collections.abc import Iterable, Sequence

from ganctl.contract import ArgumentError

ImageShape = tuple[int, int, int]

DOUBLING_SIZES = (16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Every m * 2^k from 16 to 256 with m one of 4, 5, 6, 7 and k at least 2."""
_SQUARE = "a network that doubles its size makes 4, 5, 6 or 7 times a power of two, 16 to 256"


def doubling(image_shape: ImageShape) -> tuple[tuple[int, int], int]:
    """Height and width to start from, in pixels, and how often they are doubled (2 to 6) to give the image (C, H, W).

    The shorter side starts from 4 to 7 pixels; the longer one is doubled as often.

    Raises:
        ArgumentError: the shorter side is none of `DOUBLING_SIZES`, or the longer one no multiple of as many doublings.
    """
    _, height, width = image_shape
    shorter, longer = sorted((height, width))
    unit = _unit(shorter)
    if shorter not in DOUBLING_SIZES or longer % unit:
        sizes = _near(shorter, DOUBLING_SIZES)
        pairs = [(size, near) for size in sizes for near in _multiples(max(size, longer), _unit(size))]
        need = _SQUARE if height == width else f"{_SQUARE}, and on the longer side as many doublings"
        raise _refusal(image_shape, need, pairs)
    return (height // unit, width // unit), unit.bit_length() - 1


def widths_of(levels: int, *, width: int, max_width: int) -> list[int]:
    """Channels of `levels` layers from the image inwards: `width`, then doubled each time, up to `max_width`."""
    return [min(width * 2**level, max_width) for level in range(levels)]


def quartering(image_shape: ImageShape) -> tuple[int, int]:
    """Height and width after two halvings, of an image (C, H, W) whose sides are multiples of 4.

    Raises:
        ArgumentError: they are not.
    """
    _, height, width = image_shape
    if height % 4 or width % 4 or min(height, width) < 4:
        shorter, longer = sorted((height, width))
        pairs = [(size, near) for size in _multiples(shorter, 4) for near in _multiples(longer, 4)]
        raise _refusal(image_shape, "a network that halves its size twice needs a multiple of 4", pairs)
    return height // 4, width // 4


def _unit(side: int) -> int:
    """The power of two that leaves 4 to 7 of `side`, which is 4 at least."""
    return 2 ** max(0, side.bit_length() - 3)


def _near(side: int, sizes: Sequence[int]) -> list[int]:
    """The nearest of the ascending `sizes` on either side of `side`; itself where it is among them."""
    if side in sizes:
        return [side]
    return [size for size in sizes if size < side][-1:] + [size for size in sizes if size > side][:1]


def _multiples(side: int, unit: int) -> list[int]:
    """The nearest multiples of `unit` on either side of `side`."""
    below = max(unit, side // unit * unit)
    return [below] if side <= below else [below, below + unit]


def _refusal(image_shape: ImageShape, need: str, pairs: Iterable[tuple[int, int]]) -> ArgumentError:
    """Says what is needed, and the two nearest of the `pairs` (shorter side, longer side), squares for a square."""
    channels, height, width = image_shape
    wanted = sorted((height, width))
    fitting = [pair for pair in pairs if pair[0] <= pair[1] and (height != width or pair[0] == pair[1])]
    near = sorted(fitting, key=lambda pair: (abs(pair[0] - wanted[0]) + abs(pair[1] - wanted[1]), pair))[:2]
    shapes = sorted((channels, *(pair if height <= width else pair[::-1])) for pair in near)
    return ArgumentError("image_shape", image_shape, need, tuple(shapes))
