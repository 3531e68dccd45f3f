"""Checkpoints: written whole or not at all, read without running code, refused in one line when they are not ours.

A checkpoint is a torch zip file of tensors and plain data: {"format", "version", "ganctl", "config", "spec", "task",
"class_names", "record", "state"}. Files of version 1 are read as if they were of this one. The layout of a run's
folder `checkpoints/` is

    step-00001000.pt    the last n of these are kept
    last.pt             the newest of them (a hard link where the file system has them)
    best.pt             the one with the best score: a link to one of those as long as it is kept, otherwise only what
                        drawing takes, without optimizers and discriminator
    best.safetensors, last.safetensors    their averaged generator's weights, with all that rebuilds it
"""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from ganctl import __version__
from ganctl.files import atomic_path, atomic_write_bytes
from ganctl.tensor_files import read_tensors, write_torch

FORMAT, VERSION = "ganctl-checkpoint", 2
_ABOUT = ("config", "spec", "task", "class_names")
_KEYS = {"config", "spec", "task", "class_names", "record", "state"}


def save(path: Path, content: dict[str, Any]) -> None:
    """Writes `content` (tensors and plain data) to `path`: at any instant it is the old file or the new."""
    missing = _KEYS - content.keys()
    assert not missing, f"a checkpoint needs {missing}"
    write_torch(path, {"format": FORMAT, "version": VERSION, "ganctl": __version__, **content})


