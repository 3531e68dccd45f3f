"""Keys with the values in force, their ranges and meanings, from the comments of the YAML files. Imports no torch."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from ganctl.compose import Composer
from ganctl.configuration.checks import leaves
from ganctl.configuration.names import nearest, value_text
from ganctl.configuration.rules import Rule
from ganctl.configuration.targets import SEVERAL
from ganctl.invocation.presets import choices_of

_RANGE = re.compile(r"[;,]?\s*(?:(?:each|(?:whole )?number|\d+ numbers) )?\b(?:in (?=[\[(])|one of )(.*)$")
_CODE = ("_target_", "shape_rule")


def show_topic(composer: Composer, topic: str) -> int:
    """Prints key, value in force, range and meaning of each setting of `topic`; returns the exit code 0.

    A topic is a section (training), a group (optimizer), an option (optimizer.adam) or a key (training.batch_size). An
    option's values are those that it has if chosen by hand. Raises ValueError in one line for any other word.
    """
    rows = list(_rows(composer, topic))
    if not rows:
        print(f"{topic} has no settings")
        return 0
    if not sys.stdout.isatty():
        heads = [f"{key}={value}" for key, value, _, _ in rows]
        widths = min(44, max(map(len, heads))), max(len(row[2]) for row in rows)
        for head, (_, _, interval, meaning) in zip(heads, rows, strict=True):
            print(f"{head:<{widths[0]}}  {interval:<{widths[1]}}  {meaning}".rstrip())
        return 0
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "value", "range", "meaning", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
    return 0


def comments(composer: Composer, overrides: Sequence[str]) -> dict[str, str]:
    """The comment on each key of the YAML files that are merged with `overrides`."""
    rules = [rule for layer in composer.layers(overrides) for rule in layer.rules]
    return {rule.key: rule.comment for rule in rules if rule.comment}


def annotated(text: str, meanings: Mapping[str, str], package: str = "") -> str:
    """The YAML `text`, whose keys stand under `package`, with the meanings behind the values."""
    lines, root = text.splitlines(), yaml.compose(text, Loader=yaml.SafeLoader)
    for key, line in _lines_of(root, package):
        if key in meanings:
            lines[line] += f"  # {meanings[key]}"
    return "\n".join([*lines, ""])


def _rows(composer: Composer, topic: str) -> Iterator[tuple[str, str, str, str]]:
    group, _, option = topic.partition(".")
    options = composer.options()
    is_option = option in options.get(group, ())
    choice = f"{group}=[{option}]" if group in SEVERAL else f"{group}={option}"
    overrides = composer.with_own_settings([choice]) if is_option else []
    layers = composer.layers(overrides)
    values = composer.plain(composer.compose(overrides))
    rules: dict[str, list[Rule]] = {}
    for layer in layers:
        for rule in layer.rules:
            rules.setdefault(rule.key, []).append(rule)
        if layer.is_preset and layer.path == f"{group}/{option}":
            for name, chosen in choices_of(layer.text).items():
                yield name, value_text(chosen), "", f"`ganctl list {name}` says what it is"
    own = {rule.key for layer in layers if layer.group == group for rule in layer.rules}
    found = {key: value for key, value in leaves(values) if key.rpartition(".")[2] not in _CODE}
    if is_option:
        found = {key: value for key, value in found.items() if key in own}
    elif topic in {key for key, _ in leaves(values, nodes=True)}:
        found = {key: value for key, value in found.items() if key == topic or key.startswith(f"{topic}.")}
    else:
        inside = [*(f"{group}.{name}" for name in options.get(group, ())), *found]
        close = nearest(topic, inside if option else [*options, *values])
        cure = f"did you mean {close[0]}?" if close else "`ganctl list` and `ganctl train --cfg job` show all"
        raise ValueError(f"{topic}: no such group; {cure}")
    for key, value in found.items():
        yield key, value_text(value), *_range_and_meaning(rules.get(key, []))


def _range_and_meaning(rules: Sequence[Rule]) -> tuple[str, str]:
    """Of the rules of one key: the last range that there is, and the last meaning."""
    intervals = [f"in {rule.interval}" if rule.interval else _one_of(rule.choices) for rule in rules]
    meanings = [_RANGE.sub("", rule.comment).strip() for rule in rules]
    follows = f"{rules[0].target} unless it is set" if rules and rules[0].target else ""
    return next(filter(None, reversed(intervals)), ""), next(filter(None, reversed(meanings)), follows)


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if names else ""


def _lines_of(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    """The keys of a YAML document, with the lines that a comment can end."""
    for key_node, value_node in node.value if isinstance(node, yaml.MappingNode) else ():
        key = f"{prefix}.{key_node.value}" if prefix else str(key_node.value)
        line = key_node.end_mark.line
        if not isinstance(value_node, yaml.ScalarNode) or value_node.end_mark.line == line:
            yield key, line
        yield from _lines_of(value_node, key)
