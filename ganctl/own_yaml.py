"""Hydra's reading of YAML files that a user wrote, within bounds: no file can hang it, or end it without a sentence.

The bounds hold for each file, for how often defaults lists name files, and for what interpolations repeat.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError

from ganctl.bounded import check_yaml, read_text
from ganctl.configuration.names import one_line, value_text
from ganctl.configuration.rules import IS_GROUP

LARGEST = 200_000  # bytes of a file
MOST = 10_000  # values of a file, with what its aliases repeat
_MOST_LOADS = 3000  # files that defaults lists name, each as often as it is named
_LONGEST = 1_000_000  # characters of all values, interpolations put in
_REFERENCE = 50  # characters that an interpolation counts as, beside its value


def read_own(file: Path) -> str:
    """The text of a YAML file that is within the bounds. Raises ValueError in one line that names file and line."""
    text = read_text(file, LARGEST)
    try:
        check_yaml(text, MOST)
    except ValueError as error:
        line = re.match(r"line (\d+): (.*)", str(error), re.DOTALL)
        where, problem = (f"{file}:{line[1]}", line[2]) if line else (str(file), str(error))
        raise ValueError(f"{where}: not valid YAML: {problem}") from None
    return text


def check_expansion(values: Any) -> None:
    """Raises ValueError where the interpolations of plain, unresolved `values` would make them larger than the bounds.

    Nothing is resolved for it: each value is measured once, however often others refer to it.
    """
    _Measure(values).size("", values)


class BoundedSource(FileConfigSource):
    """Hydra's source of files, with the bounds."""

    def load_config(self, config_path: str) -> ConfigResult:
        file = Path(self.path, self._normalize_file_name(config_path))
        read_own(file)
        try:
            result = super().load_config(config_path)
        except MarkedYAMLError:
            raise
        except Exception as error:  # a date or number that is none, a key that is no text
            raise ValueError(f"{file}: cannot be read ({one_line(error)})") from error
        if not isinstance(result.config, DictConfig):
            raise ValueError(f"{file}: must hold settings KEY: VALUE")
        values: Any = OmegaConf.to_container(result.config, resolve=False)
        check_expansion(values)
        _check_defaults(file, values.get("defaults", []))
        if not isinstance(values.get("hydra", {}), Mapping):
            raise ValueError(f"{file}: hydra={value_text(values['hydra'])}: {IS_GROUP}")
        return result


class BoundedLoader(ConfigLoaderImpl):
    """Hydra's loader of configurations, with the bounds."""

    def __init__(self, config_search_path: Any) -> None:
        SourcesRegistry.instance().types["file"] = BoundedSource
        super().__init__(config_search_path=config_search_path)

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed, repository = super()._parse_overrides_and_create_caching_repo(config_name, overrides)
        load, loads = repository.load_config, 0

        def counted(config_path: str) -> ConfigResult | None:
            nonlocal loads
            loads += 1
            if loads > _MOST_LOADS:
                raise ValueError(f"{config_path}: defaults lists lead to more than {_MOST_LOADS} files; name fewer")
            return load(config_path)

        repository.load_config = counted  # type: ignore[method-assign]
        return parsed, repository


def _check_defaults(file: Path, entries: Any) -> None:
    """Raises ValueError where a defaults list has entries that Hydra cannot tell apart."""
    if not isinstance(entries, list):
        raise ValueError(f"{file}: defaults={value_text(entries)}: must be a list, each entry FILE or GROUP: OPTION")
    for entry in entries:
        words = [*entry] if isinstance(entry, Mapping) else [entry]
        if len(words) != 1 or not isinstance(words[0], str) or not words[0].strip(" /@"):
            raise ValueError(f"{file}: defaults: {value_text(entry)} is no entry; write FILE or GROUP: OPTION")


class _Measure:
    """The sizes of the nodes of a configuration by their keys."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.sizes: dict[str, int] = {}

    def size(self, key: str, node: Any) -> int:
        if key not in self.sizes:
            self.sizes[key] = 0  # while it is measured: what refers to itself is Hydra's to refuse
            self.sizes[key] = self._size(key, node)
            if self.sizes[key] > _LONGEST:
                raise ValueError(f"{key or 'the configuration'}: its interpolations repeat too much; write it out")
        return self.sizes[key]

    def _size(self, key: str, node: Any) -> int:
        if isinstance(node, Mapping):
            return 1 + sum(self.size(f"{key}.{word}".lstrip("."), value) for word, value in node.items())
        if isinstance(node, list):
            return 1 + sum(self.size(f"{key}.{number}", value) for number, value in enumerate(node))
        if not isinstance(node, str):
            return 1
        names = re.findall(r"\$\{([^${}:]*)\}", node)
        return len(node) + sum(_REFERENCE + self._target(name, key) for name in names)

    def _target(self, name: str, key: str) -> int:
        """The size of what `${name}` at `key` refers to; of what stands in the way to it, if that is one itself."""
        words = [word for word in re.split(r"[.\[\]]", name.strip()) if word]
        if dots := len(name) - len(name.lstrip(".")):
            words = [*key.split(".")[:-dots], *words]
        node, path = self.values, []
        for word in words:
            if isinstance(node, Mapping) and word in node:
                node = node[word]
            elif isinstance(node, list) and word.isdecimal() and int(word[:9]) < len(node):
                node = node[int(word[:9])]
            else:
                break
            path.append(word)
        return self.size(".".join(path), node) if path else 0
