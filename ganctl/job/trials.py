"""The trials of a search: which run comes next, and what a trial comes to once its runs have ended.

What is done stands in three places, written in this order: the trial in the study, its jobs in jobs.json, the result of
each in its folder. Whatever is cut off between two of them is taken up from the earlier one.
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from ganctl.evaluation.scores import mean
from ganctl.files import write_json
from ganctl.forms import number as finite
from ganctl.job.expansion import Job, brief, folder_of
from ganctl.job.pruning import Pruning
from ganctl.job.search_space import Value
from ganctl.job.study import Study, shown
from ganctl.job.sweep_job import REFUSED, RESULT, TAKEN_OVER, ends_trial
from ganctl.job.sweep_record import JobRecord, SweepRecord, record_of, result_without_run, write_record
from ganctl.record.wording import counted
from ganctl.report.files import read_summary

_CUT_OFF = ("interrupted", "killed")
_NO_MORE = object()

MakeJob = Callable[[int, Mapping[str, Value], int | None], Job]


@dataclass
class _Trial:
    """A trial's job numbers, one a seed; those that wait, those at work, and the results of those that have ended."""

    number: int
    jobs: list[int]
    waiting: list[Job] = field(default_factory=list)
    at_work: set[int] = field(default_factory=set)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return len(self.results) == len(self.jobs) or any(map(ends_trial, self.results.values()))


