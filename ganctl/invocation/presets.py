"""What is said of a run beside its configuration: its name, what its presets set, which settings go badly together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from omegaconf import DictConfig

from ganctl.compose import Composer
from ganctl.configuration.company import warnings
from ganctl.configuration.names import value_text
from ganctl.configuration.targets import SEVERAL
from ganctl.invocation.help import describe
from ganctl.mistakes import parse

_NAMED = ("generator", "discriminator", "loss")  # parts that a run's name has beside its model's, if typed


@dataclass(frozen=True)
class About:
    """What is said of a run beside its configuration.

    `choices` has the option of each group, `names` those that make the run's name, `header` rows of the run's header,
    `warnings` a sentence on each pair of settings that is known not to work.
    """

    choices: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def about(composer: Composer, config: DictConfig, overrides: Sequence[str]) -> About:
    """What is said of the run whose composed and checked `config` is that of `overrides`."""
    choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
    choices = {group: option for group, option in choices.items() if group.isidentifier() and option is not None}
    choices |= {group: [str(name) for name in config[group]] for group in SEVERAL if group in config}
    layers = composer.layers(overrides)
    typed = {item.get_key_element().lstrip("+~") for item in parse(overrides, composer.options)}
    given = {name: option for layer in layers if not layer.group for name, option in choices_of(layer.text).items()}
    before, rows = dict(given), {}
    for layer in layers:
        values: dict[str, Any] = {rule.key: rule.default for rule in layer.rules if rule.is_leaf}
        if layer.is_preset:
            given |= choices_of(layer.text)
            values |= choices_of(layer.text)
            rows = {preset: {key: row[key] for key in row if key not in values} for preset, row in rows.items()}
            new = {key: value for key, value in values.items() if key not in typed and before.get(key) != value}
            rows[f"{layer.group}={layer.option}"] = new
        before |= values
    by_hand = {name: str(choices[name]) for name in _NAMED if name in typed and choices.get(name) != given.get(name)}
    header, model = {}, choices.get("model")
    if model:
        but = ", ".join(f"{group}={option}" for group, option in by_hand.items())
        text = next((layer.text for layer in layers if layer.path == f"model/{model}"), "")
        header["model"] = f"{model}, but with {but}" if but else f"{model}: {describe(text)}"
    header["preset"] = "; ".join(f"{preset} sets {_listed(row)}" for preset, row in rows.items() if row)
    named = ("dataset", "model" if model else "generator")
    names = {group: str(choices[group]) for group in named if group in choices} | by_hand
    header = {name: text for name, text in header.items() if text}
    return About(choices, names, header, warnings(composer.plain(config)))


def name_of(names: Mapping[str, str], tag: str) -> str:
    """`<dataset>-<model>[-typed parts][-tag]`, for a run's folder."""
    return "-".join(filter(None, (*names.values(), tag)))


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value_text(value)}" for key, value in values.items())


def choices_of(text: str) -> dict[str, Any]:
    """The options of groups that a YAML file's defaults list chooses."""
    entries = (yaml.safe_load(text) or {}).get("defaults", [])
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    return {name.removeprefix("override ").lstrip("/"): option for name, option in pairs}
