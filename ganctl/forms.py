"""What a field of a record has to be: readers of plain data that let nothing through but what was written there.

A form is a function of a value as `ganctl.bounded` gives it: it returns the value as it may be shown and reckoned with,
or None for what it is not. Texts come out printable and of bounded length, numbers within `TINY` and `HUGE`, nought, or
not finite.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LONGEST = 2000  # characters of a text
LONGEST_NAME = 200  # of a key, as of a score
MOST_JOBS = 10_000  # of one sweep
HUGE, TINY = 1e100, 1e-100  # beyond is infinite, below is nought: products and ratios of what is left do not overflow

Form = Callable[[object], Any]


def printable(text: object, longest: int = LONGEST) -> str:
    """As text that a terminal and a page can show: control characters by their codes, the middle left out if long."""
    shown = shorten(str(text), longest)
    return shown if shown.isprintable() else "".join(map(_visible, shown))


def shorten(text: str, longest: int = LONGEST) -> str:
    """The text without its middle where it is longer than `longest`."""
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def legible(value: object) -> Any:
    """Plain data with every text and every number as a form would give it."""
    if isinstance(value, Mapping):
        return {printable(key, LONGEST_NAME): legible(item) for key, item in value.items()}
    if isinstance(value, list):
        return [legible(item) for item in value]
    if isinstance(value, float):
        return measured(value)
    return printable(value) if isinstance(value, str) else value


def text(value: object) -> str | None:
    return printable(value) if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """A whole number from 0 on, as a step or a count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number(value: object) -> int | float | None:
    """A finite number."""
    value = value if isinstance(value, int) else measured(value)
    return None if value is None or isinstance(value, bool) or not math.isfinite(value) else value


def measured(value: object) -> float | None:
    """A number that need not be finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    value = float(value)
    return value if math.isnan(value) or TINY <= abs(value) <= HUGE else math.copysign(_nearest_bound(value), value)


def node(value: object) -> dict[str, Any] | None:
    """Nested data of whatever content."""
    return legible(value) if isinstance(value, Mapping) else None


def either(*forms: Form) -> Form:
    """What the first of the forms that takes the value makes of it."""
    return lambda value: next((taken for form in forms if (taken := form(value)) is not None), None)


def listed(form: Form) -> Form:
    """A list, without the items that are not of the form."""
    return lambda value: _taken(form, value) if isinstance(value, list) else None


def mapping(form: Form) -> Form:
    """A mapping of any keys, without the items that are not of the form."""

    def take(value: object) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            return None
        items = ((printable(key, LONGEST_NAME), form(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not None}

    return take


def record(fields: Mapping[str, Form], required: Sequence[str] = ()) -> Form:
    """A mapping of these fields, each there: None where it was missing or of another form.

    Not of the form at all where one that is `required` is None.
    """

    def take(value: object) -> dict[str, Any] | None:
        if not isinstance(value, Mapping):
            return None
        order = [*(key for key in value if key in fields), *(key for key in fields if key not in value)]
        taken = {key: fields[key](value.get(key)) for key in order}
        return None if any(taken[key] is None for key in required) else taken

    return take


def _taken(form: Form, items: Sequence[object]) -> list[Any]:
    return [taken for item in items if (taken := form(item)) is not None]


def _nearest_bound(value: float) -> float:
    return math.inf if abs(value) > HUGE else 0.0


def _visible(character: str) -> str:
    is_shown = character.isprintable() or unicodedata.category(character) == "Zs"
    return character if is_shown else character.encode("unicode_escape").decode("ascii")
