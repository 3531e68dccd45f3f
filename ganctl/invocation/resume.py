"""`--resume`: the settings that a run was started with, taken from its folder as data, and the new ones over them."""

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ganctl import checkpoint
from ganctl.bounded import read_yaml
from ganctl.compose import quote
from ganctl.configuration.names import one_line
from ganctl.files import given_path
from ganctl.forms import printable
from ganctl.invocation.folders import refuse_sweep


@dataclass(frozen=True)
class Resumed:
    """A run to go on with: its folder, the checkpoint to go on from, all overrides, and where Hydra writes its own."""

    folder: Path
    checkpoint: Path
    overrides: list[str]
    subdir: str
    config_dir: str | None  # the --config-dir that the run was started with

    def for_hydra(self) -> list[str]:
        """The overrides that make Hydra run in the run's own folder and leave its `.hydra` as it is."""
        return [f"hydra.run.dir={quote(str(self.folder))}", f"hydra.output_subdir={quote(self.subdir)}"]


def folder_of(path: str) -> Path:
    """The folder of the run that `--resume path` means. Raises ValueError in one line where there is none."""
    return checkpoint.run_folder(_newest(path))


def resume(path: str, overrides: Sequence[str]) -> Resumed:
    """Reads what the run at `path` (folder or checkpoint) was last started with; `overrides` come on top.

    What stands in the folder is data: an override in it that could run code (`hydra.*`, `_target_`, `${...}`) is
    refused, and packages trusted then are not trusted now. Raises ValueError in one line.
    """
    for text in overrides:
        if text.lstrip("+~").startswith(("hydra.run.dir", "hydra.output_subdir", "hydra.sweep.")):
            raise ValueError(f"{text}: a resumed run stays in its folder; leave this out")
    newest = _newest(path)
    folder = checkpoint.run_folder(newest)
    written = [start for start in _starts(folder) if _is_written(start[1] / "overrides.yaml")]
    if not written:
        need = f"{printable(folder)} is not a run folder of ganctl train: it has no .hydra/overrides.yaml"
        raise ValueError(f"--resume={printable(path)}: {need}")
    _, latest = max(written)
    merged = merge(_read(latest / "overrides.yaml"), overrides)
    return Resumed(
        folder=folder,
        checkpoint=newest,
        overrides=[*_own_model(latest / "hydra.yaml", merged), *merged],
        subdir=next_subdir(folder),
        config_dir=_config_dir(latest / "hydra.yaml"),
    )


def going_on_from(place: Path, overrides: list[str]) -> Resumed | None:
    """The run in `place` with the `overrides` that are known already; None where it has no checkpoint yet."""
    try:
        saved = checkpoint.find(place).resolve()
    except ValueError:
        return None
    return Resumed(place.absolute(), saved, overrides, next_subdir(place), None)


def next_subdir(folder: Path) -> str:
    """Where Hydra writes its files the next time that the run in `folder` goes on."""
    return f".hydra-resume-{max((number for number, _ in _starts(folder)), default=0) + 1}"


def _starts(folder: Path) -> list[tuple[int, Path]]:
    """The folders of Hydra's files of each start of a run; the first start has number 0."""
    matches = [(re.fullmatch(r"\.hydra(-resume-(\d{1,9}))?", path.name), path) for path in folder.glob(".hydra*")]
    return [(int(match[2] or 0), path) for match, path in matches if match]


def _is_written(file: Path) -> bool:
    """Whether Hydra's file was written: a start that was killed may leave it empty, and an empty list is `[]`."""
    return os.path.lexists(file) and not (file.is_file() and file.stat().st_size == 0)


def _newest(path: str) -> Path:
    """The checkpoint that `--resume path` means: itself, or the last of that run."""
    place = given_path(path)
    refuse_sweep(place, "ganctl train --resume")
    return checkpoint.find(place).resolve()


def merge(saved: Sequence[str], new: Sequence[str]) -> list[str]:
    """Saved overrides, without those whose key is set anew, then the new ones."""
    parser = OverridesParser.create()
    keys = set()
    for text in new:
        with contextlib.suppress(HydraException):  # which is reported when all is parsed
            keys.add(parser.parse_override(text).key_or_group)
    kept = []
    for text in saved:
        override = _parse_saved(parser, text)
        if override.get_key_element().lstrip("+") == "output.tensorboard":  # its name before there were other trackers
            override = parser.parse_override("tracker=[]" if override.value() is False else "tracker=[tensorboard]")
        line, key = override.input_line or text, override.key_or_group
        adds = override.is_add() or override.is_delete()  # without it, a later change of the key would lack the key
        undoes = line.startswith(("++", "~")) and key.partition(".")[0] in keys  # a preset, for a part chosen before
        if key == "trust" or (key in keys and not adds) or undoes:
            continue
        if re.match(r"hydra\b", key) or any(code in line for code in ("${", "_target_", "shape_rule")):
            need = "not taken from a run folder, as it could run code; give it again on the command line"
            raise ValueError(f"{printable(line)}: {need}")
        kept.append(line)
    return [*kept, *new]


def _parse_saved(parser: OverridesParser, text: str) -> Override:
    key, equals, value = text.partition("=")
    try:
        return parser.parse_override(text)
    except (HydraException, RecursionError) as error:
        reason = error
    try:
        if equals:
            return parser.parse_override(f"{key}={quote(value)}")
    except (HydraException, RecursionError) as error:
        reason = error
    raise ValueError(f"{printable(text)}: cannot be read back from the run folder ({printable(one_line(reason))})")


def _read(file: Path) -> list[str]:
    content = read_yaml(file) or []
    if not isinstance(content, list) or not all(isinstance(text, str) for text in content):
        raise ValueError(f"{printable(file)}: not a list of overrides")
    if strange := next((text for text in content if text != printable(text, len(text))), None):
        raise ValueError(f"{printable(file)}: {printable(strange)}: has a control character, as nothing that is typed")
    return content


def _own_model(file: Path, overrides: Sequence[str]) -> list[str]:
    """`model=` as it was in force when the run began, unless it is among `overrides`: defaults may change, runs not."""
    if any(text.lstrip("+~").partition("=")[0] == "model" for text in overrides):
        return []
    choices = _runtime(file, "choices")
    model = choices.get("model") if isinstance(choices, dict) else None
    return [f"model={model}"] if isinstance(model, str) and re.fullmatch(r"\w[\w./-]*", model, re.ASCII) else []


def _runtime(file: Path, name: str) -> Any:
    """What Hydra wrote of a start under `name` of its node `hydra.runtime`; None where it did not."""
    with contextlib.suppress(ValueError):  # a run goes on without
        node: Any = read_yaml(file)
        for key in ("hydra", "runtime", name):
            node = node.get(key) if isinstance(node, dict) else None
        return node
    return None


def _config_dir(file: Path) -> str | None:
    node = _runtime(file, "config_sources")
    sources = [source for source in node if isinstance(source, dict)] if isinstance(node, list) else []
    given = [source.get("path") for source in sources if source.get("provider") == "command-line"]
    return next((printable(folder) for folder in given if isinstance(folder, str)), None)
