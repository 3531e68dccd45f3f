"""The study of a search: trials asked of Optuna and told it, in a storage that outlives any process.

A trial belongs to one sweep, by its attribute `sweep`. While the sweep's process lives it gives signs of life for its
trials in a database; another worker of the same study tries those again whose worker has died.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import DuplicatedStudyError, OptunaError
from optuna.storages import BaseStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from ganctl.configuration.names import one_line
from ganctl.job.samplers import is_grid, pruner, quiet, sampler
from ganctl.job.search_settings import FILES, SearchSettings
from ganctl.job.search_space import Dimension, Value

OWNER = "sweep"  # attribute of a trial
_RETRIES, _FIRST = "retry_history", "failed_trial"  # attributes of a trial that is tried again, as Optuna names them
_PATIENCE = 60  # seconds that a writer waits for others of a SQLite file


def storage_of(settings: SearchSettings, folder: Path) -> str:
    """Where the study of the sweep in `folder` lies: a database's URL, or the path of a journal file."""
    own = FILES.get(settings.storage)
    if own is None:
        return settings.storage
    path = str(folder.absolute() / own)
    return path if settings.storage == "journal" else f"sqlite:///{path}"


def open_storage(place: str, heartbeat: int | None = None, max_retry: int = 0) -> BaseStorage:
    """Opens it. `heartbeat`: seconds between signs of life, for a database; None = none are given."""
    if "://" not in place:
        return JournalStorage(JournalFileBackend(place))
    waiting = {"connect_args": {"timeout": _PATIENCE}} if place.startswith("sqlite") else None
    retry = RetryHeartbeatStaleTrialCallback(max_retry) if heartbeat and max_retry else None
    return RDBStorage(
        place,
        engine_kwargs=waiting,
        heartbeat_interval=heartbeat,
        grace_period=heartbeat and 3 * heartbeat,
        heartbeat_stale_trial_callback=retry,
    )


def id_of(storage: BaseStorage, study: str, number: int) -> int:
    """By what the storage knows trial `number` of `study`. Raises KeyError where there is none."""
    return storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(study), number)


