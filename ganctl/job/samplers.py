"""Optuna's samplers and pruners by the options of `hydra/sweeper/sampler` and `hydra/sweeper/pruner`.

What a `_target_` may name is listed here: nothing else is built. A sampler is made anew for every trial, with a seed
that follows from the trial's number, so no state of it is lost.
"""

import hashlib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import optuna

from ganctl.configuration.names import one_line, suggestion, value_text
from ganctl.configuration.rules import rules_of
from ganctl.job.search_space import Dimension

PREFIX = "hydra.sweeper."
_GRID = "optuna.samplers.GridSampler"
_TARGETS = {
    "sampler": {
        "tpe": "optuna.samplers.TPESampler",
        "random": "optuna.samplers.RandomSampler",
        "cmaes": "optuna.samplers.CmaEsSampler",
        "grid": _GRID,
    },
    "pruner": {
        "median": "optuna.pruners.MedianPruner",
        "successive_halving": "optuna.pruners.SuccessiveHalvingPruner",
        "hyperband": "optuna.pruners.HyperbandPruner",
    },
}


def check_node(kind: str, node: Mapping[str, Any]) -> None:
    """Checks the settings of a `kind` (sampler, pruner). Raises ValueError in one line for the first that is wrong."""
    target = node.get("_target_")
    option = next((option for option, name in _TARGETS[kind].items() if name == target), None)
    if option is None:
        cure = suggestion(str(target), _TARGETS[kind].values(), kind)
        raise ValueError(f"{PREFIX}{kind}._target_={value_text(target)}: no {kind} that a search may use; {cure}")
    known = [name for name in inspect.signature(_class(node)).parameters if name != "search_space"]
    rules = rules_of(f"hydra/sweeper/{kind}/{option}")
    for key, value in node.items():
        name = f"{PREFIX}{kind}.{key}={value_text(value)}"
        if key != "_target_" and key not in known:
            raise ValueError(f"{name}: no such argument; {suggestion(key, known, 'argument')}")
        if key in rules and (problem := replace(rules[key], key=f"{PREFIX}{kind}.{key}").complaint(value)):
            raise ValueError(f"{name}: {problem}")


def sampler(node: Mapping[str, Any], space: Sequence[Dimension], number: int) -> optuna.samplers.BaseSampler:
    """The sampler that proposes trial `number`. Raises ValueError in one line for arguments that it refuses."""
    arguments = dict(node)
    if is_grid(node):  # whose order is one for all trials
        arguments["search_space"] = {dimension.key: dimension.points() for dimension in space}
    elif arguments.get("seed") is not None:
        digest = hashlib.sha256(f"{arguments['seed']} {number}".encode()).digest()
        arguments["seed"] = int.from_bytes(digest[:4], "big")
    return _made("sampler", arguments)


def pruner(node: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    """The pruner of these settings; one that ends nothing for none."""
    return _made("pruner", node) if node else optuna.pruners.NopPruner()


def is_grid(node: Mapping[str, Any]) -> bool:
    """Whether the sampler's trials are the points of a grid, each once."""
    return node["_target_"] == _GRID


def try_out(node: Mapping[str, Any], pruning: Mapping[str, Any], space: Sequence[Dimension], scores: int) -> None:
    """Asks for a trial of a study in memory, so that faults show before anything is made. Raises ValueError."""
    if scores > 1 and node["_target_"] == _TARGETS["sampler"]["cmaes"]:
        raise ValueError("hydra/sweeper/sampler=cmaes: searches for one score; take tpe, random or grid for several")
    if scores > 1 and pruning:
        raise ValueError(f"hydra/sweeper/pruner: a run is pruned by one score, and there are {scores}; leave it out")
    first, last = sampler(node, space, 0), pruner(pruning)
    directions: Any = ["minimize"] * scores
    with quiet(), _in_one_line("sampler"):
        if node["_target_"] == _TARGETS["sampler"]["cmaes"]:
            import cmaes  # noqa: F401  # which Optuna imports no sooner than it draws by it
        study = optuna.create_study(sampler=first, pruner=last, directions=directions)
        study.ask(fixed_distributions={dimension.key: dimension.distribution for dimension in space})


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, Optuna does not say that parts of it are new, nor that who asks for a trial is no loop of its own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
        yield


def _class(node: Mapping[str, Any]) -> Any:
    _, module, name = node["_target_"].split(".")
    return getattr(getattr(optuna, module), name)


def _made(kind: str, node: Mapping[str, Any]) -> Any:
    with quiet(), _in_one_line(kind):
        return _class(node)(**{key: value for key, value in node.items() if key != "_target_"})


@contextmanager
def _in_one_line(kind: str) -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise ValueError(
            f"hydra/sweeper/{kind}: needs a package that is missing; pip install 'ganctl[optuna]'"
        ) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{PREFIX}{kind}: cannot be used ({one_line(error)}); see hydra/sweeper/{kind}") from None
