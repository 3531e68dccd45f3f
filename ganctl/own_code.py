"""What a user's own classes and modules raise, said in one line with the file and line where it happened."""

import dis
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType, TracebackType


class OwnCodeError(ValueError):
    """What went wrong in code of the user's, after work had begun: its traceback is worth keeping."""


_OF_A_CLASS = (AttributeError, ImportError, IndexError, KeyError, RuntimeError, TypeError)
"""What is raised outside a class, by whoever uses one that lacks something or gives something of another type."""


@contextmanager
def own_code(
    label: str, modules: Sequence[str], kind: type[ValueError] = ValueError, *, note: str = ""
) -> Iterator[None]:
    """Inside, whatever code of the `modules` (or packages) raises becomes a `kind`: `label: what (in FILE:LINE)note`.

    So does what is raised while nothing of them runs, but because of them; without modules everything passes.
    Exceptions of ganctl's own classes pass as well, and so does Ctrl-C.
    """
    try:
        yield
    except BaseException as error:
        frames = _frames(error.__traceback__, modules)
        is_known = type(error).__module__.startswith("ganctl.") or not modules
        if is_known or not (frames or isinstance(error, _OF_A_CLASS)):
            raise
        if isinstance(error, KeyboardInterrupt) and not _is_raised_by(error, modules):
            raise
        place = f"in {frames[-1]}" if frames else f"with {', '.join(modules)}"
        if isinstance(error, SyntaxError):
            place = f"in {error.filename}:{error.lineno}"
        raise kind(f"{label}: {_said(error)} ({place}){note}") from error


def _said(error: BaseException) -> str:
    """An exception in one line, with its class unless that is ValueError."""
    text = " ".join(str(error).split())
    return text if text and type(error) is ValueError else f"{type(error).__name__}: {text}".rstrip(": ")


def _frames(trace: TracebackType | None, modules: Sequence[str]) -> list[str]:
    """FILE:LINE of each frame in one of the modules, the innermost last."""
    lines = [(frame, line) for frame, line in walk_tb(trace) if _is_of(frame, modules)]
    return [f"{frame.f_code.co_filename}:{line}" for frame, line in lines]


def _is_of(frame: FrameType, modules: Sequence[str]) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _is_raised_by(error: BaseException, modules: Sequence[str]) -> bool:
    """Whether code of the modules has a `raise` where `error` came from: a signal may interrupt any code."""
    frame, instruction = [(trace.tb_frame, trace.tb_lasti) for trace in _traces(error.__traceback__)][-1]
    return _is_of(frame, modules) and dis.opname[frame.f_code.co_code[instruction]] == "RAISE_VARARGS"


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