def load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU. Raises ValueError in one line for a file that is missing, damaged or foreign.

    Of best.safetensors and its like, what is there: an averaged generator.
    """
    import torch

    if path.suffix == ".safetensors" and path.is_file():
        return _of_weights(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such checkpoint") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: is a folder, not a checkpoint file") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path}: not a checkpoint, or a damaged one ({_line(error)})") from None
    if damaged is not None:
        raise ValueError(f"{path}: damaged checkpoint: its part {damaged} fails its checksum; take an older one")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises almost anything on a foreign file
        raise ValueError(f"{path}: not a ganctl checkpoint, nothing of it was run ({_line(error)})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: a torch file, but not a ganctl checkpoint")
    version = content.get("version")
    if version not in (1, VERSION):
        raise ValueError(f"{path}: checkpoint of format version {version}, this ganctl reads versions 1 and {VERSION}")
    if version == 1:
        content = _from_version_1(content)
    if missing := _KEYS - content.keys():
        raise ValueError(f"{path}: incomplete checkpoint, without {', '.join(sorted(missing))}")
    return content


def _from_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """What a file holds from when there was one game only: a generator of latents against a discriminator."""
    state, config = content.pop("state", None), content.get("config")
    if isinstance(config, dict):
        parts = {"task": "ganctl.task.Noise", "game": "ganctl.training.step.Adversarial"}
        content["config"] = {**{group: {"_target_": target} for group, target in parts.items()}, **config}
    if "class_counts" in content:
        content["task"] = {"class_counts": content.pop("class_counts")}
    sides = ("generator", "discriminator")
    needed = {*sides, "average", "step", *(f"{side}_optimizer" for side in sides)}
    if isinstance(state, dict) and needed <= state.keys():
        content["state"] = {
            "step": state["step"],
            "attempt": 0,
            "networks": {side: state[side] for side in sides},
            "averages": {"generator": state["average"]},
            "optimizers": {side: state[f"{side}_optimizer"] for side in sides},
            "memories": {},
        }
    return content


def save_step(
    folder: Path,
    step: int,
    content: dict[str, Any],
    keep_last: int | None,
    *,
    is_best: bool = False,
    spared: Collection[int] = (),
) -> Path:
    """Writes step-NNNNNNNN.pt and last.pt into `folder` and removes all but the `keep_last` newest (None keeps all).

    Those of the steps `spared` are kept as well. `is_best`: best.pt is of this step, and from now on the same file.
    """
    path, best = folder / f"step-{step:08d}.pt", folder / "best.pt"
    save(path, content)
    duplicate(path, folder / "last.pt")
    if is_best and (folder / "last.pt").samefile(path):  # a copy would only take space
        duplicate(path, best)
    if keep_last is not None:
        older = _steps(folder)[:-keep_last]
        for old in (old for old in older if _step_of(old) not in spared):
            if best.is_file() and best.samefile(old):
                save_best(folder, load(old))
            old.unlink()
    return path


def set_aside_after(run: Path, step: int, *, always: bool = False) -> Path | None:
    """Moves what a run has from later than `step` into its folder `abandoned-N`, before it goes on from `step`.

    That is checkpoints, best.pt if it is later, sample grids, and a copy of metrics.jsonl. Returns the folder, or None
    if there was no later checkpoint and it is not made `always`.
    """
    folder = run / "checkpoints"
    later = [path for path in _steps(folder) if _step_of(path) > step]
    best = folder / "best.pt"
    if best.is_file() and load(best)["state"]["step"] > step:
        later += [path for path in (best, folder / "best.safetensors") if path.is_file()]
    if not later and not always:
        return None
    target = next(free for number in count(1) if not (free := run / f"abandoned-{number}").exists())
    target.mkdir()
    if (run / "metrics.jsonl").is_file():
        shutil.copyfile(run / "metrics.jsonl", target / "metrics.jsonl")
    later += [path for path in (run / "samples").glob("step-*.png") if _step_of(path) > step]
    for path in later:
        shutil.move(path, target / path.name)
    if left := _steps(folder):
        duplicate(left[-1], folder / "last.pt")
    return target


def kept(folder: Path) -> dict[int, Path]:
    """The files step-NNNNNNNN.pt of `folder` by their step, the oldest first."""
    return {_step_of(path): path for path in _steps(folder)}


def save_best(folder: Path, content: dict[str, Any]) -> None:
    """Writes what drawing takes of `content` as best.pt into `folder`, over the earlier best."""
    state = content["state"]
    drawn_from = {name: state["networks"][name] for name in state["averages"] if name in state["networks"]}
    save(folder / "best.pt", {**content, "state": {**state, "networks": drawn_from, "optimizers": {}, "memories": {}}})


def load_to_resume(path: Path) -> dict[str, Any]:
    """As `load`. Raises ValueError for a file that has only what drawing takes."""
    content = load(path)
    if not content["state"].get("optimizers"):
        what = (
            "holds a generator to draw from and to judge, but not the optimizers and the discriminator to train on with"
        )
        raise ValueError(f"{path}: {what}; resume the run's folder, or a step-*.pt in it")
    return content


def save_weights(path: Path, content: dict[str, Any], about: Mapping[str, Any]) -> None:
    """Writes the averaged generator of a checkpoint's `content` as safetensors, whole or not at all.

    The metadata, texts all of them, are the checkpoint's facts and `about`, what is no text in JSON.
    """
    from safetensors.torch import save as to_bytes

    facts = {"format": FORMAT, "ganctl": __version__, "step": content["state"]["step"], **about}
    facts |= {key: content[key] for key in _ABOUT}
    metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    weights = next(iter(content["state"]["averages"].values()))
    atomic_write_bytes(path, to_bytes({name: tensor.contiguous() for name, tensor in weights.items()}, metadata))


def _of_weights(path: Path) -> dict[str, Any]:
    """What `save_weights` wrote, as a checkpoint that has an averaged generator only."""
    tensors, metadata = read_tensors(path) or (None, {})
    if tensors is None:
        raise ValueError(f"{path}: not a safetensors file, or a damaged one")
    try:
        facts = {key: json.loads(metadata[key]) for key in (*_ABOUT, "step")}
    except (KeyError, ValueError):
        raise ValueError(f"{path}: does not say what network its weights are of; load the run's best.pt") from None
    state = {"step": facts.pop("step"), "averages": {"generator": tensors}, "networks": {}, "optimizers": {}}
    return {**facts, "state": state}


def find(target: Path, prefer: str = "last") -> Path:
    """The checkpoint that `target` means: itself if a file, else the `prefer` (last or best) one of that run folder.

    Where best.pt is asked for and there is none, the last is meant. Raises ValueError in one line.
    """
    if target.is_file():
        return target
    if not target.exists():
        raise ValueError(f"{target}: there is no such run or checkpoint")
    folder = target / "checkpoints" if (target / "checkpoints").is_dir() else target
    if prefer == "best" and (folder / "best.pt").is_file():
        return folder / "best.pt"
    if steps := _steps(folder):
        return steps[-1]
    if folder is target and not (target / "metrics.jsonl").exists():
        raise ValueError(f"{target}: is no run's folder; runs lie in outputs/<date>/")
    raise ValueError(f"{target}: no checkpoint in this run; it stopped before its first (output.checkpoint_every)")


def run_folder(path: Path) -> Path:
    """The run that the checkpoint file or run folder `path` belongs to."""
    if path.is_dir():
        return path
    return path.parent.parent if path.parent.name == "checkpoints" else path.parent


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"), key=_step_of)


def _step_of(path: Path) -> int:
    number = re.fullmatch(r"step-(\d+)", path.stem)
    return int(number[1]) if number else -1


def duplicate(source: Path, target: Path) -> None:
    """Makes `target` the same file as `source`, or a copy where the file system has no hard links."""
    with atomic_path(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(source, temporary)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
