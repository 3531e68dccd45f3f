"""Trains generative adversarial networks from the command line, and judges them.

From Python: `ganctl.load(path)` gives a trained generator to draw from, `ganctl.train(*overrides)` trains as the
command does, `ganctl.score(generated, real)` scores any images against others. All are imported when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganctl.interface import Run as Run
    from ganctl.interface import score as score
    from ganctl.interface import train as train
    from ganctl.trained import Trained as Trained
    from ganctl.trained import load as load

__version__ = "0.1.0"
__all__ = ["Run", "Trained", "load", "score", "train"]

_PLACES = {"Trained": "trained", "load": "trained"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ganctl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"ganctl.{_PLACES.get(name, 'interface')}"), name)
