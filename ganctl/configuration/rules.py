"""What a YAML file says about its keys: the default, and in the comment behind it the meaning and the range.

The comment is the only place where a range stands, so it is read from the file's text:

    lr: 0.0002   # learning rate; in (0, inf)
    precision: fp32  # of forward passes; one of fp32, bf16
    steps: 10000     # null = decided by epochs; in [1, inf)
    betas: [0.5, 0.9]  # 2 numbers in [0, 1)

A default gives the type of a key. Where it is null, the comment does: `whole number in [1, 8]`, `number in (0, 1)`; and
text is what begins with file, folder or name: `weights: null  # file of the weights`. Where the comment says
`or [height, width]`, a list of as many such values may stand for one, and where it says `or auto = ...`, that word.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml
from yaml.constructor import SafeConstructor

from ganctl.configuration.names import control_sign, suggestion, value_text
from ganctl.ranges import Interval, find_interval

MOST = 2**63 - 1  # of a whole number
IS_GROUP = "is a group of settings, set its keys one by one"


class _Loader(yaml.SafeLoader):
    """PyYAML that reads 1e-3 as a number, as OmegaConf does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class Rule:
    """One key of one YAML file: its default and what the comment behind it asks for."""

    key: str
    default: object
    comment: str
    file: str

    @property
    def is_leaf(self) -> bool:
        """Whether it is a value and no group of settings."""
        return not (isinstance(self.default, dict) and self.default)

    @property
    def interval(self) -> Interval | None:
        """The range `in [a, b]` of the comment."""
        return find_interval(self.comment, before=r"\bin ")

    @property
    def choices(self) -> tuple[str, ...]:
        """The words after `one of` in the comment."""
        match = re.search(r"\bone of ([^;]+)", self.comment)
        return tuple(word.strip() for word in match[1].split(",")) if match else ()

    @property
    def length(self) -> int | None:
        """How many numbers a list must have, if the comment says so: `2 numbers in [0, 1)`."""
        match = re.search(r"\b(\d+) numbers in ", self.comment)
        return int(match[1]) if match else None

    @property
    def places(self) -> tuple[str, ...]:
        """What the values of a list are that may stand for a single one: (height, width) of `or [height, width]`."""
        match = re.search(r"\bor \[([a-z_]+(?:, [a-z_]+)+)\]", self.comment)
        return tuple(match[1].split(", ")) if match else ()

    @property
    def model(self) -> object:
        """A value of the type that the key must have; None if it may have any."""
        if self.default is not None:
            return self.default
        if number := re.search(r"\b(whole )?number in ", self.comment):
            return 1 if number[1] else 1.0
        return "" if re.match(r"(file|folder|name)\b", self.comment) else None

    @property
    def target(self) -> str | None:
        """The key that the default `${key}` or `${..key}` refers to, made absolute; None for any other default."""
        match = re.match(r"^\$\{(\.*)([\w.]+)\}$", self.default) if isinstance(self.default, str) else None
        if not match:
            return None
        parents = self.key.split(".")[: -len(match[1])] if match[1] else []
        return ".".join([*parents, match[2]])

    @property
    def word(self) -> str | None:
        """The word that may stand for a number: auto where the comment says `or auto = ...`."""
        match = re.search(r"\bor ([a-z]+) =", self.comment)
        return match[1] if match else None

    @property
    def is_path(self) -> bool:
        """Whether its comment begins with file or folder."""
        return bool(re.match(r"(file|folder)\b", self.comment))

    def complaint(self, value: object, default: str | None = None) -> str | None:
        """What is wrong with `value`, and the cure, or None: its type must be the default's, and its range this one.

        `default` is the text of the value that would be in force otherwise; None = that of this file.
        """
        if value is None:
            if self.default is None or "null =" in self.comment:
                return None
            return self._cured(IS_GROUP if isinstance(self.default, dict) else "must not be null", default)
        if value == self.word and self.word is not None:
            return None
        values = [value]
        if isinstance(value, list) and self.places:
            values = value
        if values is value and len(values) != len(self.places):
            return self._cured(f"must be one number, or {len(self.places)}: [{', '.join(self.places)}]", default)
        problems = [_type_problem(self.model, item) for item in values]
        if self.model is not None and (problem := next(filter(None, problems), None)):
            where = f" in {self.interval}" if self.default is None and self.interval else ""
            return self._cured(problem + where, default, value)
        if isinstance(value, list) and self.length not in (None, len(value)):
            return self._cured(f"must be {self.length} numbers", default)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and (wrong := control_sign(item)) and not control_sign(str(self.default)):
                return self._cured(f"holds {wrong}", default)
            if isinstance(item, int) and abs(item) > MOST:
                return self._cured(f"must be at most {MOST}", default)
            if self.choices and value_text(item) not in self.choices:
                return f"not one of {', '.join(self.choices)}; {suggestion(value_text(item), self.choices, 'value')}"
            if self.interval is None:
                continue
            if isinstance(item, bool) or not isinstance(item, int | float):
                return self._cured(f"must be a number in {self.interval}", default)
            if math.isnan(item) or item not in self.interval:
                return self._cured(f"must be in {self.interval}", default)
        return None

    def _cured(self, problem: str, default: str | None, value: object = None) -> str:
        if type(self.model) is int and type(value) is float and value.is_integer():
            return f"{problem}; try {self.key}={int(value)}"
        if isinstance(self.model, str) and isinstance(value, int | float):
            return f"""{problem}; quote it: "{self.key}='{value_text(value)}'\""""
        if self.default is None:
            return f"{problem}; {self.comment or 'see the YAML file'}"
        if isinstance(self.default, dict):
            return problem
        return f"{problem}; the default is {self.key}={default or value_text(self.default)}"


