"""Which classes a configuration may name: `_target_` is code to run, so each group has its own home and no other.

A class outside is built only if the user names its package on the command line (`trust=[mypackage]`) or gives, by hand,
a folder of configurations (`--config-dir`) beside whose modules it lies. A class's place is looked up in the source
files, without importing anything, and must be defined there: `ganctl.model.dcgan.torch.load` does not get through.
"""

import ast
import importlib.util
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from ganctl.configuration.names import suggestion, value_text

HOMES = {
    "dataset": "ganctl.dataset",
    "task": "ganctl.task",
    "game": "ganctl.training",
    "generator": "ganctl.model",
    "discriminator": "ganctl.model",
    "loss": "ganctl.loss",
    "regularizer": "ganctl.regularizer",
    "augment": "ganctl.augment",
    "term": "ganctl.term",
    "optimizer": "torch.optim",
    "scheduler": "ganctl.scheduler",
    "feature": "ganctl.feature",
    "metric": "ganctl.metric",
    "tracker": "ganctl.tracker",
}
"""The package of each group's classes."""

SEVERAL = ("regularizer", "augment", "term", "metric", "tracker")
"""The groups whose nodes hold several parts, each under its own name."""


def check_target(group: str, target: object, trusted: Sequence[str] = (), *, key: str | None = None) -> None:
    """Raises ValueError in one line unless `group`, one of `HOMES`, may build what the dotted path `target` names.

    Classes and functions of the packages `trusted` are allowed besides the group's own classes. The message names
    `key`, or `GROUP._target_` if it is None.
    """
    label, target = _label_and_path(key or f"{group}._target_", target, "class, like ganctl.model.dcgan.Generator")
    home = HOMES.get(group)
    if is_trusted(target, trusted):
        _check_defined(label, target, ("ClassDef", "FunctionDef", "Assign", "Import", "Part"))
    elif home is None:
        raise ValueError(f"{label}: nothing is built in {group}; remove it")
    elif home == "torch.optim":
        if not re.fullmatch(r"torch\.optim\.[A-Z]\w*", target):
            raise ValueError(f"{label}: not an optimizer of torch.optim; {_cure(group, target)}")
    elif target.startswith(home + "."):
        _check_defined(label, target, ("ClassDef", "Part"))
    else:
        raise ValueError(f"{label}: {group} builds classes of {home} only; {_cure(group, target)}")


def check_shape_rule(key: str, target: object, trusted: Sequence[str] = ()) -> None:
    """Raises ValueError unless `target` names a function of ganctl.model.geometry or of a trusted package."""
    label, target = _label_and_path(key, target, "function, like ganctl.model.geometry.doubling")
    if not is_trusted(target, trusted) and not target.startswith("ganctl.model.geometry."):
        cure = _cure(key.partition(".")[0], target)
        raise ValueError(f"{label}: shape rules are functions of ganctl.model.geometry; {cure}")
    _check_defined(label, target, ("FunctionDef",))


def is_trusted(target: str, trusted: Iterable[str]) -> bool:
    """Whether `target` lies in one of the packages or modules `trusted`."""
    return any(target == name or target.startswith(f"{name}.") for name in trusted)


def local_packages(targets: Iterable[object], folders: Sequence[Path]) -> list[str]:
    """The first names of those `targets` that Python finds as a module or package directly in one of `folders`."""
    homes = {folder.resolve() for folder in folders}
    names = {target.partition(".")[0] for target in targets if isinstance(target, str)}
    places = {name: _place(name) for name in sorted(names - {"ganctl", "torch"})}
    return [name for name, place in places.items() if place is not None and place.parent.resolve() in homes]


def _label_and_path(key: str, target: object, example: str) -> tuple[str, str]:
    label = f"{key}={value_text(target)}"
    if not isinstance(target, str) or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", target):
        raise ValueError(f"{label}: not a dotted path to a {example}")
    return label, target


def _cure(group: str, target: str) -> str:
    package = target.partition(".")[0]
    if package in ("ganctl", "torch"):
        return f"`ganctl list {group}` shows which there are"
    return f"to run your own code, add trust=[{package}], or give its YAML folder with --config-dir"


def _place(name: str) -> Path | None:
    """The file or folder of the top-level module `name`, without importing it; None if there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _check_defined(label: str, target: str, kinds: Sequence[str]) -> None:
    """Raises ValueError unless the last word of `target` is defined in the module that the words before it name."""
    *words, name = target.split(".")
    place = _place(words[0])
    if place is None:
        where = "(looked in the working directory and what is installed)"
        raise ValueError(f"{label}: there is no module {words[0]} here {where}")
    for number, word in enumerate(words[1:], 2):
        folder = place
        place = next((path for path in (folder / word, folder / f"{word}.py") if path.exists()), None)
        if place is None:
            known = [path.stem for path in folder.glob("[!_]*") if path.suffix == ".py" or path.is_dir()]
            parent, wanted = ".".join(words[: number - 1]), ".".join(words[:number])
            cure = suggestion(word, known, "module") if folder.is_dir() else f"{parent} is a module; name a class of it"
            raise ValueError(f"{label}: there is no module {wanted}; {cure}")
    file = place / "__init__.py" if place.is_dir() else place
    if file.suffix != ".py" or not file.exists():
        return
    try:
        defined = _definitions(file, ".".join(words))
    except SyntaxError as error:
        raise ValueError(f"{label}: {file}:{error.lineno or 1}: invalid Python: {error.msg}") from None
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{label}: {file}: invalid Python: {type(error).__name__}: {error}") from None
    if defined.get(name) not in kinds:
        likely = {"ClassDef", "FunctionDef", "Part"} & set(kinds)
        names = [known for known, kind in defined.items() if kind in likely and not known.startswith("_")]
        raise ValueError(f"{label}: {'.'.join(words)} does not define {name}; {suggestion(name, names, 'class')}")


@cache
def _definitions(file: Path, module: str) -> dict[str, str]:
    """The names that the source file of `module` defines at its top level, with their kinds.

    What it imports from modules inside it, as a package does whose classes lie in several files, is a `Part`; what
    comes from its package is an `Import`, and what comes from elsewhere is left out.
    """
    package = module.partition(".")[0]
    kinds: dict[str, str] = {}
    for node in ast.parse(file.read_bytes(), str(file)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            kinds[node.name] = type(node).__name__
        elif isinstance(node, ast.Assign):
            kinds |= {target.id: "Assign" for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").partition(".")[0] == package):
            kind = "Part" if (node.module or "").startswith(f"{module}.") else "Import"
            kinds |= {alias.asname or alias.name: kind for alias in node.names}
    return kinds
