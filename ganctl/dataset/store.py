"""The cache of packed data sets: each becomes one uint8 array once, and is read or memory-mapped ever after.

An entry is a folder `<cache>/datasets/<name>-<split>-<digest>` of images.npy, labels.npy and metadata.json. Its digest
covers the options and the state of the source files, so that it is never out of date; old entries may be deleted at
will. It is there as a whole or not at all: a packing that is broken off begins anew, for it reads each image once, and
so takes less time than the first epoch of what it is for.
"""

import errno
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Progress
from ganctl.files import disk_fault, naming, sweep, to_disk, unfinished

FORMAT = 1  # of an entry; another number makes all older entries unread
IN_MEMORY_BYTES = 64 << 20  # images that take more are memory-mapped
_BLOCK = 2048
_BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Content:
    """What a source hands over: `labels` (N,) int64, and blocks (n, C, H, W) uint8 that make up N images in order.

    Images that cannot be read may be missing from the blocks: by the end, `left_out` has the place of each, and why.
    """

    labels: numpy.ndarray
    blocks: Iterable[numpy.ndarray]
    left_out: dict[int, str] = field(default_factory=dict)


def cache_folder(cache: str | os.PathLike[str] | None) -> Path:
    """The folder `cache`; where it is None, $GANCTL_CACHE, else $XDG_CACHE_HOME/ganctl, else ~/.cache/ganctl."""
    if cache:
        return expanded("cache", str(cache))
    if place := os.environ.get("GANCTL_CACHE"):
        try:
            return expanded("GANCTL_CACHE", place)
        except ArgumentError as error:  # a variable is no argument
            raise ValueError(str(error)) from None
    return Path(os.environ.get("XDG_CACHE_HOME") or expanded("cache", "~/.cache")) / "ganctl"


def expanded(argument: str, path: str) -> Path:
    """`path` with ~ replaced. Raises ArgumentError, naming `argument`, for the home of an unknown user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ArgumentError(argument, path, "there is no such home folder; give the whole path") from error


def packed(
    spec: DataSpec,
    *,
    key: Mapping[str, Any],
    read: Callable[[], Content],
    split: str = "train",
    class_names: tuple[str, ...] = (),
    cache: str | None = None,
    progress: Progress | None = None,
) -> ImageStore:
    """The data set from the cache, where `read()` fills a new entry unless there is a sound one.

    `key` is plain data that changes whenever the pixels or labels would: options, and names, sizes and times of the
    source files. A damaged entry is made anew. Safe for several processes at once: each packs for itself and the first
    to finish wins, the others use its entry. Images above `IN_MEMORY_BYTES` come as a read-only memory map. Raises
    ArgumentError where the `cache` cannot be written, and what `read` raises.
    """
    folder = cache_folder(cache)
    facts = {
        "format": FORMAT,
        "name": spec.name,
        "image_shape": list(spec.image_shape),
        "num_classes": spec.num_classes,
        "split": split,
        "class_names": list(class_names),
    }
    identity = json.dumps([facts, dict(key)], sort_keys=True)
    facts["digest"] = hashlib.sha256(identity.encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", spec.name).strip(".-")[:60]
    entry = folder / "datasets" / f"{name}-{split}-{facts['digest'][:24]}"
    for _ in range(3):
        store = _open(entry, spec, facts)
        if store is not None:
            return store
        try:
            _pack(entry, spec, facts, read, progress)
        except OSError as error:
            if disk_fault(error) and error.errno != errno.EROFS:  # full or broken, no matter of the setting
                raise
            need = f"cannot be written ({error.strerror or error}); point it or GANCTL_CACHE to a folder that can"
            raise ArgumentError("cache", folder, need) from error
    raise ArgumentError("cache", folder, f"what was written to {entry.name} does not read back; check the disk")


def in_blocks(images: numpy.ndarray) -> Iterator[numpy.ndarray]:
    """An array (N, C, H, W) in slices, for a source that has it in memory."""
    for start in range(0, len(images), _BLOCK):
        yield images[start : start + _BLOCK]


def stamp(path: Path) -> list[str | int]:
    """What tells whether a file has changed: its place, size in bytes and time in nanoseconds."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def _open(entry: Path, spec: DataSpec, facts: Mapping[str, Any]) -> ImageStore | None:
    """The entry, or None where there is none, or one that is not whole. In memory, the pixels are checked as well."""
    try:
        metadata = json.loads((entry / "metadata.json").read_text(encoding="utf-8"))
        if any(metadata[name] != value for name, value in facts.items()):
            return None
        if any((entry / name).stat().st_size != size for name, size in metadata["bytes"].items()):
            return None
        large = metadata["bytes"]["images.npy"] > IN_MEMORY_BYTES
        images = numpy.load(entry / "images.npy", mmap_mode="r" if large else None, allow_pickle=False)
        labels = numpy.load(entry / "labels.npy", allow_pickle=False)
        content_hash = str(metadata["content_hash"])
        left_out = tuple(map(str, metadata.get("left_out", ())))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if images.dtype != numpy.uint8 or images.shape != (len(labels), *spec.image_shape) or labels.dtype != numpy.int64:
        return None
    if not large and _hash(images.shape, [images], labels) != content_hash:
        return None
    return ImageStore(
        spec, images, labels, content_hash, facts["split"], tuple(facts["class_names"]), left_out=left_out
    )


