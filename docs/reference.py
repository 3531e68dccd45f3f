"""The pages of settings, made from configs/ while the site is built: every group, option and key.

Default, range and meaning come from the YAML files and the comments in them, which the command line is checked by as
well, so that these pages cannot say anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ganctl.configuration.names import value_text
from ganctl.configuration.rules import Rule, read_rules
from ganctl.invocation.help import groups

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
COMMANDS = {
    "train": "ganctl train",
    "sample": "ganctl sample",
    "translate": "ganctl translate",
    "evaluate": "ganctl evaluate",
    "fid": "ganctl fid",
    "export": "ganctl export",
}
DECIDES = {
    "dataset": "the images",
    "model": "a named pair of networks with loss and settings",
    "task": "what a generator is given",
    "game": "who plays against whom",
    "generator": "latents, or a source image, to images",
    "discriminator": "images to logits",
    "loss": "the adversarial loss",
    "regularizer": "penalties and perturbations, several at once",
    "augment": "augmentation before the discriminator, for few images",
    "term": "terms of the generator's loss beside the adversarial one, several at once",
    "optimizer": "one for each network, values shared or apart",
    "scheduler": "the learning rate's course, with warm-up",
    "device": "where and how to compute",
    "feature": "who judges",
    "metric": "what is scored, several at once",
    "tracker": "where the run is followed, several at once",
    "experiment": "a whole setting",
}
"""What each group is for, in the order of the pages."""


def write(folder: Path) -> None:
    """Writes every page that is not there as it should be, and removes those of groups that are no more."""
    folder.mkdir(exist_ok=True)
    made = {folder / f"{name}.md": text for name, text in pages().items()}
    for path in set(folder.glob("*.md")) - set(made):
        path.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Name and Markdown of every page. Raises KeyError for a group that DECIDES does not explain."""
    listed = groups()
    if missing := set(listed) - set(DECIDES):
        raise KeyError(f"docs/reference.py: DECIDES lacks {', '.join(sorted(missing))}")
    made = {"index": _index(listed)}
    made |= {name: _command_page(name, command) for name, command in COMMANDS.items()}
    return made | {group: _group_page(group, listed[group]) for group in DECIDES}


def _index(listed: dict[str, dict[str, str]]) -> str:
    lines = [
        "# Settings",
        "",
        "A setting is typed as `KEY=VALUE`, an option of a group as `GROUP=OPTION`; several options of `regularizer`,",
        "`augment`, `term`, `metric` and `tracker` stand in square brackets: `regularizer=[r1,instance_noise]`.",
        "These pages are made from the YAML files that the command reads. `ganctl train --cfg job` prints all before a",
        "run begins.",
        "",
        "Settings of the commands themselves: "
        + ", ".join(f"[`{command}`]({name}.md)" for name, command in COMMANDS.items())
        + ".",
        "",
        "| group | what it decides | options |",
        "|---|---|---|",
    ]
    for group, purpose in DECIDES.items():
        options = ", ".join(f"[`{name}`]({group}.md#{_anchor(group, name)})" for name in listed[group])
        lines.append(f"| [`{group}`]({group}.md) | {purpose} | {options} |")
    lines += ["", "```{toctree}", ":hidden:", "", *(f"{command} <{name}>" for name, command in COMMANDS.items())]
    return "\n".join([*lines, *DECIDES, "```"]) + "\n"


def _command_page(name: str, command: str) -> str:
    text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    rules = read_rules(text, "", f"{name}.yaml")
    lines = [f"# Settings of {command}", "", *_table(rules)]
    return "\n".join(lines) + "\n"


def _group_page(group: str, options: dict[str, str]) -> str:
    lines = [f"# {group}: {DECIDES[group]}"]
    for name, description in options.items():
        lines += ["", f"## {group}={name}", "", f"{description.rstrip('.')}."]
        text = (CONFIGS / group / f"{name}.yaml").read_text(encoding="utf-8")
        if chosen := list(_choices(text)):
            lines += ["", f"Chooses {', '.join(f'`{choice}`' for choice in chosen)}."]
        rules = _rules(group, name)
        targets = [rule.default for rule in rules if rule.key.endswith("_target_")]
        if len(targets) == 1:
            lines += ["", f"Class: `{targets[0]}`"]
        lines += ["", *_table(rules)]
    return "\n".join(lines) + "\n"


def _rules(group: str, name: str) -> list[Rule]:
    """The rules of an option, those of the options it starts from included, its own in their place."""
    text = (CONFIGS / group / f"{name}.yaml").read_text(encoding="utf-8")
    package = "" if text.startswith("# @package _global_") else group
    rules: dict[str, Rule] = {}
    for entry in _defaults(text):
        if entry != "_self_" and isinstance(entry, str):
            rules |= {rule.key: rule for rule in _rules(group, entry)}
    known = dict(_comments())
    for choice in _choices(text):
        chosen, _, names = choice.partition("=")
        for one in filter(None, names.strip("[]").split(",")):
            known |= {rule.key: rule.comment for rule in _rules(chosen, one) if rule.comment}
    for rule in read_rules(text, package, f"{group}/{name}.yaml"):
        rules[rule.key] = rule if rule.comment else replace(rule, comment=known.get(rule.key, ""))
    return list(rules.values())


@lru_cache(maxsize=1)
def _comments() -> dict[str, str]:
    """What the first file that explains it says of a key, train.yaml before all: for files that only set it."""
    known: dict[str, str] = {}
    files = [("", CONFIGS / "train.yaml"), *((file.parent.name, file) for file in sorted(CONFIGS.glob("*/*.yaml")))]
    for group, file in files:
        for rule in read_rules(file.read_text(encoding="utf-8"), group, file.name):
            if rule.comment:
                known.setdefault(rule.key, rule.comment)
    return known


def _defaults(text: str) -> list[Any]:
    return (yaml.safe_load(text) or {}).get("defaults", [])


def _choices(text: str) -> Iterator[str]:
    """What the file chooses of other groups, as it would be typed."""
    for entry in _defaults(text):
        if isinstance(entry, dict):
            for key, value in entry.items():
                name = key.removeprefix("override ").lstrip("/").partition("@")[0]
                yield f"{name}={value_text(value).replace(', ', ',')}"


def _table(rules: list[Rule]) -> list[str]:
    hidden = ("_target_", "defaults")
    rows = [rule for rule in rules if not rule.key.endswith(hidden) and not isinstance(rule.default, dict)]
    if not rows:
        return ["No settings of its own."]
    lines = ["| key | default | range | meaning |", "|---|---|---|---|"]
    for rule in rows:
        allowed = str(rule.interval) if rule.interval else ", ".join(rule.choices)
        if not allowed and isinstance(rule.default, bool):
            allowed = "true, false"
        default = f"as `{rule.target}`" if rule.target else f"`{value_text(rule.default) or chr(34) * 2}`"
        cells = [f"`{rule.key}`", default, allowed, _meaning(rule)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _meaning(rule: Rule) -> str:
    """The comment without its range, which has a column of its own."""
    parts = [part.strip() for part in rule.comment.split(";")]
    kept = [part for part in parts if not re.match(r"(((whole )?number |\d+ numbers )?in [\[(]|one of )", part)]
    text = "; ".join(kept)
    if not text and rule.target:
        return f"`{rule.target}` for this network alone"
    return (text[:1].upper() + text[1:]).replace("<", "&lt;")


def _anchor(group: str, name: str) -> str:
    """What MyST makes of the heading `group=name`."""
    return re.sub(r"[^\w-]", "", f"{group}{name}")
