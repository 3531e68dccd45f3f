"""What `hydra/sweeper=optuna` is told: the node `hydra.sweeper`, checked, and as it is kept in jobs.json.

The keys are those of Hydra's Optuna plugin where it has them, so that its YAML files can be taken over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganctl.configuration.names import nearest, value_text
from ganctl.configuration.rules import rules_of
from ganctl.files import given_path
from ganctl.job.samplers import PREFIX, check_node, is_grid, try_out
from ganctl.job.search_space import Dimension

FILES = {"sqlite": "study.db", "journal": "study.log"}  # of a study in the sweep's own folder
_PLUGIN = {
    "search_space": "write params: {KEY: interval(0,1)}",
    "custom_search_space": "write params: {KEY: interval(0,1)}",
    "max_failure_rate": "a trial that fails ends no other; leave it out",
}
_DIRECTIONS = ("minimize", "maximize")
_MOST_SEEDS = 100


@dataclass(frozen=True)
class SearchSettings:
    """How a study is led.

    `seeds` are empty where a trial is one run, `scores` and `directions` where the score that judges the runs is
    searched for. `storage` is sqlite, journal or the URL of a database; `pruner` is empty where none ends a run.
    """

    n_trials: int
    seeds: list[int]
    scores: list[str]
    directions: list[str]
    storage: str
    study_name: str
    heartbeat: int
    max_retry: int
    n_jobs: int
    sampler: dict[str, Any]
    pruner: dict[str, Any]

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


def settings_from_plain(content: Mapping[str, Any]) -> SearchSettings:
    """What jobs.json holds. Raises ValueError in one line for what no ganctl has written there."""
    try:
        return _checked(SearchSettings(**content))
    except (TypeError, AttributeError, KeyError):
        raise ValueError("jobs.json: the settings of its search are damaged") from None


def read_settings(node: DictConfig, space: Sequence[Dimension]) -> SearchSettings:
    """Checks `hydra.sweeper`, and that a sampler can propose trials of the space.

    Raises ValueError in one line: key, value, what is wrong, and the cure. A grid has no more trials than points.
    """
    given: Any = OmegaConf.to_container(node, resolve=True)
    known = [*rules_of("hydra/sweeper/optuna"), "sampler", "pruner"]
    for key, value in given.items():
        name = f"{PREFIX}{key}={value_text(value)}"
        if key in _PLUGIN:
            raise ValueError(f"{name}: a key of the plugin that is not taken; {_PLUGIN[key]}")
        if key not in known:
            close = nearest(key, known)
            raise ValueError(f"{name}: no such key; {f'did you mean {PREFIX}{close[0]}?' if close else 'leave it out'}")
        if key in ("sampler", "pruner") and not isinstance(value or {}, dict):
            raise ValueError(f"{name}: is a group of settings; choose with hydra/sweeper/{key}={value_text(value)}")
    settings = SearchSettings(
        seeds=_listed(given["seeds"]),
        scores=_listed(given["score"]),
        directions=_listed(given["direction"]),
        storage=_absolute(given["storage"] or "sqlite"),
        study_name=given["study_name"] or "",
        pruner=given["pruner"] or {},
        **{key: given[key] for key in ("n_trials", "heartbeat", "max_retry", "n_jobs", "sampler")},
    )
    _checked(settings)
    try_out(settings.sampler, settings.pruner, space, max(1, len(settings.scores)))
    if is_grid(settings.sampler):
        points = math.prod(len(dimension.points()) for dimension in space)
        return replace(settings, n_trials=min(points, settings.n_trials))
    return settings


def _checked(settings: SearchSettings) -> SearchSettings:
    rules = rules_of("hydra/sweeper/optuna")
    for key in ("n_trials", "study_name", "n_jobs", "heartbeat", "max_retry"):
        value = getattr(settings, key)
        if problem := replace(rules[key], key=f"{PREFIX}{key}").complaint(value):
            raise ValueError(f"{PREFIX}{key}={value_text(value)}: {problem}")
    for kind in ("sampler", "pruner"):
        if kind == "sampler" or settings.pruner:
            check_node(kind, getattr(settings, kind))
    seeds, scores, directions = settings.seeds, settings.scores, settings.directions
    is_seed = all(isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**32 for seed in seeds)
    if not is_seed or len(set(seeds)) != len(seeds) or len(seeds) > _MOST_SEEDS:
        need = f"must be a list of different whole numbers in [0, 4294967295], {_MOST_SEEDS} at most, as in [0,1,2]"
        raise ValueError(f"{PREFIX}seeds={value_text(seeds)}: {need}")
    if not all(isinstance(name, str) and name for name in scores) or len(set(map(str, scores))) != len(scores):
        raise ValueError(
            f"{PREFIX}score={value_text(scores)}: must be the name of a score, or a list of different ones"
        )
    if wrong := next((word for word in directions if word not in _DIRECTIONS), None):
        raise ValueError(f"{PREFIX}direction={value_text(wrong)}: must be minimize or maximize; left out, it is known")
    if directions and len(directions) != max(1, len(scores)):
        need = f"must be as many as the scores, {max(1, len(scores))}; left out, they are known"
        raise ValueError(f"{PREFIX}direction={value_text(directions)}: {need}")
    if settings.storage not in FILES and "://" not in str(settings.storage):
        need = "must be sqlite, journal or the URL of a database, as in sqlite:///FILE"
        raise ValueError(f"{PREFIX}storage={value_text(settings.storage)}: {need}")
    return settings


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _absolute(storage: Any) -> Any:
    """The URL of a SQLite file by its whole path: a sweep may go on from another folder."""
    scheme, _, path = str(storage).partition(":///")
    if scheme != "sqlite" or not path or path.startswith(("file:", "/")):
        return storage
    return f"sqlite:///{given_path(Path(path)).absolute()}"
