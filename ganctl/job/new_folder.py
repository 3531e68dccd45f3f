"""A folder of its own for what a command writes: there as a whole or not at all, and never over another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from ganctl.files import given_path, made_folder, sweep, unfinished


@contextmanager
def new_folder(output: str | None, run: Path, stem: str) -> Iterator[tuple[Path, Path]]:
    """The folder to write to, and the one that it becomes when the block ends; if the block raises, nothing is left.

    That is `output`, or where it is None `<stem>-<date>_<time>` in the run's folder, with a number where that is taken.
    Raises ValueError, in one line, where something is there already or nothing can be made.
    """
    with ExitStack() as stack:
        target = _chosen(output, stack) if output is not None else _dated(run, stem, stack)
        sweep(target.parent)
        temporary = stack.enter_context(unfinished(target))
        temporary.mkdir()
        yield temporary, target
        target.rmdir()  # it was empty, and not every system puts a folder in the place of another
        temporary.rename(target)


def _chosen(output: str, stack: ExitStack) -> Path:
    folder = given_path(output)
    try:
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ValueError(f"output={folder}: is there already and not empty; choose another folder")
        stack.enter_context(made_folder(folder))
    except OSError as error:
        raise ValueError(f"output={folder}: cannot be made ({error.strerror}); choose another folder") from None
    return folder


def _dated(run: Path, stem: str, stack: ExitStack) -> Path:
    dated = f"{stem}-{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for number in range(1, 1000):
        folder = run / (dated if number == 1 else f"{dated}-{number}")
        try:
            stack.enter_context(_reserved(folder))
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise ValueError(
                f"{run}: cannot write there ({error.strerror}); choose a folder with output=FOLDER"
            ) from None
    raise ValueError(f"{run}: holds 1,000 folders of this second already; choose one with output=FOLDER")


@contextmanager
def _reserved(folder: Path) -> Iterator[None]:
    """Inside, the folder is there and no other process's; if the block raises, it goes again."""
    folder.mkdir()
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
