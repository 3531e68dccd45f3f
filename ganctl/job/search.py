"""`ganctl train -m hydra/sweeper=optuna`: a sweep whose jobs a study proposes, one after the other's scores.

Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework", arXiv:1907.10902.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from ganctl.compose import Composer
from ganctl.configuration.names import value_text
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.hydra_job import checked_config
from ganctl.invocation.resume import merge
from ganctl.job.directions import directions_of
from ganctl.job.expansion import Job, composed_job, last_of_each, name_of_sweep, parsed_of
from ganctl.job.samplers import PREFIX
from ganctl.job.search_settings import SearchSettings, read_settings, settings_from_plain
from ganctl.job.search_space import Dimension, Value, read_space
from ganctl.job.side_by_side import MOST
from ganctl.job.signals import StopSignals
from ganctl.job.study import Study
from ganctl.job.sweep import ONE_BY_ONE, Sweep, for_jobs, hydra_overrides, in_new_folder, jobs_at_once, threads_each
from ganctl.job.sweep_record import SweepRecord, write_record
from ganctl.job.trials import Trials

SEED = "seed"


@dataclass(frozen=True)
class Plan:
    """How a trial becomes a job: what all have, what is varied, and the cores that each gets."""

    composer: Composer
    fixed: Sequence[str]
    space: Sequence[Dimension]
    hydra: Sequence[str]
    threads: int | None

    def job(self, number: int, values: Mapping[str, Value], seed: int | None) -> Job:
        """Job `number`, of a trial's values. Raises ValueError in one line where they do not fit."""
        texts = [dimension.override(values[dimension.key]) for dimension in self.space]
        varied = {dimension.key: text.partition("=")[2] for dimension, text in zip(self.space, texts, strict=True)}
        if seed is not None:
            texts, varied = [*texts, f"{SEED}={seed}"], {**varied, SEED: str(seed)}
        return composed_job(self.composer, number, [*self.fixed, *texts], varied, self.hydra, self.threads)

    def samples(self, seed: int | None) -> Iterator[Job]:
        """Jobs that between them have every value of a choice and both ends of an interval."""
        first = {dimension.key: dimension.examples()[0] for dimension in self.space}
        points = [first]
        for dimension in self.space:
            points += [{**first, dimension.key: value} for value in dimension.examples()[1:]]
        for values in points:
            try:
                yield self.job(1, values, seed)
            except ValueError as error:
                tried = " ".join(dimension.override(values[dimension.key]) for dimension in self.space)
                raise ValueError(f"{error} (tried at the edges of the space: {tried}; none was started)") from None


def search(composer: Composer, arguments: Arguments, config: DictConfig, signals: StopSignals) -> int:
    """Checks the space from end to end, then runs the trials. Returns the exit code as `sweep` does.

    Raises ValueError in one line for what is wrong, before anything is made.
    """
    parsed = last_of_each(parsed_of(composer, config))
    space = read_space(parsed)
    with composer.in_one_line(()):
        settings = read_settings(config.hydra.sweeper, space)
    at_once = _at_once(config, settings)
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    _check_fixed(fixed, settings)
    plan = Plan(composer, fixed, space, hydra_overrides(config), threads_each(at_once))
    samples = []
    for job in plan.samples(settings.seeds[0] if settings.seeds else None):
        signals.raise_if_received()
        samples.append(job)
    settings = _with_directions(settings, composer, samples[0])

    def begin(folder: Path) -> Sweep:
        owner, own = secrets.token_hex(8), replace(settings, study_name=settings.study_name or folder.absolute().name)
        typed = [text for text in fixed if not text.startswith("trust=")]
        about = {"id": owner, "settings": own.to_plain(), "fixed": typed, "space": [each.text for each in space]}
        record = SweepRecord([], at_once, arguments.config_dir, about)
        study = Study(own, space, folder, owner, is_there=False)
        write_record(folder, record)
        trials = Trials(study, folder, record, plan.job, [])
        trust = [text for text in fixed if text.startswith("trust=")]
        return _sweep(folder, trials, for_jobs(arguments, plan.hydra), at_once, trust)

    return in_new_folder(config, name_of_sweep(samples, config.tag), [], begin, signals)