class Study:
    """The study of the sweep that `owner` names, in `folder`. Raises ValueError in one line where it cannot be had.

    A new one is made with the settings' directions, or one of that name joined where others made it; with `is_there`
    it must be there.
    """

    def __init__(
        self, settings: SearchSettings, space: Sequence[Dimension], folder: Path, owner: str, *, is_there: bool
    ) -> None:
        self.settings, self.space, self.owner = settings, space, owner
        self.place, self.name = storage_of(settings, folder), settings.study_name
        if is_there and settings.storage in FILES and not (folder / FILES[settings.storage]).is_file():
            raise ValueError(f"{folder / FILES[settings.storage]}: the study of the sweep is not there; start another")
        with self.in_one_line():
            self.storage = open_storage(self.place, settings.heartbeat, settings.max_retry)
            try:
                if is_there:
                    self.study = optuna.load_study(study_name=self.name, storage=self.storage)
                else:
                    self.study = self._made()
            except KeyError:
                raise ValueError(f"hydra.sweeper.study_name={self.name}: no such study in {self.place}") from None
            self.study.pruner = pruner(settings.pruner)

    def ask(self) -> tuple[int, dict[str, Value]]:
        """A new trial: its number and its values."""
        with self.in_one_line():
            if isinstance(self.storage, RDBStorage):
                self._beat(self.storage)  # first: a machine that has slept finds its own trials silent
                optuna.storages.fail_stale_trials(self.study)
            return self._complete(self.study.ask())

    def unlisted(self, listed: Sequence[int]) -> Iterator[tuple[int, dict[str, Value]]]:
        """Trials of this sweep that were asked for and not `listed` before it was killed."""
        with self.in_one_line():
            for trial in self.trials():
                owner = trial.user_attrs.get(OWNER, self.owner if self.settings.storage in FILES else None)
                if trial.state == TrialState.RUNNING and owner == self.owner and trial.number not in listed:
                    yield self._complete(self.trial(trial.number))

    def tell(self, number: int, state: TrialState, values: Sequence[float] | None = None) -> None:
        """Ends a trial that is running; one that has ended stays as it is."""
        with self.in_one_line():
            self.study.sampler = sampler(self.settings.sampler, self.space, number)
            if self.trials()[number].state != TrialState.RUNNING:
                return
            try:
                self.study.tell(number, values and list(values), state=state)
            except RuntimeError:  # the grid's last point, told: it wants to end a loop of Optuna's that there is not
                if not is_grid(self.settings.sampler):
                    raise

    def renew(self, number: int) -> int | None:
        """A running trial with the values of one that has failed; None where another worker has taken it over."""
        with self.in_one_line():
            old = self.trials()[number]
            for trial in self.trials():
                if number not in trial.system_attrs.get(_RETRIES, ()) or trial.state == TrialState.FAIL:
                    continue
                waits = trial.state == TrialState.WAITING
                if waits and self.storage.set_trial_state_values(self._id(trial.number), TrialState.RUNNING):
                    self.storage.set_trial_user_attr(self._id(trial.number), OWNER, self.owner)
                    return trial.number
                is_ours = trial.user_attrs.get(OWNER) == self.owner and trial.state == TrialState.RUNNING
                return trial.number if is_ours else None
            return self._again(old)

    def trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def trial(self, number: int) -> Trial:
        """The trial as one to ask for values, or to report to. Raises ValueError where there is none."""
        return Trial(self.study, self._id(number))

    def _id(self, number: int) -> int:
        return id_of(self.storage, self.name, number)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Inside, the trials of this sweep that are running give signs of life."""
        done = threading.Event()
        storage = self.storage
        thread = None
        if isinstance(storage, RDBStorage):
            self._beat(storage)
            thread = threading.Thread(target=self._beat_until, args=(storage, done), daemon=True)
            thread.start()
        try:
            yield
        finally:
            done.set()
            if thread:
                thread.join()

    def _beat_until(self, storage: RDBStorage, done: threading.Event) -> None:
        while not done.wait(self.settings.heartbeat):
            with suppress(SQLAlchemyError, OptunaError):  # the next one may succeed
                self._beat(storage)

    def _beat(self, storage: RDBStorage) -> None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(OWNER) == self.owner:
                storage.record_heartbeat(self._id(trial.number))

    def _made(self) -> optuna.Study:
        directions: Any = self.settings.directions
        try:
            return optuna.create_study(study_name=self.name, storage=self.storage, directions=directions)
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=self.name, storage=self.storage)
        there = [direction.name.lower() for direction in study.directions]
        if there != directions:
            need = f"the study that is there wants to {' and '.join(there)}, this sweep to {' and '.join(directions)}"
            raise ValueError(f"hydra.sweeper.study_name={self.name}: {need}; choose another name")
        return study

    def _complete(self, trial: Trial) -> tuple[int, dict[str, Value]]:
        """The trial with a value for every dimension, those kept that it has already."""
        trial.set_user_attr(OWNER, self.owner)
        self.study.sampler = sampler(self.settings.sampler, self.space, trial.number)
        trial = self.trial(trial.number)  # once more, with the sampler that is its own
        if isinstance(self.storage, RDBStorage):
            self.storage.record_heartbeat(self._id(trial.number))
        return trial.number, {dimension.key: _suggested(trial, dimension) for dimension in self.space}

    def _again(self, old: FrozenTrial) -> int:
        history = [*old.system_attrs.get(_RETRIES, ()), old.number]
        marks = {**old.system_attrs, _FIRST: history[0], _RETRIES: history}
        again = create_trial(
            state=TrialState.RUNNING,
            params=old.params,
            distributions=old.distributions,
            user_attrs={**old.user_attrs, OWNER: self.owner},
            system_attrs=marks,
        )
        study = self.storage.get_study_id_from_name(self.name)
        return self.storage.get_trial(self.storage.create_new_trial(study, again)).number

    @contextmanager
    def in_one_line(self) -> Iterator[None]:
        """Inside, Optuna says nothing of itself, and what the storage cannot do is a ValueError of one line."""
        with quiet(), in_one_line(self.settings.storage):
            yield


def _suggested(trial: Trial, dimension: Dimension) -> Any:
    key, values = dimension.key, dimension.distribution
    if isinstance(values, CategoricalDistribution):
        return trial.suggest_categorical(key, values.choices)
    if isinstance(values, IntDistribution):
        return trial.suggest_int(key, values.low, values.high, step=values.step, log=values.log)
    assert isinstance(values, FloatDistribution)
    return trial.suggest_float(key, values.low, values.high, step=values.step, log=values.log)


@contextmanager
def in_one_line(storage: str) -> Iterator[None]:
    """Inside, what a storage cannot do is a ValueError of one line."""
    try:
        yield
    except (SQLAlchemyError, OptunaError, ImportError) as error:
        cause = error.__cause__ or error
        raise ValueError(f"hydra.sweeper.storage={shown(storage)}: cannot be used ({one_line(cause)})") from None


def shown(storage: str) -> str:
    """A URL without the password in it."""
    head, sign, tail = storage.rpartition("@")
    return f"{head.partition('://')[0]}://...@{tail}" if sign else storage
