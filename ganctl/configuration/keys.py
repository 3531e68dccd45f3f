"""Where a user's keys meet the arguments of parts: what a part says of an argument is said of the key that set it."""

from collections.abc import Iterator
from contextlib import contextmanager

from ganctl.contract import ArgumentError


@contextmanager
def keys_of(node: str = "", **keys: str) -> Iterator[None]:
    """Inside, an ArgumentError on the argument `weight` becomes one on the key `node.weight`.

    `keys` gives those that are called otherwise (`num_images="evaluation.num_images"`). An argument that was set by no
    key of this place is one that an enclosing `keys_of` has named already: a name with a dot in it is left alone.
    """
    try:
        yield
    except ArgumentError as error:
        if "." in error.argument:
            raise
        key = keys.get(error.argument) or (f"{node}.{error.argument}" if node else error.argument)
        raise error.under(key) from error.__cause__


@contextmanager
def choice_of(group: str, option: str) -> Iterator[None]:
    """As `keys_of(group)`, and any other ValueError is said of the choice `group=option`."""
    try:
        with keys_of(group):
            yield
    except ArgumentError:
        raise
    except ValueError as error:
        raise ValueError(f"{group}={option}: {error}") from error.__cause__
