"""`ganctl data prepare PATH OUT`: the pictures of a folder or zip, at one size, in a new zip that a training reads.

The zip holds PNG files, not compressed again, as the data sets of StyleGAN do (NVlabs/stylegan2-ada-pytorch,
dataset_tool.py): it can be looked into, keeps the classes as folders, and `dataset=image_folder` reads it as any other.
Pixels are the same as without it. It is there as a whole or not at all; one that was killed begins anew, since each
picture is read once only.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

from ganctl.contract import Progress
from ganctl.dataset.image_folder import ImageFolder
from ganctl.dataset.listing import name_in_one_line, num_threads
from ganctl.files import give_new_name, naming, sweep, to_disk, unfinished
from ganctl.invocation.arguments import about_path
from ganctl.job.data_check import training_command
from ganctl.record.console import Console
from ganctl.record.image_grid import image_png
from ganctl.record.wording import counted

_AHEAD = 16  # pictures being compressed


def prepare(path: str, output: Path, **options: Any) -> int:
    """Writes the pictures at `path` into the new zip `output`; `options` are those of `ImageFolder`. Returns 0.

    Raises ValueError, in one line, for options and files that will not do, and where `output` has come meanwhile.
    """
    with about_path(), Console(None) as console:
        folder = ImageFolder(path=path, **options)
        assert folder.size is not None and folder.channels is not None
        sweep(output.parent)
        with naming(output), unfinished(output) as temporary:
            count = _write(folder, temporary, console.progress)
            to_disk(temporary)
            try:
                give_new_name(temporary, output)
            except FileExistsError:
                raise ValueError(f"OUT={output}: has come meanwhile, and is not overwritten; choose another") from None
        size = f"{output.stat().st_size / 1e6:,.1f} MB"
        files = {"packed": f"{output} ({counted(count, 'image')}, {size})"}
        console.summary({}, files, {"train": training_command(str(output), folder.size, folder.channels)})
    return 0


def _write(folder: ImageFolder, path: Path, progress: Progress) -> int:
    taken: set[str] = set()
    with ZipFile(path, "x") as archive:
        for name, content in _compressed(folder, progress):
            archive.writestr(ZipInfo(_new_name(name, taken)), content)  # of 1980: the same pictures are the same file
    return len(taken)


def _compressed(folder: ImageFolder, progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Name and PNG file of each picture, in order; some are compressed meanwhile."""
    waiting: deque[tuple[str, Future[bytes]]] = deque()
    with ThreadPoolExecutor(num_threads()) as pool:
        for name, pixels in folder.named_images(progress):
            waiting.append((name, pool.submit(image_png, pixels)))
            if len(waiting) >= _AHEAD:
                first, content = waiting.popleft()
                yield first, content.result()
        for name, content in waiting:
            yield name, content.result()


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