def resumed(
    composer: Composer,
    arguments: Arguments,
    folder: Path,
    record: SweepRecord,
    jobs: Sequence[Job],
    results: list[dict[str, Any]],
    at_once: int | None,
    trust: Sequence[str],
    n_trials: int | None,
) -> Sweep:
    """The search in `folder` as it goes on: `jobs` are those to be run of the trials that it has.

    Raises ValueError in one line for a record that is damaged, and for a study that is gone.
    """
    about = record.search or {}
    try:
        owner, fixed, texts = str(about["id"]), list(about["fixed"]), list(about["space"])
        settings = settings_from_plain(about["settings"])
    except (KeyError, TypeError):
        raise ValueError(f"{folder}: jobs.json is damaged; the runs can still be resumed one by one") from None
    if n_trials is not None:
        settings = replace(settings, n_trials=n_trials)
        record = replace(record, search={**about, "settings": settings.to_plain()})
    texts = merge(texts, [])  # what stands in a folder is data: refused where it could run code
    with composer.in_one_line(()):
        space = read_space(OverridesParser.create(config_loader=composer.loader).parse_overrides(texts))
    plan = Plan(composer, merge(fixed, trust), space, [], threads_each(at_once))
    study = Study(settings, space, folder, owner, is_there=True)
    trials = Trials(study, folder, record, plan.job, results, jobs)
    return _sweep(folder, trials, for_jobs(arguments, []), at_once, trust)


def _sweep(folder: Path, trials: Trials, arguments: Arguments, at_once: int | None, trust: Sequence[str]) -> Sweep:
    return Sweep(folder, trials, trials.number, trials.results, arguments, at_once, trust, trials=trials)


def _at_once(config: DictConfig, settings: SearchSettings) -> int | None:
    """As many runs side by side as the launcher says, or else `n_jobs`."""
    by_launcher, number = jobs_at_once(config), settings.n_jobs
    launcher = config.hydra.runtime.choices["hydra/launcher"]
    if launcher not in ("basic", "local"):
        raise ValueError(f"hydra/launcher={launcher}: {ONE_BY_ONE}")
    if number > MOST:
        raise ValueError(f"{PREFIX}n_jobs={number}: must be in [1, {MOST}]")
    if by_launcher and number > 1 and by_launcher != number:
        raise ValueError(f"{PREFIX}n_jobs={number}: the launcher runs {by_launcher} at once; leave out one of them")
    return by_launcher or (number if number > 1 else None)


def _check_fixed(fixed: Sequence[str], settings: SearchSettings) -> None:
    for text in fixed:
        if "${" in text:
            need = "what a search is to go on with stands in its folder, from where no ${...} is taken; write the value"
            raise ValueError(f"{text}: {need}")
        if settings.seeds and text.partition("=")[0].lstrip("+") == SEED:
            raise ValueError(f"{text}: the seeds are those of {PREFIX}seeds; leave one of them out")


def _with_directions(settings: SearchSettings, composer: Composer, sample: Job) -> SearchSettings:
    """The settings with the scores by name, and which way each is better."""
    config = checked_config(composer, sample.overrides)
    if settings.pruner:
        every, steps = config.output.evaluate_every, config.training.steps
        if every is None or (steps is not None and every >= steps):
            need = "a run is pruned at an evaluation before its end, and there is none"
            raise ValueError(f"output.evaluate_every={value_text(every)}: {need}; take a smaller number")
    known = directions_of(config, settings.scores, f"{PREFIX}score")
    for (name, direction), given in zip(known.items(), settings.directions, strict=False):
        if given != direction:
            raise ValueError(f"{PREFIX}direction={given}: {name} is better to {direction}; leave it out, it is known")
    return replace(settings, scores=list(known), directions=list(known.values()))
