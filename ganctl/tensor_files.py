"""Files of tensors, whole or not there, in torch's own format and in that of safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ganctl.files import atomic_file, atomic_write_bytes, sweep

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str]] | None:
    """The tensors of a safetensors file and its metadata; None where there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: dict[str, str]) -> None:
    """Puts tensors at `path` in the format of safetensors, whole or not at all, and sweeps the folder."""
    from safetensors.torch import save

    # Not by its own writing, whose exception says in words only that a disk is full.
    atomic_write_bytes(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))
    sweep(path.parent)


def write_torch(path: Path, content: object) -> None:
    """Puts `content` (tensors and plain data) at `path` in torch's own format, whole or not at all."""
    import torch

    with atomic_file(path) as file:
        sink = _Sink(file)
        torch.save(content, sink)  # type: ignore[arg-type]
        if sink.error is not None:
            raise sink.error


class _Sink:
    """What torch writes to: it would hide an error of writing (a full disk, Ctrl-C) behind one of its own.

    The first is kept here instead, and nothing is written after it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                self._file.write(data)
            except BaseException as error:
                self.error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        """The file is flushed when it is closed."""
