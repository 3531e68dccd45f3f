"""Which image sizes a network can make or judge: arithmetic without torch, so that a wrong size is refused at once."""

from __future__ import annotations

ImageShape = tuple[int, int, int]

DOUBLING_SIZES = (16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Every m * 2^k from 16 to 256 with m one of 4, 5, 6, 7 and k at least 2."""


def doubling(image_shape: ImageShape) -> tuple[int, int]:
    """Factors a square size as m * 2^k: m pixels a side to start from (4 to 7), then k doublings (2 to 6).

    Raises:
        ValueError: the image (C, H, W) is not square, or its size is none of `DOUBLING_SIZES`; names the nearest ones.
    """
    _, height, width = image_shape
    if height != width:
        raise ValueError(
            f"dataset.resolution={height}x{width}: a network that doubles its size makes square images; "
            f"try {_options(max(height, width), DOUBLING_SIZES)}"
        )
    if height not in DOUBLING_SIZES:
        raise ValueError(
            f"dataset.resolution={height}: a network that doubles its size makes 4, 5, 6 or 7 times a power of two, "
            f"16 to 256; try {_options(height, DOUBLING_SIZES)}"
        )
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
        ValueError: they are not; names the nearest sizes.
    """
    _, height, width = image_shape
    if height % 4 or width % 4 or min(height, width) < 4:
        size = f"{height}" if height == width else f"{height}x{width}"
        near = sorted({max(4, side // 4 * 4 + step) for side in (height, width) for step in (0, 4)})
        raise ValueError(
            f"dataset.resolution={size}: a network that halves its size twice needs a multiple of 4; "
            f"try {_options(max(height, width), near)}"
        )
    return height // 4, width // 4


def _options(wanted: int, sizes: tuple[int, ...] | list[int]) -> str:
    """The nearest size on either side of the wanted one, as what to type."""
    below = [size for size in sizes if size <= wanted][-1:]
    above = [size for size in sizes if size > wanted][:1]
    nearest = below if wanted in sizes else below + above
    return " or ".join(f"dataset.resolution={size}" for size in nearest)
