"""The checks of a whole configuration, in the order in which their messages help most."""

import ctypes
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganctl.configuration.data import data_spec, image_shape_of, imported, own
from ganctl.configuration.names import nearest_keys, value_text
from ganctl.configuration.rules import IS_GROUP, Rule
from ganctl.configuration.targets import HOMES, SEVERAL, check_shape_rule, check_target
from ganctl.files import given_path

MOST_EPOCHS = 10**9  # more would be more steps than can be counted
NOTHING_YET = "???"


@dataclass(frozen=True)
class Facts:
    """A composed configuration as plain data, and what is known of where it comes from.

    `values` is nested, interpolations resolved. `rules` are those of all its YAML files in the order of merging;
    `presets` the files (`model=`, `experiment=`) that may set only keys which exist without them. `added` are the keys
    appended by hand with `+`, `read` those that an interpolation reads. `without(key)` is the value that a key would
    have if it were not typed; it raises LookupError where there is none.
    """

    values: Mapping[str, Any]
    rules: Sequence[Rule]
    presets: Collection[str]
    primaries: Collection[str]
    added: Collection[str]
    read: Collection[str]
    choices: Mapping[Any, Any]
    trusted: Sequence[str]
    without: Callable[[str], object]

    def default(self, rule: Rule) -> str:
        """The text of the value that is in force if the rule's key is not typed, or else of its file's default."""
        try:
            value = self.without(rule.key)
        except LookupError:
            return value_text(rule.default)
        return value_text(rule.default if value == dict(leaves(self.values, nodes=True)).get(rule.key) else value)


def check(facts: Facts) -> None:
    """Raises ValueError in one line, naming key, value and cure, for the first thing wrong with a configuration."""
    check_parts(facts)
    check_keys(facts)
    check_values(facts)
    if isinstance(training := facts.values.get("training"), Mapping):
        check_budget(training)
        check_accumulation(training)
        check_pack(facts.values.get("discriminator"), training)
    check_data(facts)
    if isinstance(device := facts.values.get("device"), Mapping):
        check_device(device.get("type"))
        check_processes(device.get("processes", 1), facts.values.get("training"))


def check_parts(facts: Facts) -> None:
    """Every `_target_` stands where something is built and may be built there, and no needed part is missing."""
    for group in [group for group in HOMES if group not in SEVERAL and "training" in facts.values]:
        node = facts.values.get(group)
        if not isinstance(node, Mapping) or not node:
            raise ValueError(f"{group}=null: one is needed; `ganctl list {group}` shows which there are")
        if "_target_" not in node:
            choice = value_text(facts.choices.get(group))
            raise ValueError(f"{group}={choice}: its YAML names no class; add a line _target_: PACKAGE.CLASS")
    for group in SEVERAL:
        nodes = facts.values.get(group)
        if not isinstance(nodes, Mapping):
            continue
        for name, node in nodes.items():
            if not isinstance(node, Mapping):
                raise ValueError(f"{group}.{name}={value_text(node)}: {IS_GROUP}")
            if "_target_" not in node:
                chosen = [each for each, node in nodes.items() if isinstance(node, Mapping) and "_target_" in node]
                cure = f"add it with {group}=[{','.join(map(str, [*chosen, name]))}], or remove it with ~{group}.{name}"
                raise ValueError(f"{group}.{name}={value_text(node)}: is set, but {name} is not chosen; {cure}")
    for key, value in leaves(facts.values, nodes=True):
        word = key.rpartition(".")[2]
        if word.startswith("_") and word != "_target_":
            raise ValueError(f"{key}={value_text(value)}: names with an underscore in front are Hydra's; remove it")
        if word == "_target_":
            group, *inner = key.split(".")[:-1] or [""]
            if len(inner) != (group in SEVERAL) or group not in HOMES:
                raise ValueError(f"{key}={value_text(value)}: nothing is built here; remove it")
            check_target(group, value, facts.trusted, key=key)
        if word == "shape_rule" and value is not None:
            check_shape_rule(key, value, facts.trusted)


