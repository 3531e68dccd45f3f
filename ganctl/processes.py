"""Which place this process has among those of a run, as torchrun's environment says it; imports no torch."""

import os
import socket

from ganctl.contract import ALONE, World


def world_of_environment() -> World:
    """The place that torchrun (or whoever sets its variables) gave this process; `ALONE` where nobody did.

    Raises ValueError for variables that make no sense.
    """
    size = _number("WORLD_SIZE", 1, least=1)
    if size == 1:
        return ALONE
    rank = _number("RANK", None, most=size - 1)
    local_size = _number("LOCAL_WORLD_SIZE", 1, least=1, most=size)
    local_rank = _number("LOCAL_RANK", 0, most=local_size - 1)
    return World(rank, size, local_rank=local_rank, local_size=local_size)


def attempt() -> int:
    """How often torchrun has started this run again after a failure (`--max-restarts`)."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0)


def launch_name() -> str:
    """What is the same in all attempts of one launch by torchrun; "" where there is none."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return f"{socket.gethostname()} {os.getppid()}" if name == "none" else name  # torchrun's, if none was given


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(name: str, default: int | None, *, least: int = 0, most: int | None = None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    if not text.isdecimal() or not least <= int(text) <= (int(text) if most is None else most):
        bounds = f"at least {least}" if most is None else f"in [{least}, {most}]"
        need = f"the environment has no whole number {bounds} there; start the processes with torchrun"
        raise ValueError(f"{name}={text}: {need}")
    return int(text)
