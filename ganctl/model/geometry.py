"""Which image sizes a network can make or judge: arithmetic without torch, so that a wrong size is refused at once."""

from collections.abc import Sequence

from ganctl.contract import ArgumentError

ImageShape = tuple[int, int, int]

DOUBLING_SIZES = (16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Every m * 2^k from 16 to 256 with m one of 4, 5, 6, 7 and k at least 2."""


def doubling(image_shape: ImageShape) -> tuple[int, int]:
    """Factors a square size as m * 2^k: m pixels a side to start from (4 to 7), then k doublings (2 to 6).

    Raises:
        ArgumentError: the image (C, H, W) is not square, or its size is none of `DOUBLING_SIZES`.
    """
    _, height, width = image_shape
    if height != width or height not in DOUBLING_SIZES:
        need = "square images" if height != width else "4, 5, 6 or 7 times a power of two, 16 to 256"
        raise _refusal(image_shape, f"a network that doubles its size makes {need}", DOUBLING_SIZES)
    start, doublings = height, 0
    while start > 7:
        start, doublings = start // 2, doublings + 1
    return start, doublings


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
        near = sorted({max(4, side // 4 * 4 + step) for side in (height, width) for step in (0, 4)})
        raise _refusal(image_shape, "a network that halves its size twice needs a multiple of 4", near)
    return height // 4, width // 4


def _refusal(image_shape: ImageShape, need: str, sizes: Sequence[int]) -> ArgumentError:
    """Says what is needed, and the nearest of the ascending `sizes` on either side of the larger one wanted."""
    channels, height, width = image_shape
    wanted = max(height, width)
    below = [size for size in sizes if size <= wanted][-1:]
    above = [size for size in sizes if size > wanted][:1]
    nearest = below if wanted in sizes else below + above
    return ArgumentError("image_shape", image_shape, need, tuple((channels, size, size) for size in nearest))