def check_keys(facts: Facts) -> None:
    """Every key is one that something reads, and has a value."""
    known = {rule.key for rule in facts.rules if rule.file not in facts.presets}
    free = _free_groups(facts.rules)
    for key, value in leaves(facts.values):
        is_added = key in facts.added or _is_under(key, facts.added)
        if key in known or key in facts.read or _is_under(key, free) or (is_added and key.partition(".")[0] in HOMES):
            continue
        close = nearest_keys(key, known)
        cure = f"did you mean {' or '.join(close)}?" if close else "`ganctl train --cfg job` shows all keys"
        raise ValueError(f"{key}={value_text(value)}: nothing reads this key; {cure}")
    present = {key for key, _ in leaves(facts.values, nodes=True)}
    replaced = {key for key, value in leaves(facts.values) if not isinstance(value, Mapping)}
    for rule in facts.rules:
        is_setting = rule.file in facts.primaries and not isinstance(rule.default, dict)
        if is_setting and rule.key not in present and not _is_under(rule.key, replaced):
            default = f"{rule.key}={facts.default(rule)}"
            raise ValueError(f"~{rule.key}: a setting cannot be removed; {default} is its default")
    for key, value in leaves(facts.values):
        if value == NOTHING_YET:
            meaning = next((f" ({rule.comment})" for rule in facts.rules if rule.key == key and rule.comment), "")
            raise ValueError(f"{key}=???: has no value yet{meaning}; add {key}=VALUE")


def check_values(facts: Facts) -> None:
    """Every value has the type of its YAML default and lies in the range that the comment behind it gives."""
    rules: dict[str, list[Rule]] = {}
    for rule in facts.rules:
        rules.setdefault(rule.key, []).append(rule)
    for key, value in leaves(facts.values, nodes=True):
        rule = _rule(key, rules)
        if rule and rule.complaint(value):
            problem = rule.complaint(value, facts.default(rule))
            raise ValueError(f"{key}={value_text(value)}: {problem}")
        if rule and rule.is_path and isinstance(value, str):
            with about_key(key):
                given_path(value)


@contextmanager
def about_key(key: str) -> Iterator[None]:
    """Inside, what is said of a value is said of `key=value`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{key}={error}") from error.__cause__


def _rule(key: str, rules: Mapping[str, list[Rule]]) -> Rule | None:
    """What the YAML files say of `key` together: the first gives the type, the last that has a range the range."""
    if not (same := rules.get(key)):
        return None
    first = same[0]
    if first.target:
        inherited = _rule(first.target, rules) if first.target != key else None
        if inherited is None:
            return None
        first = replace(inherited, key=key)
    if isinstance(first.default, str) and "${" in first.default:
        return None
    if first.default == NOTHING_YET:
        first = replace(first, default=None)
    ranged = next((rule for rule in reversed(same) if rule.interval or rule.choices), first)
    return replace(first, comment=ranged.comment)


def check_budget(training: Mapping[str, Any]) -> None:
    """Exactly one of training.steps, epochs and images is set."""
    if "steps" not in training:
        return
    budget = {name: training.get(name) for name in ("steps", "epochs", "images")}
    given = [name for name, value in budget.items() if value is not None]
    if not given:
        raise ValueError("training.steps=null: no budget: set one of training.steps, training.epochs, training.images")
    if len(given) > 1:
        keep = given[-1]
        others = " ".join(f"training.{name}=null" for name in given if name != keep)
        budgets = " and ".join(f"training.{name}={value_text(budget[name])}" for name in given)
        raise ValueError(f"{budgets}: one budget at a time; to keep training.{keep}, add {others}")
    if budget["epochs"] is not None and budget["epochs"] > MOST_EPOCHS:
        raise ValueError(f"training.epochs={budget['epochs']}: must be at most {MOST_EPOCHS}")


def check_accumulation(training: Mapping[str, Any]) -> None:
    """A batch is split into parts of equal length."""
    parts, batch = training.get("accumulate", 1), training.get("batch_size", 1)
    if batch % parts:
        near = max(number for number in range(1, parts) if batch % number == 0)
        need = f"must divide training.batch_size={batch}; try training.accumulate={near}"
        raise ValueError(f"training.accumulate={parts}: {need}")


def check_pack(discriminator: object, training: Mapping[str, Any]) -> None:
    """The images that a discriminator judges at once are whole packs."""
    pack = discriminator.get("pack", 1) if isinstance(discriminator, Mapping) else 1
    images = training.get("batch_size", 1) // training.get("accumulate", 1)
    if isinstance(pack, int) and pack > 1 and images % pack:
        near = max(number for number in range(1, pack) if images % number == 0)
        need = f"must divide the {images} images of a batch, or of its part; try discriminator.pack={near}"
        raise ValueError(f"discriminator.pack={pack}: {need}")


def check_data(facts: Facts) -> None:
    """The networks can make and judge images of the data set's shape, and labels are asked of labelled data only."""
    if not isinstance(facts.values.get("dataset"), Mapping):
        return
    spec = data_spec(facts.values["dataset"])
    if facts.values.get("conditional") and spec.num_classes is None:
        raise ValueError(f"conditional=true: {spec.name} has no labels; try conditional=false")
    for group in ("generator", "discriminator"):
        node = facts.values.get(group)
        if isinstance(node, Mapping) and node.get("shape_rule"):
            name = node["shape_rule"]
            rule = imported(f"{group}.shape_rule", name)
            with image_shape_of(facts.values["dataset"], spec), own(f"{group}.shape_rule", name):
                rule(tuple(spec.image_shape))


