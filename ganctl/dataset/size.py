"""Height and width of pictures as a setting gives them: one number for both, or two."""

from collections.abc import Sequence

from ganctl.contract import ArgumentError

Size = tuple[int, int]
"""Height and width, in pixels."""
Resolution = int | Sequence[int]
"""One number for both, or [height, width]."""
LEAST, MOST = 4, 1024


def size_of(argument: str, value: Resolution) -> Size:
    """The height and width that `value` means. Raises ArgumentError on `argument` for any other value."""
    sides = [*value] if isinstance(value, Sequence) else [value, value]
    if len(sides) != 2 or any(type(side) is not int or not LEAST <= side <= MOST for side in sides):
        need = f"is no whole number in [{LEAST}, {MOST}], and no [height, width] of two"
        raise ArgumentError(argument, value, need, 64)
    return sides[0], sides[1]


def as_typed(size: Size) -> str:
    """`64` of a square, else `[64,96]`: what size_of would understand on a command line."""
    return f"{size[0]}" if size[0] == size[1] else f"[{size[0]},{size[1]}]"
