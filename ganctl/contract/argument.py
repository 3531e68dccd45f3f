"""What a part says of an argument that it cannot work with."""

from __future__ import annotations


class ArgumentError(ValueError):
    """What a part says of an argument that it cannot work with: `weight=-1: must be at least 0; try weight=1`.

    A part knows its arguments by their own names. Whoever knows by which key a user has set one puts that in its place
    (`configuration.keys`). `need` says what is wrong, in words that name no key; `cure` is a value that would do, or a
    tuple of several.
    """

    def __init__(self, argument: str, value: object, need: str, cure: object = None) -> None:
        self.argument, self.value, self.need, self.cure = argument, value, need, cure
        cures = cure if isinstance(cure, tuple) else () if cure is None else (cure,)
        advice = " or ".join(f"{argument}={each}" for each in cures)
        super().__init__(f"{argument}={value}: {need}" + (f"; try {advice}" if advice else ""))

    def under(self, key: str) -> ArgumentError:
        """The same, said of the key that the argument was set by."""
        return ArgumentError(key, self.value, self.need, self.cure)