def _pack(
    entry: Path, spec: DataSpec, facts: Mapping[str, Any], read: Callable[[], Content], progress: Progress | None
) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    sweep(entry.parent)
    with naming(entry), unfinished(entry) as folder:
        folder.mkdir()
        _write(folder, read(), spec, facts, progress)
        while True:
            try:
                folder.rename(entry)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                if _open(entry, spec, facts) is not None:  # another process was quicker
                    return
                # Another process may just have moved the damaged one away.
                with unfinished(entry) as damaged, suppress(FileNotFoundError):
                    entry.rename(damaged)
            else:
                to_disk(entry.parent)
                return


def _write(folder: Path, content: Content, spec: DataSpec, facts: Mapping[str, Any], progress: Progress | None) -> None:
    labels = numpy.ascontiguousarray(content.labels, dtype=numpy.int64)
    total, done = len(labels), 0
    shape = (total, *spec.image_shape)

    def blocks() -> Iterator[numpy.ndarray]:
        nonlocal done
        for block in content.blocks:
            assert block.dtype == numpy.uint8 and block.shape[1:] == spec.image_shape, (block.dtype, block.shape)
            block = numpy.ascontiguousarray(block)
            file.write(block.data)
            done += len(block)
            if progress:
                progress(f"packing {spec.name}", done, total)
            yield block

    with (folder / "images.npy").open("w+b") as file:
        _write_header(file, shape)
        content_hash = _hash(shape, blocks(), labels)
        if left_out := content.left_out:
            labels = numpy.delete(labels, list(left_out))
            shape = (len(labels), *spec.image_shape)
            content_hash = _counted_anew(file, shape, labels)
        assert done == len(labels) > 0, (done, total, left_out)
    as_npy = io.BytesIO()  # numpy's own writing to a file says nothing of why it fails
    numpy.save(as_npy, labels, allow_pickle=False)
    (folder / "labels.npy").write_bytes(as_npy.getbuffer())
    sizes = {name: (folder / name).stat().st_size for name in ("images.npy", "labels.npy")}
    metadata = {**facts, "num_images": len(labels), "content_hash": content_hash, "bytes": sizes}
    if left_out:
        metadata["left_out"] = list(left_out.values())
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2), encoding="utf-8")
    for path in (*folder.iterdir(), folder):
        to_disk(path)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    numpy.lib.format.write_array_header_1_0(file, header)


def _counted_anew(file: BinaryIO, shape: tuple[int, ...], labels: numpy.ndarray) -> str:
    """Puts the number of images that came into the header of an array; returns the hash, which begins with it."""
    begins = file.tell() - math.prod(shape)
    file.seek(0)
    _write_header(file, shape)
    assert file.tell() == begins, "numpy leaves room for any number"
    blocks = (numpy.frombuffer(block, numpy.uint8) for block in iter(lambda: file.read(_BLOCK_BYTES), b""))
    return _hash(shape, blocks, labels)


def _hash(shape: tuple[int, ...], blocks: Iterable[numpy.ndarray], labels: numpy.ndarray) -> str:
    """SHA-256 of shape, pixels and labels, however the pixels are cut into blocks."""
    sha = hashlib.sha256(repr(tuple(int(side) for side in shape)).encode())
    for block in blocks:
        sha.update(block.data)
    sha.update(numpy.ascontiguousarray(labels, dtype="<i8").data)
    return sha.hexdigest()