class Trials:
    """The jobs of a search, one by one: None says that the next waits for one at work.

    `record` is what jobs.json holds, `results` those of the jobs that have ended, and `jobs` the others that are to be
    run. `make_job` gives the job of a number, of a trial's values, and of a seed or None, or raises ValueError.
    """

    def __init__(
        self,
        study: Study,
        folder: Path,
        record: SweepRecord,
        make_job: MakeJob,
        results: list[dict[str, Any]],
        jobs: Sequence[Job] = (),
    ) -> None:
        self.study, self.settings, self.folder, self.record = study, study.settings, folder, record
        self.make_job, self.results = make_job, results
        self.seeds: list[int | None] = [*self.settings.seeds] or [None]
        self.number = self.settings.n_trials * len(self.seeds)
        self._trials: dict[int, _Trial] = {}
        self._take_up({result["job"]: result for result in results}, {job.number: job for job in jobs})

    def __iter__(self) -> Iterator[Job | None]:
        while (job := self._next()) is not _NO_MORE:
            assert job is None or isinstance(job, Job)
            yield job

    def ended(self, result: dict[str, Any]) -> None:
        """Takes the result of a job that was given out."""
        self.results.append(result)
        trial = next(trial for trial in self._trials.values() if result["job"] in trial.jobs)
        trial.at_work.discard(result["job"])
        if result["status"] not in _CUT_OFF:
            trial.results[result["job"]] = result
        self._tell_if_over(trial)

    def alive(self) -> AbstractContextManager[None]:
        """Inside, other workers of the study see that these trials are at work."""
        return self.study.alive()

    def number_left_out(self) -> int:
        """Runs of seeds that are not made, because another seed has ended their trial."""
        return sum(len(self.seeds) - len(trial.results) for trial in self._trials.values() if trial.is_over)

    def described(self) -> str:
        """What is searched for, and how much of it is done."""
        over = sum(trial.is_over for trial in self._trials.values())
        seeds = f", {counted(len(self.seeds), 'seed')} each" if len(self.seeds) > 1 else ""
        done = f", of which {over} have ended" if over else ""
        scores = " and ".join(self.settings.scores)
        return f"search of {counted(self.settings.n_trials, 'trial')}{seeds}{done}, for the best {scores}"

    def show(self) -> None:
        """Prints the best trials, and how to look at all."""
        with self.study.in_one_line():
            best = self.study.study.best_trials
        several = len(self.settings.scores) > 1
        for trial in best if several else best[:1]:
            scores = zip(self.settings.scores, trial.values, strict=True)
            values = ", ".join(f"{name} {value:.5g}" for name, value in scores)
            params = " ".join(f"{key}={brief(str(value))}" for key, value in trial.params.items())
            what = "no other is better in every score than" if several else "the best is"
            jobs = " and ".join(row.folder for row in self.record.jobs if row.trial == trial.number)
            print(f"{what} trial {trial.number}: {values}; {params}; {f'in {jobs}' if jobs else 'of another worker'}")
        place = shown(self.study.place)
        print(f"the study {self.study.name} is in {place}: optuna-dashboard shows it")

    def _next(self) -> Job | object | None:
        for trial in self._trials.values():
            if (job := self._ready(trial)) is not None:
                trial.at_work.add(job.number)
                return self._with_pruning(job, trial)
        while len(self._trials) < self.settings.n_trials:
            trial = self._add(*self.study.ask())
            if trial.waiting:
                return self._next()
        return None if any(trial.waiting and trial.at_work for trial in self._trials.values()) else _NO_MORE

    def _ready(self, trial: _Trial) -> Job | None:
        """A run of the trial that may begin: with a pruner the first seed decides whether there are others."""
        if not trial.waiting:
            return None
        first = trial.jobs[0]
        if self.settings.pruner and trial.waiting[0].number != first and first not in trial.results:
            return None
        return trial.waiting.pop(0)

    def _with_pruning(self, job: Job, trial: _Trial) -> Job:
        if not self.settings.pruner or job.number != trial.jobs[0]:
            return job
        score, storage = self.settings.scores[0], shown(self.settings.storage)
        return replace(
            job,
            pruning=Pruning(storage, self.study.place, self.study.name, trial.number, score, self.settings.pruner),
        )

    def _add(self, number: int, values: Mapping[str, Value]) -> _Trial:
        """Writes down the jobs of a trial; of one whose values do not fit together, the reason is the result."""
        first = len(self.record.jobs) + 1
        error = None
        try:
            jobs = [self.make_job(first + place, values, seed) for place, seed in enumerate(self.seeds)]
            rows = [record_of(job, number) for job in jobs]
        except ValueError as reason:
            jobs, error = [], str(reason)
            texts = [dimension.override(values[dimension.key]) for dimension in self.study.space]
            varied = dict(text.lstrip("+").split("=", 1) for text in texts)
            rows = [JobRecord(first, folder_of(first, varied), texts, varied, {}, number)]
        self.record = replace(self.record, jobs=[*self.record.jobs, *rows])
        write_record(self.folder, self.record)
        trial = _Trial(number, [row.number for row in rows], jobs)
        self._trials[number] = trial
        if error is not None:
            name = " ".join(f"{key}={value}" for key, value in rows[0].varied.items())
            print(f"job {first} of {self.number} ({name}) refused: {error}", file=sys.stderr, flush=True)
            self._end_without_run(trial, REFUSED, error)
        return trial

    def _end_without_run(self, trial: _Trial, status: str, reason: str) -> None:
        """Writes the result of the trial's first job that has none, and is not to be run."""
        row = self.record.jobs[next(job for job in trial.jobs if job not in trial.results) - 1]
        place = self.folder / row.folder
        result = result_without_run(row, place.absolute(), status, reason, is_failed=status == REFUSED)
        write_json(place / RESULT, result)
        trial.waiting.clear()
        self.ended(result)

    def _tell_if_over(self, trial: _Trial) -> None:
        if not trial.is_over:
            return
        trial.waiting.clear()
        if trial.at_work:
            return
        results = list(trial.results.values())
        if any(result["failed"] for result in results):
            self.study.tell(trial.number, TrialState.FAIL)
        elif any(result["status"] == "pruned" for result in results):
            self.study.tell(trial.number, TrialState.PRUNED)
        elif not any(map(ends_trial, results)):
            self._tell_scores(trial)

    def _tell_scores(self, trial: _Trial) -> None:
        summaries = [read_summary(self.folder / self.record.jobs[job - 1].folder) for job in trial.jobs]
        names = self.settings.scores
        values = [mean([_score(summary, name) for summary in summaries]) for name in names]
        if all(map(math.isfinite, values)):
            self.study.tell(trial.number, TrialState.COMPLETE, values)
            return
        lacking = " and ".join(name for name, value in zip(names, values, strict=True) if not math.isfinite(value))
        print(f"trial {trial.number} has failed: its runs have no finite {lacking}", file=sys.stderr, flush=True)
        self.study.tell(trial.number, TrialState.FAIL)

    def _take_up(self, results: Mapping[int, dict[str, Any]], jobs: Mapping[int, Job]) -> None:
        """The trials that jobs.json lists as they are now, and those that were asked for and not yet listed."""
        rows: dict[int, list[int]] = {}
        for row in self.record.jobs:
            rows.setdefault(-1 if row.trial is None else row.trial, []).append(row.number)
        there = self.study.trials() if rows else []
        for number, numbers in rows.items():
            if not 0 <= number < len(there):
                raise ValueError(f"{self.folder}: jobs.json lists trial {number}, which its study does not have")
            ended = {job: results[job] for job in numbers if job in results}
            trial = _Trial(number, numbers, [jobs[job] for job in numbers if job in jobs], results=ended)
            self._trials[number] = trial
            self._tell_if_over(trial)
            if trial.waiting and there[number].state == TrialState.FAIL:
                self._renew(trial)
        for number, values in list(self.study.unlisted(list(self._trials))):
            self._add(number, values)

    def _renew(self, trial: _Trial) -> None:
        """Gives a trial that failed, and is to be tried again, a new number in the study."""
        number = self.study.renew(trial.number)
        if number is None:
            self._end_without_run(trial, TAKEN_OVER, "another worker of the study has tried it again")
            return
        jobs = [replace(row, trial=number) if row.number in trial.jobs else row for row in self.record.jobs]
        self.record = replace(self.record, jobs=jobs)
        write_record(self.folder, self.record)
        del self._trials[trial.number]
        trial.number = number
        self._trials[number] = trial


def _score(summary: Mapping[str, Any], name: str) -> float:
    """A run's last value of a score; NaN where it has none."""
    value = finite((summary.get("scores") or {}).get(name))
    return math.nan if value is None else float(value)
