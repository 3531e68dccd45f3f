"""Which jobs a sweep has: all combinations of what was typed, each composed and checked before any is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ganctl.compose import Composer, override_text
from ganctl.configuration.checks import leaves
from ganctl.forms import MOST_JOBS
from ganctl.invocation.folders import LONGEST, slug
from ganctl.invocation.presets import About, about, name_of
from ganctl.invocation.resume import Resumed
from ganctl.job.machine import number_of
from ganctl.mistakes import parse

if TYPE_CHECKING:
    from ganctl.job.pruning import Pruning

_MOST_DIGITS = 10  # of a number in the name of a folder


@dataclass(frozen=True)
class Job:
    """One combination: all its overrides, those that differ between jobs, its folder, what it may build, its facts.

    `settings` are the values of all keys. `again` is where it goes on from; None for a job that begins. `pruning` may
    end it before its time; None where nothing does.
    """

    number: int
    overrides: list[str]
    varied: dict[str, str]
    folder: str
    trusted: list[str]
    facts: About
    settings: dict[str, Any] = field(default_factory=dict)
    again: Resumed | None = None
    pruning: "Pruning | None" = None

    @property
    def name(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.varied.items()) or "no overrides"


def expand(
    composer: Composer, config: DictConfig, progress: Callable[[], None] = lambda: None, threads: int | None = None
) -> list[Job]:
    """All jobs, in Hydra's order, each composed and checked. Raises ValueError naming the job that is wrong.

    `progress` is called before each. `threads` is what `device.threads` gets where nothing sets it.
    """
    parsed = parsed_of(composer, config)
    with composer.in_one_line(()):
        combinations = _combinations(parsed)
    swept = {
        key_of(override): position
        for position, override in enumerate(last_of_each(parsed))
        if override.is_sweep_override()
    }
    hydra_overrides = typed_of(config, "hydra")
    jobs = []
    for number, overrides in enumerate(combinations, 1):
        progress()
        varied = {key: overrides[position].partition("=")[2] for key, position in swept.items()}
        try:
            jobs.append(composed_job(composer, number, overrides, varied, hydra_overrides, threads))
        except ValueError as error:
            name = ", ".join(f"{key}={value}" for key, value in varied.items())
            raise ValueError(f"{error} (job {number} of the sweep: {name}; none was started)") from None
    return jobs


def composed_job(
    composer: Composer,
    number: int,
    overrides: Sequence[str],
    varied: dict[str, str],
    hydra_overrides: Sequence[str],
    threads: int | None = None,
) -> Job:
    """The job with these overrides, composed and checked. Raises ValueError in one line where they do not fit."""
    completed = composer.with_own_settings(overrides)
    composed = composer.compose([*hydra_overrides, *completed])
    if threads and composed.device.get("threads") is None:
        completed = [*completed, f"device.threads={threads}"]
        composed = composer.compose([*hydra_overrides, *completed])
    trusted = composer.check(composed, completed)
    if number_of(composed) > 1:
        raise ValueError(f"device.processes={composed.device.processes}: a job of a sweep has one; leave it out")
    facts = about(composer, composed, completed)
    settings = settings_of(composer, composed)
    written = [_without_interpolation(text, settings) for text in completed]
    return Job(number, written, varied, folder_of(number, varied), trusted, facts, settings)


def folder_of(number: int, varied: Mapping[str, str]) -> str:
    """`N-KEY-VALUE-...`, the name of a job's folder."""
    words = "-".join(f"{key.rpartition('.')[2]}-{brief(value)}" for key, value in varied.items())
    return "-".join(filter(None, (str(number), slug(words, LONGEST - len(str(number)) - 1))))


def brief(value: str) -> str:
    """A number of many digits, such as a search proposes, with four of them; any other text as it is."""
    try:
        return f"{float(value):.4g}" if len(value) > _MOST_DIGITS else value
    except ValueError:
        return value


def parsed_of(composer: Composer, config: DictConfig) -> list[Override]:
    """What hydra.sweeper.params and the command line override, parsed. Raises ValueError in one line."""
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    with composer.in_one_line(()):
        parse(params, composer.options)  # whose mistakes are told in one line; what was typed has been parsed before
        parser = OverridesParser.create(config_loader=composer.loader)
        return parser.parse_overrides([*params, *typed_of(config, "task")])


def typed_of(config: DictConfig, kind: str) -> list[str]:
    """The overrides of a `kind` (task, hydra) as they were typed: ${...} in them is each job's own, not the sweep's."""
    return list(OmegaConf.to_container(config.hydra.overrides, resolve=False)[kind])  # type: ignore[index,call-overload]


def settings_of(composer: Composer, config: DictConfig) -> dict[str, Any]:
    """The value of every key of a composed configuration, but for what may be trusted."""
    return {key: value for key, value in leaves(composer.plain(config)) if key != "trust"}


def _without_interpolation(text: str, settings: Mapping[str, Any]) -> str:
    """The override with the value that its ${...} came to: one that a run's folder may keep and be resumed with."""
    head, _, value = text.partition("=")
    known = "${" in value.replace("\\", "") and head.lstrip("+") in settings
    return f"{head}={override_text(settings[head.lstrip('+')])}" if known else text


def _combinations(parsed: Sequence[Override]) -> Sequence[list[str]]:
    """What each job overrides. Raises ValueError where there is none, or are more than anyone waits for."""
    count = 1
    for override in filter(Override.is_sweep_override, last_of_each(parsed)):
        if override.is_interval_sweep():
            cure = "write choice(1,2), range(0,3,0.5) or values with commas between them"
            raise ValueError(f"{override.input_line}: an interval is for sweepers that search; {cure}")
        source = override.value()
        try:
            values = source.range() if isinstance(source, RangeSweep) else override.sweep_string_iterator()
            number = sum(1 for _ in islice(values, MOST_JOBS + 1))
        except (ValueError, ArithmeticError, HydraException) as error:
            raise ValueError(
                f"{override.input_line}: its values cannot be told ({type(error).__name__}); list them"
            ) from None
        if number == 0:
            raise ValueError(f"{override.input_line}: there is no such value, so that nothing is to be run; give some")
        count *= number
        if count > MOST_JOBS:
            raise ValueError(
                f"{override.input_line}: makes the sweep longer than {MOST_JOBS:,} runs; give fewer values"
            )
    return BasicSweeper.split_arguments(list(parsed), None)[0]


def name_of_sweep(jobs: Sequence[Job], tag: str) -> str:
    """`sweep-<what the jobs share of their names>[-tag]-<keys that are swept>`."""
    varied, *rest = jobs[0].varied, *(job.facts.names for job in jobs)
    shared = {group: name for group, name in rest[0].items() if all(names.get(group) == name for names in rest)}
    words = ["sweep", name_of(shared, tag), *(key.rpartition(".")[2] for key in varied)]
    return slug("-".join(filter(None, words)), LONGEST)


def key_of(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def last_of_each(parsed: Sequence[Override]) -> list[Override]:
    """The overrides as the sweeper keeps them: of those with one key the last, at the place of the first."""
    return list({override.get_key_element(): override for override in parsed}.values())