def check_device(kind: object) -> None:
    """A device of type `kind` (auto, cpu, cuda, mps) can be had on this machine; asked without torch."""
    if kind == "cuda" and not has_cuda():
        need = "there is no CUDA GPU on this machine, or no driver for it; try device=cpu or device=auto"
        raise ValueError(f"device=cuda: {need}")
    if kind == "mps" and sys.platform != "darwin":
        raise ValueError("device=mps: Apple GPUs exist on macOS only; try device=cpu or device=auto")


def check_processes(number: object, training: Mapping[str, Any] | None) -> None:
    """The batch can be shared out among `number` processes (auto: asked later), each share in all its parts."""
    if training is None and number != 1:
        raise ValueError(f"device.processes={number}: only a training is done by several; leave it out")
    if training is None or not isinstance(number, int):
        return
    batch, parts = training.get("batch_size", 1), training.get("accumulate", 1)
    whole = number * parts
    if batch % whole:
        near = batch - batch % whole
        cures = " or ".join(f"training.batch_size={each}" for each in (near, near + whole) if each)
        of = f"{number} processes" + (f" and training.accumulate={parts}" if parts > 1 else "")
        raise ValueError(f"training.batch_size={batch}: cannot be shared out evenly among {of}; try {cures}")


def has_cuda() -> bool:
    """Asks NVIDIA's driver for the number of GPUs; an AMD GPU, which torch calls cuda too, counts by its driver."""
    if Path("/dev/kfd").exists():
        return True
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def leaves(node: Mapping[str, Any], prefix: str = "", nodes: bool = False) -> Iterator[tuple[str, Any]]:
    """Keys and values of all leaves (lists and empty groups are leaves), and of the `nodes` above them if asked."""
    for word, value in node.items():
        key = f"{prefix}.{word}" if prefix else str(word)
        if nodes or not (isinstance(value, Mapping) and value):
            yield key, value
        if isinstance(value, Mapping):
            yield from leaves(value, key, nodes)


def _free_groups(rules: Sequence[Rule]) -> set[str]:
    """Keys below which any key may stand: the default is an empty group, or a value, whose type another check tests."""
    groups = {rule.key for rule in rules if isinstance(rule.default, dict) and (rule.default or rule.key in SEVERAL)}
    return {rule.key for rule in rules if rule.default is not None} - groups


def _is_under(key: str, groups: Iterable[str]) -> bool:
    return any(key.startswith(f"{group}.") for group in groups)
