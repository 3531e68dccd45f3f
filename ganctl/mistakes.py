"""What Hydra and OmegaConf say about a user's mistake, in one line with the cure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import yaml
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from ganctl.configuration.names import nearest, nearest_keys, one_line, suggestion

if TYPE_CHECKING:
    from ganctl.compose import Composer

_IN_FILE = re.compile(r"In '(.*)': \w+ raised while composing config:\s(.*?)\s*full_key: (\S*)", re.DOTALL)
_KEY_OF_MESSAGE = re.compile(r"Could not (?:override|delete|append to config)[^']*'([^']+)'")


def parse(overrides: Sequence[str], options: Callable[[], dict[str, list[str]]]) -> list[Override]:
    """Parses overrides; `options` gives those of each group, for a hint. Raises ValueError naming the wrong one."""
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except (OverrideParseException, HydraException) as error:
            raise ValueError(_of_syntax(text, error, options)) from None
    return parsed


def _of_syntax(text: str, error: Exception, options: Callable[[], dict[str, list[str]]]) -> str:
    if "=" not in text and not text.startswith("~"):
        known = {name: group for group, names in options().items() for name in names}
        close = nearest(text, known)
        hint = f"did you mean {known[close[0]]}={close[0]}?" if close else "overrides look like training.steps=500"
        return f"{text}: not an override KEY=VALUE; {hint}"
    key, _, value = text.partition("=")
    reason = one_line(str(error).splitlines()[0]) if str(error) else "cannot be read"
    return f"""{text}: not an override that Hydra can read ({reason}); if it is text, quote it: "{key}='{value}'\""""


def explain(error: Exception, overrides: Sequence[Override], composer: Composer) -> ValueError:
    """The one-line error for an exception of composing `overrides`.

    The `composer` is asked for the hint of a message.
    """
    cause = error.__cause__ if isinstance(error, HydraException) and error.__cause__ else error
    if isinstance(error, MissingConfigException):
        return ValueError(_of_option(error, overrides, composer))
    if match := _KEY_OF_MESSAGE.search(str(error)):
        return ValueError(_of_key(match[1], str(error), overrides, composer))
    if match := re.match(r"Ambiguous value for argument '(.*)'", str(error)):
        key, _, value = match[1].partition("=")
        return ValueError(f"{match[1]}: several values; add -m to try each, or write {key}=[{value}] for a list")
    if "requires --multirun" in str(error):
        text = str(error).partition("'")[2].rpartition("'")[0]
        return ValueError(f"{text}: several values; add -m to try each")
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        return ValueError(f"{mark.name}:{mark.line + 1}: not valid YAML: {error.problem}" if mark else one_line(error))
    if isinstance(cause, OmegaConfBaseException):
        key = cause.full_key or ""
        return ValueError(f"{_assignment(key, overrides)}: {one_line(str(cause).splitlines()[0])}")
    if "group override must be a string or a list" in str(error):
        nulls = [str(item.input_line) for item in overrides if item.value() is None and "." not in item.key_or_group]
        text = nulls[0] if nulls else ""
        group = text.partition("=")[0]
        return ValueError(f"{text}: a group cannot be null; leave it out, or see `ganctl list {group}` for its options")
    if isinstance(error, RecursionError) or isinstance(cause, RecursionError):
        return ValueError(
            "the configuration: leads back to itself, by a defaults list or ${...}, or is nested too deep"
        )
    if isinstance(error, UserWarning):
        return ValueError(f"hydra.searchpath: {one_line(error)}")
    if match := _IN_FILE.match(str(error)):
        return ValueError(f"{match[3] or match[1]}: {one_line(match[2])} (in {match[1]}.yaml)")
    if isinstance(error, ValueError | HydraException):
        return ValueError(one_line(error))
    return ValueError(f"the configuration: cannot be composed ({type(error).__name__}: {one_line(error)})")


