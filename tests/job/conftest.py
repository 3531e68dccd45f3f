"""The runs that tests of commands look at, for the tests of their work."""

from tests.command.conftest import train, trained

__all__ = ["train", "trained"]
