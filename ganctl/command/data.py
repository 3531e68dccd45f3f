"""`ganctl data check PATH` and `ganctl data prepare PATH OUT`: pictures of one's own before a training. No torch."""

from collections.abc import Sequence

from ganctl.configuration.names import suggestion
from ganctl.invocation.arguments import parse_data


def resolution(text: str) -> int | list[int]:
    """`64`, or `[64,96]` for height and width. Raises ValueError for anything else."""
    return list(map(int, text[1:-1].split(","))) if text.startswith("[") and text.endswith("]") else int(text)


COMMANDS = {
    "check": {"resolution": resolution, "sources": str},
    "prepare": {"resolution": resolution, "channels": int, "fit": str, "filter": str, "max_broken": float},
}
"""What may be set, by KEY=VALUE, and the type of each."""


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 1 where a training on these pictures would be refused, or learn a single one."""
    if not words or words[0] not in COMMANDS:
        cure = suggestion(words[0], COMMANDS, "command") if words else "there is check, prepare"
        raise ValueError(f"ganctl data {words[0] if words else 'COMMAND'}: no such command; {cure}")
    command, keys = words[0], COMMANDS[words[0]]
    request = parse_data(f"data {command}", words[1:], keys, takes_output=command == "prepare")
    if command == "check":
        from ganctl.job.data_check import check

        return check(request.path, json=request.json, **request.options)
    from ganctl.job.data_prepare import prepare

    assert request.output is not None
    return prepare(request.path, request.output, **request.options)
