"""The folders that runs and sweeps get for themselves, so that no two ever share one."""

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ganctl.files import given_path
from ganctl.forms import printable
from ganctl.invocation.lock import OWNER
from ganctl.report.files import read_sweep

LONGEST = 80  # characters of a folder's name
_OURS = (".hydra", "checkpoints", "config.yaml", "environment.json", "metrics.jsonl", "samples", "summary.json",
         "tensorboard", "trackers", "train.log", "jobs.json", "multirun.yaml", "sweep.csv", "sweep.json")  # fmt: skip
_MOST_RUNS = 6  # of a sweep that a message lists


def slug(text: str, longest: int = LONGEST) -> str:
    """`text` as part of a file name: letters, digits, `.`, `_` and `-` only, at most `longest` characters."""
    return re.sub(r"[^\w.]+", "-", text, flags=re.ASCII).strip("-.")[:longest].rstrip("-.")


def claim(root: Path, name: str) -> Path:
    """Makes `root/<date>/<time>-<name>` for the caller alone; where there is one, `-2`, `-3`, ... is added.

    Raises ValueError if nothing can be made there.
    """
    now = datetime.now()
    day, stem = f"{now:%Y-%m-%d}", "-".join(filter(None, (f"{now:%H-%M-%S}", slug(name))))
    parent = root.expanduser() / day
    number, missing = 1, [path for path in (parent, *parent.parents) if not os.path.lexists(path)]
    for _ in range(10_000):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            return folder
        except FileExistsError:
            number += parent.is_dir()
        except FileNotFoundError:  # another process has just removed the empty folder of the day
            continue
        except OSError as error:
            for path in missing:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise ValueError(f"output.root={root}: cannot make {folder}: {error.strerror}; choose another") from None
    raise ValueError(f"output.root={root}: cannot make a folder in {parent}; choose another")


def chosen_folder(config: DictConfig, mode: str) -> Path | None:
    """The folder that the user has set (hydra.run.dir or hydra.sweep.dir); None if it is Hydra's default.

    Raises ValueError if there is a run or a sweep in it already, unless somebody may be at work there.
    """
    raw = OmegaConf.to_container(config.hydra[mode], resolve=False)["dir"]  # type: ignore[index,call-overload]
    if raw == {"run": "outputs", "sweep": "multirun"}[mode] + "/${now:%Y-%m-%d}/${now:%H-%M-%S}":
        return None
    folder = given_path(config.hydra[mode].dir)
    if not (folder / OWNER).exists():
        refuse_taken(folder, mode)
    return folder


def refuse_taken(folder: Path, mode: str, jobs: Sequence[str] = ()) -> None:
    """Raises ValueError where a run (`mode` "run") or a sweep of `jobs` (their folders) would overwrite something."""
    setting = f"hydra.{mode}.dir={folder}"
    if holds_run(folder):
        cure = f"choose another folder, or go on with a run by --resume {folder}"
        raise ValueError(f"{setting}: there is a run in it, which is not overwritten; {cure}")
    if taken := next((name for name in jobs if os.path.lexists(folder / name)), None):
        raise ValueError(f"{setting}: there is {taken} in it, which is not overwritten; choose another folder")


def holds_run(folder: Path) -> bool:
    """Whether a run or a sweep was started in `folder`."""
    return any(os.path.lexists(folder / name) for name in _OURS) or any(folder.glob("*/result.json"))


def refuse_sweep(folder: Path, command: str) -> None:
    """Raises ValueError, with its runs and what to type, where `folder` is a sweep's and `command` takes one run."""
    runs = sorted(path.name for path in folder.glob("*") if (path / "checkpoints").is_dir()) if folder.is_dir() else []
    is_sweep = any((folder / name).is_file() for name in ("multirun.yaml", "jobs.json", "sweep.json"))
    if not is_sweep or (folder / "checkpoints").exists():
        return
    if not runs:
        raise ValueError(f"{printable(folder)}: is a sweep, and none of its runs has a checkpoint yet")
    runs.sort(key=lambda name: int(head) if (head := name.partition("-")[0]).isdecimal() else 0)
    best, note = runs[0], "such as"
    with contextlib.suppress(ValueError):  # without a ranking any of them is an example
        ranking = read_sweep(folder)[0]["ranking"] or [{}]
        if ranking[0].get("rank") == 1 and (name := Path(ranking[0]["folder"] or "").name) in runs:
            best, note = name, "the best is"
    listed = printable(", ".join(runs[:_MOST_RUNS])) + (", ..." if len(runs) > _MOST_RUNS else "")
    typed = printable(f"{command} {shlex.quote(str(folder / best))}")
    raise ValueError(f"{printable(folder)}: is a sweep of {len(runs)} runs ({listed}); name one run; {note} {typed}")


def has_results(folder: Path) -> bool:
    """Whether a run in `folder`, or a job of a sweep in it, has got as far as writing results, or waits in Slurm."""
    results = [folder / "metrics.jsonl", *folder.glob("checkpoints/*"), *folder.glob("*/result.json")]
    results += folder.glob("slurm/*.json")
    return any(path.is_file() and path.stat().st_size for path in results)


def forget(folder: Path, subdir: str | None, *, keep_log: bool) -> None:
    """Removes what an attempt that was refused wrote into a folder which is not its own: Hydra's files, the log."""
    written = [folder / (subdir or ".hydra") / name for name in ("config.yaml", "hydra.yaml", "overrides.yaml")]
    for file in written if keep_log else [*written, folder / "train.log"]:
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        written[0].parent.rmdir()


def discard(folder: Path, *, new_root: Path | None = None) -> bool:
    """Removes a claimed folder whose run came to nothing, unless it has results in it. Says whether it was removed.

    The folder of the day goes with it if it is empty then, and so does `new_root`, if the claim has made it.
    """
    if has_results(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()
        if new_root is not None:
            new_root.expanduser().rmdir()
    return True
