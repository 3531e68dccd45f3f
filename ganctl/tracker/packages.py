"""Whether a tracker's package is there, asked before anything is read, without importing it."""

from importlib.util import find_spec
from pathlib import Path


def require(option: str, *packages: str) -> None:
    """Raises ValueError in one line, with what to install, where one of `packages` is missing."""
    if missing := next((name for name in packages if find_spec(name) is None), None):
        extra = "tensorboard" if option == "tensorboard" else f"'ganctl[{option}]'"
        raise ValueError(f"tracker=[{option}]: the package {missing} is not installed; pip install {extra}")


def local_store(folder: Path, option: str) -> Path:
    """Where a tracker keeps its files in the run's `folder`, unless it was told another place."""
    return folder / "trackers" / option