def _type_problem(default: object, value: object) -> str | None:
    """What `value` should have been, if its type is not `default`'s. A whole number is a real number as well."""
    if isinstance(default, dict):
        return None if isinstance(value, dict) else IS_GROUP
    if isinstance(default, list):
        if not isinstance(value, list):
            return "must be a list in square brackets"
        problems = [_type_problem(default[0], item) for item in value] if default else []
        problem = next(filter(None, problems), None)
        return f"each value of the list {problem}" if problem else None
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    allowed = (int, float) if isinstance(default, float) else (type(default),)
    fits = isinstance(value, allowed) and isinstance(value, bool) == isinstance(default, bool)
    return None if fits else f"must be {kinds.get(type(default), f'of type {type(default).__name__}')}"


def read_rules(text: str, package: str, file: str) -> list[Rule]:
    """The rules of one YAML file whose keys are put under `package` ("" for the top), nodes before their children.

    Raises ValueError, which says where, if the text is not YAML.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{file}:{line}: not valid YAML: {error.problem}") from None
    if not isinstance(root, yaml.MappingNode):
        return []
    lines = text.splitlines()
    return [rule for rule in _rules(root, package, lines, file) if rule.key.split(".")[0] not in ("defaults", "hydra")]


@cache
def rules_of(name: str) -> dict[str, Rule]:
    """The rules of ganctl's own configs/NAME.yaml by key, as `hydra/launcher/slurm`: of a node that is checked late."""
    text = resources.files("ganctl.configs").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return {rule.key: rule for rule in read_rules(text, "", name.rpartition("/")[2])}


def _rules(node: yaml.MappingNode, prefix: str, lines: list[str], file: str) -> Iterator[Rule]:
    for key_node, value_node in node.value:
        key = f"{prefix}.{key_node.value}" if prefix else str(key_node.value)
        default = SafeConstructor().construct_document(value_node)
        inline = value_node.end_mark.line == key_node.end_mark.line
        empty = isinstance(value_node, yaml.ScalarNode) and not value_node.value and not value_node.style
        end = (value_node if inline and not empty else key_node).end_mark
        comment = lines[key_node.end_mark.line][end.column :].partition("#")[2].strip()
        yield Rule(key, default, comment, file)
        if isinstance(value_node, yaml.MappingNode) and not key.endswith("defaults"):
            yield from _rules(value_node, key, lines, file)