_REMARKS = {
    "metric=fid": "the Frechet distance is metric=frechet; its score is called fid with feature=inception",
    "metric=is": "the inception score is metric=inception_score",
    "loss=wgan_gp": "the loss is loss=wasserstein, its penalty regularizer=[gradient_penalty]; model=wgan_gp sets both",
    "loss=ragan": "loss=relativistic is the pairwise kind, RpGAN",
    "loss=r3gan": "loss=relativistic with regularizer=[r1,r2] is R3GAN's",
    "loss=vanilla": "loss=non_saturating is the usual form, loss=minimax the first paper's",
    "loss=bce": "loss=non_saturating is the usual form, loss=minimax the first paper's",
    "loss=gan": "loss=non_saturating is the usual form, loss=minimax the first paper's",
    "model=wgan": "there is model=wgan_gp, with a gradient penalty instead of clipped weights",
    "model=gan": "there is model=mlp, the smallest pair, and model=dcgan",
}
"""What is said of options of other names, where `did you mean` would say too little."""

_LAUNCHERS = {
    "hydra/launcher": "basic (a job at a time), local (jobs=2: two side by side) or slurm",
    "hydra/sweeper": "basic (all combinations) or optuna (a search)",
}
_OF_SEARCHES = ("n_trials", "seeds", "score", "direction", "storage", "study_name", "n_jobs", "sampler", "pruner")


def _of_option(error: MissingConfigException, overrides: Sequence[Override], composer: Composer) -> str:
    group, slash, option = (error.missing_cfg_file or "").rpartition("/")
    if not slash:
        return f"--config-name={option}: there is no such configuration; ganctl's own are train, sample, evaluate"
    typed = {item.key_or_group: item.input_line for item in overrides}
    presets = [str(typed[name]) for name in ("experiment", "model") if name in typed]
    origin = f" (asked for by {' or '.join(presets) or 'a YAML file'})" if group not in typed else ""
    if group in _LAUNCHERS:
        return f"{group}={option}: no such option; sweeps of ganctl run with {group}={_LAUNCHERS[group]} only"
    if remark := _REMARKS.get(f"{group}={option}".lower().replace("-", "_")):
        return f"{group}={option}: no such option{origin}; {remark}"
    names = composer.options().get(group) or composer.loader.get_group_options(group, ObjectType.CONFIG)
    return f"{group}={option}: no such option{origin}; {suggestion(option, names, 'option')}"


def _of_key(key: str, message: str, overrides: Sequence[Override], composer: Composer) -> str:
    key = key.lstrip("+~")
    if key == "hydra.launcher.jobs":
        value = _assignment(key, overrides).partition("=")[2]
        return f"jobs={value}: only hydra/launcher=local runs several jobs at once; add it"
    if key.startswith("hydra.sweeper.") and key.rpartition(".")[2] in _OF_SEARCHES:
        return f"{_assignment(key, overrides)}: is for a search; add hydra/sweeper=optuna"
    if key == "retry_failed":
        return f"{_assignment(key, overrides)}: is for a sweep that goes on; add --resume SWEEP"
    if "already at" in message:
        return f"+{_assignment(key, overrides)}: the key is there already; leave out the +"
    if "Could not override" in message and key in composer.options():
        presets = [str(item.input_line) for item in overrides if item.key_or_group in ("model", "dataset")]
        return f"{' or '.join(presets) or key}: overrides {key}, which is chosen before it; let an experiment do so"
    if owners := composer.owners(key):
        return f"{_assignment(key, overrides)}: no such key here; {' and '.join(owners)} would have it"
    inside = key.partition(".")[0] == "hydra"
    others = [other for other in composer.keys(overrides) if (other.partition(".")[0] == "hydra") == inside]
    close = nearest_keys(key, others)
    cure = f"did you mean {' or '.join(close)}?" if close else f"`ganctl {composer.command} --cfg job` shows all keys"
    return f"{_assignment(key, overrides)}: no such key; {cure}"


def _assignment(key: str, overrides: Sequence[Override]) -> str:
    """`key=value` as typed, if it was typed."""
    for override in overrides:
        if override.get_key_element().lstrip("+~") == key:
            return f"~{key}" if override.is_delete() else (override.input_line or "").lstrip("+")
    return key
