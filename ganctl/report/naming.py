"""What was trained on what, by the names that were chosen; and what a preset is, in the words of its YAML file."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from ganctl.report.recorded import Recorded

_PARTS = ("generator", "discriminator")


def trained(run: Recorded) -> dict[str, str]:
    """Data, model and loss in a few words each."""
    settings = run.flat_config()
    added = [name for group in ("regularizer", "augment", "term") for name in _names(run.config.get(group))]
    loss = str(settings.get("loss._target_") or "unknown loss").rpartition(".")[2]
    loss = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", loss).lower()
    extra = f" + {', '.join(added)}" if added else ""
    data = settings.get("dataset.name") or _chosen(run, "dataset")
    folder = f" {Path(str(path)).name}" if (path := settings.get("dataset.path")) else ""
    return {
        "data": f"{data or _module(settings.get('dataset._target_'), 'unknown data')}{folder}",
        "model": _model(run),
        "loss": f"{loss}{extra}",
    }


def presets(runs: Sequence[Recorded]) -> list[tuple[str, str]]:
    """The presets that the runs have, each as it is typed with the sentence that opens its YAML file, where known."""
    chosen = dict.fromkeys((group, _preset(run, group)) for group in ("experiment", "model") for run in runs)
    return [(f"{group}={name}", text) for group, name in chosen if name and (text := _first_line(group, name))]


def _model(run: Recorded) -> str:
    """The preset with those of its networks that were typed beside it; the networks alone without one."""
    typed, settings = _typed_parts(run), run.flat_config()
    if model := _preset(run, "model"):
        return " with ".join([model, " ".join(typed)]) if typed else model
    names = [(_chosen(run, part) if typed else "") or _module(settings.get(f"{part}._target_")) for part in _PARTS]
    return " against ".join(dict.fromkeys(names))


def _preset(run: Recorded, group: str) -> str:
    """The option of a group of presets; no model where both networks were typed, and no model was."""
    replaced = group == "model" and len(_typed_parts(run)) == len(_PARTS)
    return "" if replaced and not any(word.startswith("model=") for word in run.overrides) else _chosen(run, group)


def _names(nodes: object) -> list[str]:
    return [str(name) for name in nodes] if isinstance(nodes, Mapping) else []


def _typed_parts(run: Recorded) -> list[str]:
    """`generator=NAME` and `discriminator=NAME`, as far as they were typed."""
    typed = {word.partition("=")[0]: word for word in run.overrides}
    return [typed[part] for part in _PARTS if part in typed]


def _chosen(run: Recorded, group: str) -> str:
    """The option of a group by the run's record, else as it was typed; empty where neither says."""
    if group in run.choices:
        return str(run.choices[group] or "")
    return next((word.partition("=")[2] for word in reversed(run.overrides) if word.startswith(f"{group}=")), "")


def _first_line(group: str, name: str) -> str:
    """The opening comment of one of ganctl's own YAML files; empty for another's."""
    file = resources.files("ganctl.configs") / group / f"{name}.yaml"
    if not re.fullmatch(r"\w{1,80}", name) or not file.is_file():
        return ""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")), "")


def _module(target: object, otherwise: str = "unknown") -> str:
    """The module of a class, which has the name of the option that was chosen."""
    parts = str(target or otherwise).split(".")
    return parts[-2] if len(parts) > 1 else parts[0]
