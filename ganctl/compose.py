"""Composes a configuration the way Hydra's command line would, and checks the whole of it, before any work.

The only module that knows Hydra's config loader. A mistake becomes a ValueError of one line, `key=value: what; cure`.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganctl.configuration.checks import Facts, check, leaves
from ganctl.configuration.names import quote, value_text
from ganctl.configuration.rules import Rule, read_rules
from ganctl.configuration.targets import SEVERAL, local_packages
from ganctl.files import is_folder
from ganctl.mistakes import explain, parse
from ganctl.own_yaml import BoundedLoader, check_expansion, read_own

_rules = lru_cache(maxsize=256)(read_rules)
VERSION_BASE = "1.3"
CONFIG_PATH = "pkg://ganctl.configs"
PRESETS = ("model", "experiment")  # groups whose files set what other files have


@dataclass(frozen=True)
class Layer:
    """One YAML file of a configuration: its name, its path below the root, where its keys go ("" = the top), its text.

    `rules` are those of its keys. The files of a configuration are merged in the order in which they stand.
    """

    file: str
    path: str
    package: str
    text: str
    rules: Sequence[Rule]

    @property
    def group(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def option(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_preset(self) -> bool:
        """Whether it is chosen by `model=` or `experiment=`, to set what other files have."""
        return bool(self.group) and not self.package


class Composer:
    """Composes and checks the configurations of one command. Raises ValueError for a folder that is not there.

    Args:
        config_name: train, sample, evaluate, or a primary configuration of one's own.
        config_dir: a folder of one's own configurations, searched first. Classes of modules in the working directory or
            beside the folder are then allowed as `_target_`.
        config_path: instead of ganctl's own configurations: a folder, or `pkg://` and a package.
        command: what the user called, for hints.
    """

    def __init__(
        self,
        config_name: str,
        *,
        config_dir: str | None = None,
        config_path: str | None = None,
        command: str | None = None,
    ) -> None:
        version.setbase(VERSION_BASE)
        setup_globals()
        self.config_name, self.command = config_name, command or config_name
        self.beside = partial(Composer, config_dir=config_dir, config_path=config_path, command=self.command)
        path = None if config_path is None or "://" in config_path else config_path
        by_hand = {"--config-dir": config_dir, "--config-path": path}
        for option, folder in by_hand.items():
            if folder is not None and not is_folder(folder):
                raise ValueError(f"{option}={folder}: there is no such folder")
        self.own = [Path(folder).resolve() for folder in by_hand.values() if folder]
        self.folders = [Path.cwd(), *(folder.parent for folder in self.own)] if self.own else []
        search = create_config_search_path(str(Path(path).absolute()) if path else config_path or CONFIG_PATH)
        if config_dir is not None:
            place = f"file://{Path(config_dir).absolute()}"
            search.prepend(provider="command-line", path=place, anchor=SearchPathQuery(provider="schema"))
        with self.in_one_line(()):
            self.loader = BoundedLoader(search)
            self.groups = set(self.loader.list_groups(""))
        self._layers: dict[tuple[str, ...], list[Layer]] = {}

    def options(self) -> dict[str, list[str]]:
        """The options of every group of our own, without those not meant to be chosen (an underscore in front)."""
        groups = [name for name in self.loader.list_groups("") if name != "hydra"]
        listed = {group: self.loader.get_group_options(group, ObjectType.CONFIG) for group in groups}
        return {group: [name for name in names if not name.startswith("_")] for group, names in listed.items() if names}

    def owners(self, key: str) -> list[str]:
        """The options of the key's group whose YAML file has the key."""
        group, _, setting = key.partition(".")
        names = self.options().get(group, []) if setting else []
        files = {name: self._file(f"{group}/{name}") for name in names}
        rules = {name: _rules(text, group, file) for name, (file, text) in files.items()}
        return [f"{group}={name}" for name in names if any(rule.key == key for rule in rules[name])]

    def keys(self, overrides: Sequence[Override]) -> list[str]:
        """All keys of the configuration that the chosen groups give, and the groups."""
        chosen = [item for item in overrides if item.key_or_group in self.groups or "/" in item.key_or_group]
        single = [item for item in chosen if not item.is_sweep_override()]
        for choices in ([item.input_line or "" for item in single], []):
            try:
                config = self.loader.load_configuration(self.config_name, choices, RunMode.RUN)
            except Exception:  # the hint is then given for the defaults
                continue
            plain: Any = OmegaConf.to_container(config, resolve=False)
            return [*(key for key, _ in leaves(plain, nodes=True)), *self.groups]
        return []

    def compose(self, overrides: Sequence[str], *, multirun: bool = False) -> DictConfig:
        """The composed configuration, its node `hydra` included. Raises ValueError for overrides that do not fit.

        With `multirun` values may be lists to sweep over; they are not expanded here.
        """
        mode = RunMode.MULTIRUN if multirun else RunMode.RUN
        parsed = parse(overrides, self.options)
        with self.in_one_line(parsed):
            config = self.loader.load_configuration(self.config_name, list(overrides), mode)
            check_expansion(OmegaConf.to_container(config, resolve=False))
        for group, choice in config.hydra.runtime.choices.items():
            names = choice if OmegaConf.is_list(choice) else [choice]
            if any(str(name).rpartition("/")[2].startswith("_") for name in names):
                raise ValueError(f"{group}={choice}: not to be chosen itself; `ganctl list {group}` shows what is")
        return config

    def check(self, config: DictConfig, overrides: Sequence[str]) -> list[str]:
        """Checks a composed configuration, as `checks.check`; returns the packages whose classes it may name."""
        parsed = parse(overrides, self.options)
        values = self.plain(config, parsed)
        layers = self.layers(overrides)
        for layer in layers:
            if layer.group in PRESETS and layer.package:
                need = "nothing reads its settings; begin the file with the line `# @package _global_`"
                raise ValueError(f"{layer.group}={layer.option}: {layer.file}: {need}")
        trusted = self._trusted(values, parsed)
        facts = Facts(
            values=values,
            rules=[rule for layer in layers for rule in layer.rules],
            presets={layer.file for layer in layers if layer.is_preset},
            primaries={layer.file for layer in layers if not layer.group},
            added={item.get_key_element().lstrip("+") for item in parsed if item.is_add() or item.is_force_add()},
            read=set(re.findall(r"\$\{([A-Za-z_][\w.]*)\}", str(OmegaConf.to_container(config, resolve=False)))),
            choices=dict(config.hydra.runtime.choices.items()),
            trusted=trusted,
            without=lambda key: self._without(key, overrides, parsed),
        )
        check(facts)
        return trusted

    def own_packages(self) -> list[str]:
        """The user's modules that a run may have in its checkpoints: those that YAML files of their folders name."""
        files = [file for folder in self.own for file in sorted(folder.rglob("*.yaml")) if file.is_file()]
        texts = [read_own(file) for file in files]
        targets = [name for text in texts for name in re.findall(r"""\b_target_["']?\s*:\s*["']?([\w.]+)""", text)]
        return local_packages(targets, self.folders)

    def _trusted(self, values: dict[str, Any], parsed: Sequence[Override]) -> list[str]:
        """What `trust=` names on the command line, and the user's own modules if their YAML folder is given by hand."""
        named = values.get("trust") or []
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            raise ValueError(f"trust={value_text(named)}: must be a list of packages: trust=[mypackage]")
        if named and not any(item.key_or_group == "trust" for item in parsed):
            need = "only the command line may name packages to trust, not a YAML file; add it there"
            raise ValueError(f"trust={value_text(named)}: {need}")
        targets = [value for key, value in leaves(values) if key.rpartition(".")[2] in ("_target_", "shape_rule")]
        return [*named, *local_packages(targets, self.folders)]

    def with_own_settings(self, overrides: Sequence[str], typed: Sequence[str] | None = None) -> list[str]:
        """`overrides`, and what lets each part chosen among those `typed` (None: all) keep its own file's settings.

        A preset stands after all other files, so its `optimizer.lr` would hold for `optimizer=sgd` as well. What is
        added, with `++` or `~` in front, is saved with the run: resuming it gives the configuration that it began with.
        Where one computes (`device=cpu`) is no part of what is trained: a preset's precision stays.
        """
        parsed = parse(overrides, self.options)
        chosen = {item.key_or_group for item in parse(overrides if typed is None else typed, self.options)}
        with self.in_one_line(parsed):
            return [*overrides, *self._own_settings(parsed, chosen & self.groups - {"hydra", "device"})]

    def _own_settings(self, parsed: Sequence[Override], groups: set[str]) -> list[str]:
        """The overrides that undo what presets set of `groups` and nobody has typed."""
        texts = [str(item.input_line) for item in parsed]
        presets = [layer for layer in self.layers(texts) if layer.is_preset] if groups else []
        keys = {item.get_key_element().lstrip("+~") for item in parsed}
        wanted = {rule.key for layer in presets for rule in layer.rules if rule.is_leaf} - keys
        without = [f"~{name}" for name in dict.fromkeys(layer.group for layer in presets)]
        undone = []
        for group in sorted(groups & {key.partition(".")[0] for key in wanted}):
            mine = [text for text in texts if re.split(r"[.=]", text.lstrip("+~"))[0] == group]
            own = self.loader.load_configuration(self.config_name, [*mine, *without], RunMode.RUN)
            for key in sorted(key for key in wanted if key.startswith(f"{group}.")):
                if group in SEVERAL and key.split(".")[1] not in own[group]:
                    continue  # which the checks refuse with a sentence of its own
                value = OmegaConf.select(own, key, default=own)
                undone.append(f"~{key}" if value is own else f"++{key}={override_text(value)}")
        return undone

    def layers(self, overrides: Sequence[str]) -> list[Layer]:
        """The YAML files that are merged with `overrides`, but for Hydra's own, in that order."""
        choices = tuple(text for text in overrides if re.split("[=@/]", text.lstrip("+~"))[0] in self.groups)
        if choices not in self._layers:
            self._layers[choices] = list(self._read_layers(choices))
        return self._layers[choices]

    def _read_layers(self, choices: Sequence[str]) -> Iterator[Layer]:
        for entry in self.loader.compute_defaults_list(self.config_name, list(choices), RunMode.RUN).defaults:
            path, package = entry.config_path or "", entry.package or ""
            if path.startswith(("hydra/", "_")) or package.split(".")[0] == "hydra":
                continue
            file, text = self._file(path)
            if file:
                yield Layer(file, path, package, text, _rules(text, package, file))

    def _without(self, key: str, overrides: Sequence[str], parsed: Sequence[Override]) -> Any:
        """The value that `key` has if it is not typed. Raises LookupError where there is none."""
        others = [
            text for text, item in zip(overrides, parsed, strict=True) if item.get_key_element().lstrip("+~") != key
        ]
        try:
            value = OmegaConf.select(self.compose(self.with_own_settings(others)), key, throw_on_missing=True)
        except (ValueError, OmegaConfBaseException) as error:
            raise LookupError(key) from error
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value

    def _file(self, path: str) -> tuple[str, str]:
        """Name and text of the YAML file `path` in the first place of the search path that has it; "" if none has."""
        for source in self.loader.get_sources():
            file: Any = Path(source.path, f"{path}.yaml")
            if source.scheme() == "pkg":
                try:
                    file = resources.files(source.path.replace("/", ".")).joinpath(*f"{path}.yaml".split("/"))
                except (ModuleNotFoundError, ValueError):
                    continue
            if source.scheme() in ("file", "pkg") and file.is_file():
                return f"{source.path}/{path}.yaml", file.read_text(encoding="utf-8")
        return "", ""

    def plain(self, config: DictConfig, parsed: Sequence[Override] = ()) -> dict[str, Any]:
        """The configuration without its node `hydra`, as plain data with every interpolation resolved."""
        keep = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(config)
        try:
            with self.in_one_line(parsed):
                return {str(key): _resolved(config, key) for key in config if key != "hydra"}
        finally:
            Singleton._instances[HydraConfig].cfg = keep  # type: ignore[attr-defined]

    @contextmanager
    def in_one_line(self, parsed: Sequence[Override]) -> Iterator[None]:
        """Inside, where Hydra works on what a user wrote, every exception becomes a ValueError of one line."""
        try:
            with warnings.catch_warnings(record=True) as remarks:
                warnings.filterwarnings("error", message="provider=.* is not available")
                yield
        except Exception as error:
            raise explain(error, parsed, self) from error
        for remark in remarks:  # beside a refusal they would only hide it
            warnings.warn_explicit(remark.message, remark.category, remark.filename, remark.lineno)


def override_text(value: Any) -> str:
    """A value of a configuration as it is typed in an override."""
    plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    if isinstance(plain, dict):
        return "{" + ",".join(f"{key}:{override_text(item)}" for key, item in plain.items()) + "}"
    if isinstance(plain, list):
        return f"[{','.join(map(override_text, plain))}]"
    return quote(plain) if isinstance(plain, str) else value_text(plain)


def _resolved(config: DictConfig, key: Any) -> Any:
    node = config._get_node(key)
    if OmegaConf.is_config(node) and not node._is_none() and not node._is_missing():  # type: ignore[union-attr]
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=False)  # type: ignore[arg-type]
    return "???" if OmegaConf.is_missing(config, key) else config[key]
