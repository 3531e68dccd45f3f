"""`ganctl data prepare PATH OUT`: the pictures of a folder or zip, at one size, in a new zip that a training reads.

The zip holds PNG files, not compressed again, as the data sets of StyleGAN do (NVlabs/stylegan2-ada-pytorch,
dataset_tool.py): it can be looked into, keeps the classes as folders, and `dataset=image_folder` reads it as any other.
Pixels are the same as without it. It is there as a whole or not at all, and the same file however often it was killed:
the pictures wait in a hidden folder beside it (`picture_parts.py`) until all are ready.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

from ganctl.contract import Progress
from ganctl.dataset.image_folder import ImageFolder
from ganctl.dataset.listing import name_in_one_line
from ganctl.files import give_new_name, naming, sweep, to_disk, unfinished
from ganctl.invocation.arguments import about_path
from ganctl.invocation.lock import locked
from ganctl.job.data_check import training_command
from ganctl.job.picture_parts import Parts, parts_folder, parts_folders, remove_spent
from ganctl.job.signals import Stopped
from ganctl.record.console import Console
from ganctl.record.wording import counted


def prepare(path: str, output: Path, **options: Any) -> int:
    """Writes the pictures at `path` into the new zip `output`; `options` are those of `ImageFolder`. Returns 0.

    Goes on after the pictures that an earlier one, with the same pictures and options, has left ready.

    Raises ValueError, in one line, for options and files that will not do, where another process is at the same, and
    where `output` has come meanwhile.
    """
    with about_path(), Console(None) as console:
        images = ImageFolder(path=path, **options)
        assert images.size is not None and images.channels is not None
        folder = parts_folder(images, output)
        sweep(output.parent)
        remove_spent(output.parent)
        with locked(folder, f"OUT={output}"):
            parts = Parts(folder, images)
            _say_what_is_ready(parts, output, console)
            with _keeping(parts, console):
                parts.complete(console.progress)
                count = _write(parts, output, console.progress)
        remove_spent(output.parent)
        size = f"{output.stat().st_size / 1e6:,.1f} MB"
        files = {"packed": f"{output} ({counted(count, 'image')}, {size})"}
        console.summary({}, files, {"train": training_command(str(output), images.size, images.channels)})
    return 0


def _say_what_is_ready(parts: Parts, output: Path, console: Console) -> None:
    if parts.end:
        console.note(f"going on after {parts.end:,} of {counted(len(parts.images.entries), 'picture')}")
    for folder, zip_file in parts_folders(output.parent):
        if zip_file == output and folder != parts.folder:
            console.note(f"{folder}: begun with other pictures or options, stays until {output.name} is there")


@contextmanager
def _keeping(parts: Parts, console: Console) -> Iterator[None]:
    """Says what stays, and how to go on, where a signal or a ValueError ends the block; of a full disk, `cli` does."""
    try:
        yield
    except (Stopped, KeyboardInterrupt, ValueError) as error:
        total = counted(len(parts.images.entries), "picture")
        if parts.end:
            console.note(f"{parts.end:,} of {total} stay ready in {parts.folder}; the same command goes on after them")
        elif not isinstance(error, ValueError):
            console.note(f"none of {total} is ready yet; the same command begins anew")
        raise


def _write(parts: Parts, output: Path, progress: Progress) -> int:
    """Joins the parts; returns how many pictures there are. Raises ValueError where `output` has come meanwhile."""
    taken: set[str] = set()
    entries = parts.images.entries
    with naming(output), unfinished(output) as temporary:
        with ZipFile(temporary, "x") as archive:
            for place, content in parts.pictures():
                name = _new_name(entries[place].name, taken)
                archive.writestr(ZipInfo(name), content)  # of 1980: the same pictures are the same file
                progress(f"writing {output.name}", place + 1, len(entries))
        to_disk(temporary)
        try:
            give_new_name(temporary, output)
        except FileExistsError:
            raise ValueError(
                f"OUT={output}: has come meanwhile, and is not overwritten; move it, or choose another"
            ) from None
    return len(taken)


def _new_name(name: str, taken: set[str]) -> str:
    """The name with .png as its ending, or after it where that is taken. Nothing in it leads out of the zip."""
    parts = [part for part in name_in_one_line(name).split("/") if part not in ("", ".", "..")]
    whole = PurePosixPath(*parts)
    new, number = str(whole.with_suffix(".png")), 1
    while new in taken:
        new = f"{whole}.png" if number == 1 else f"{whole}-{number}.png"
        number += 1
    taken.add(new)
    return new
