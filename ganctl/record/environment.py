"""Where a run ran: versions, machine, commit, command. Written into its folder, to explain its numbers later."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "ganctl torch torchvision numpy scipy hydra-core omegaconf safetensors pillow tensorboard pytorch-fid mlxtend"
)


def environment(*, device: str | None = None) -> dict[str, object]:
    """Plain data about this process. Imports nothing heavy; takes under 0.1 s, most of it git.

    `device` is the training device's name in words, as the caller knows it. `threads` is how many torch computes with,
    None as long as torch is not imported. `git` is None outside a repository, or without git.
    """
    torch = sys.modules.get("torch")
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "argv": list(sys.argv),
        "folder": str(Path.cwd()),
        "python": platform.python_version(),
        "packages": {name: package_version(name) for name in _PACKAGES.split()},
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads() if torch is not None else None,
        "device": device,
        "git": git_commit(Path.cwd()),
    }


def package_version(name: str) -> str | None:
    """The installed version of a package, by its distribution's name; None = not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def git_commit(folder: Path) -> dict[str, object] | None:
    """The commit that `folder` is at, and whether tracked files differ from it; None where there is none."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    nowhere = subprocess.DEVNULL
    try:
        text = subprocess.check_output(
            command, cwd=folder, env=quiet, stdin=nowhere, stderr=nowhere, text=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return text.strip()


def _cpu_model() -> str:
    with suppress(OSError):  # not Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
