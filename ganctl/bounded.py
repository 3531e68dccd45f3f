"""JSON and YAML that nobody vouches for, read as plain data within bounds: no file can hang or crash its reader.

What comes out consists of dict (with text as keys), list, str, int of 64 bits, float, bool and None, is at most
`DEEPEST` levels deep, no part of it refers to itself, and its texts can be encoded.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from ganctl.forms import printable

LARGEST = 16 * 2**20  # bytes of a file
DEEPEST = 50  # levels of nesting
MOST = 200_000  # values of a YAML text, with what its aliases repeat
_EMPTY_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ValueError in one line that names the file."""
    return _read(path, parse_json)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, as `parse_yaml`. Raises ValueError in one line that names the file."""
    return _read(path, parse_yaml)


def parse_json(text: str | bytes) -> Any:
    """The value that a JSON text holds. Raises ValueError in one line that says what is wrong with it."""
    try:
        return _plain(json.loads(text, parse_int=_integer), 0)
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as error:
        raise ValueError(_one_line(error)) from None


def parse_yaml(text: str) -> Any:
    """The value that a YAML text holds, dates as text. Raises ValueError in one line that says what is wrong."""
    check_yaml(text)
    try:
        return _plain(yaml.load(text, Loader=_Loader), 0)
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except (ValueError, LookupError, ArithmeticError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(_one_line(error)) from None  # PyYAML lets through what Python says of a value, as of !!bool x


def check_yaml(text: str, most: int = MOST) -> None:
    """Raises ValueError, in one line, for a text that is no YAML, or deeper, larger or more repetitive than the bounds.

    In time that grows with the text's length alone: aliases are counted, not expanded.
    """
    sizes: dict[str, int | None] = {}  # values below an anchor; None while it is open
    above: list[tuple[str | None, int]] = []  # the open nodes: anchor, values counted before
    count = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                size = sizes.get(event.anchor, 0)
                if size is None:
                    raise ValueError(f"line {event.start_mark.line + 1}: *{event.anchor} refers to itself")
                count += size
            elif isinstance(event, yaml.ScalarEvent):
                count += 1
                if event.anchor:
                    sizes[event.anchor] = 1
            elif isinstance(event, yaml.CollectionStartEvent):
                above.append((event.anchor, count))
                count += 1
                if event.anchor:
                    sizes[event.anchor] = None
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = above.pop()
                if anchor:
                    sizes[anchor] = count - before
            if len(above) > DEEPEST:
                raise ValueError(f"line {event.start_mark.line + 1}: {_too_deep()}")
            if count > most:
                raise ValueError(f"line {event.start_mark.line + 1}: more than {most:,} values, aliases expanded")
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        raise ValueError(f"line {mark.line + 1}: {_one_line(problem)}" if mark else _one_line(error)) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with dates as text: what ganctl writes has none, and 2024-13-45 would be an exception."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _EMPTY_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_text(path: Path, largest: int = LARGEST) -> str:
    """The text of a file of at most `largest` bytes. Raises ValueError in one line that names the file."""
    return _read(path, str, largest)


def _read(path: Path, parse: Any, largest: int = LARGEST) -> Any:
    try:
        if (size := path.stat().st_size) > largest:
            raise ValueError(f"it has {size:,} bytes, more than {largest:,}")
        if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
            raise ValueError("is no file")
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ValueError(f"{printable(path)}: cannot be read ({_one_line(error)})") from None


def _plain(value: object, depth: int) -> object:
    """`value` in the types that the module promises."""
    if depth > DEEPEST:
        raise ValueError(_too_deep())
    if isinstance(value, dict):
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else float("inf") if value > 0 else float("-inf")
    return _text(value)


def _text(value: object) -> str:
    """As text that can be encoded: halves of a pair of surrogates become question marks."""
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "replace").decode("utf-8")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


def _too_deep() -> str:
    return f"nested more than {DEEPEST} levels deep"


def _one_line(error: object) -> str:
    return printable(" ".join(str(error).split())[:300]) or type(error).__name__
