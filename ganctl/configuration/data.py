"""The facts of a data set before anything of it is read, by the class that its node names; and classes of others."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ganctl.configuration.keys import keys_of
from ganctl.configuration.names import one_line, value_text
from ganctl.contract import ArgumentError, DataSpec
from ganctl.own_code import own_code

MOST_PIXELS = 65536  # a side of an image


@contextmanager
def image_shape_of(node: Mapping[str, Any], spec: DataSpec) -> Iterator[None]:
    """Inside, what a network says of its `image_shape` is said of the key of the node `dataset` that decides it."""
    try:
        yield
    except ArgumentError as error:
        if error.argument.rpartition(".")[2] != "image_shape":
            raise
        size, (_, height, width) = _size(spec.image_shape), spec.image_shape
        if "resolution" not in node:
            raise ValueError(f"dataset={spec.name}: has images of {height}x{width} pixels: {error.need}") from None
        key = "random_crop" if node.get("random_crop") else "resolution"
        shapes = error.cure if isinstance(error.cure, tuple) else ()
        cures = tuple(_size(shape) for shape in shapes if isinstance(shape, tuple))
        raise ArgumentError(f"dataset.{key}", size, error.need, cures) from None


def _size(image_shape: Sequence[int]) -> str:
    _, height, width = image_shape
    return f"{height}" if height == width else f"[{height},{width}]"


def data_spec(node: Mapping[str, Any]) -> DataSpec:
    """The facts of the data set that `node`, whose class is allowed, builds; it reads nothing yet."""
    settings = {key: value for key, value in node.items() if key != "_target_"}
    key, path = "dataset._target_", node["_target_"]
    kind = imported(key, path)
    try:
        with keys_of("dataset"), own(key, path):
            spec = kind(**settings).spec
    except TypeError as error:
        raise ValueError(f"{key}={path}: {one_line(error)}") from error
    if problem := _problem_of(spec):
        raise ValueError(f"{key}={path}: its spec {problem}")
    return spec


def _problem_of(spec: object) -> str | None:
    """What is wrong with the `spec` of a class of one's own."""
    if not isinstance(spec, DataSpec):
        return f"is of the type {type(spec).__name__}, not a ganctl.contract.DataSpec"
    shape, classes = spec.image_shape, spec.num_classes
    sizes = shape if isinstance(shape, tuple | list) else ()
    if len(sizes) != 3 or not all(type(size) is int and 0 < size <= MOST_PIXELS for size in sizes):
        return f"has image_shape={value_text(shape)}; must be (channels, height, width)"
    if classes is not None and (type(classes) is not int or classes < 1):
        return f"has num_classes={value_text(classes)}; must be a whole number, or None for images without labels"
    return None if isinstance(spec.name, str) else f"has name={value_text(spec.name)}; must be text"


def imported(key: str, path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        with own(key, f"{path}: cannot be imported"):
            return getattr(importlib.import_module(module), name)
    except (AttributeError, SyntaxError) as error:  # of which the module's own code did not run
        raise ValueError(f"{key}={path}: cannot be imported: {type(error).__name__}: {one_line(error)}") from error


def own(key: str, path: str) -> AbstractContextManager[None]:
    """What the module of the class or function `path` raises is said of the `key` that names it."""
    return own_code(f"{key}={path}", [name for name in [path.partition(".")[0]] if name != "ganctl"])
