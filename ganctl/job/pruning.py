"""Pruning: a run of a search reports its score at each evaluation, and ends where its trial has no prospects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pruning:
    """Who decides: a pruner's settings, the trial, its study and where that lies. Plain data: it goes to a process.

    `score` is the name of the score that is searched for; `storage` is that of the settings, for messages.
    """

    storage: str
    place: str
    study: str
    trial: int
    score: str
    pruner: dict[str, Any]

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Tells the study the score after `step` training steps, and says whether the run is to end.

        A step that was reported before, by a run that was cut off, is not reported again. Raises ValueError in one line
        where the study cannot be had.
        """
        import optuna

        from ganctl.job.samplers import pruner, quiet
        from ganctl.job.study import id_of, in_one_line, open_storage

        with quiet(), in_one_line(self.storage):
            storage = open_storage(self.place)
            study = optuna.load_study(study_name=self.study, storage=storage, pruner=pruner(self.pruner))
            place = id_of(storage, self.study, self.trial)
            trial = optuna.Trial(study, place)
            if storage.get_trial(place).state.is_finished():  # by a worker that took it for dead
                return False
            if step not in storage.get_trial(place).intermediate_values:
                trial.report(values[self.score], step)
            return trial.should_prune()
