"""The types that every part obeys: what a batch, a task, a game, a loss, a regularizer, an extractor, a metric are.

Protocols, not base classes: a class of one's own satisfies them without importing ganctl. Nothing here needs torch at
run time, so that data sets and the validation of a configuration can be imported in milliseconds.
"""

from __future__ import annotations

from ganctl.contract.argument import ArgumentError
from ganctl.contract.data import ALONE, Batch, Dataset, DataSpec, ImageStore, Plain, Progress, World
from ganctl.contract.game import Critic, Discriminator, Generator, Given, Placing, Sample, Sourced, Task, Verdict
from ganctl.contract.judging import Direction, FeatureExtractor, FeatureSet, Kind, Metric, Score, TrainedOnData
from ganctl.contract.tracking import TrackedRun, Tracker
from ganctl.contract.training import (
    AdversarialLoss,
    Burning,
    CriticPenalty,
    CyclePenalty,
    DiscriminatorPenalty,
    Gauge,
    GeneratorPenalty,
    Memory,
    MomentScheduler,
    Observer,
    Perturbation,
    Regularizer,
    Scheduler,
    Selection,
    WeightConstraint,
    WeightPenalty,
)

__all__ = [
    "ALONE",
    "AdversarialLoss",
    "ArgumentError",
    "Batch",
    "Burning",
    "Critic",
    "CriticPenalty",
    "CyclePenalty",
    "DataSpec",
    "Dataset",
    "Direction",
    "Discriminator",
    "DiscriminatorPenalty",
    "FeatureExtractor",
    "FeatureSet",
    "Gauge",
    "Generator",
    "GeneratorPenalty",
    "Given",
    "ImageStore",
    "Kind",
    "Memory",
    "Metric",
    "MomentScheduler",
    "Observer",
    "Perturbation",
    "Placing",
    "Plain",
    "Progress",
    "Regularizer",
    "Sample",
    "Scheduler",
    "Score",
    "Selection",
    "Sourced",
    "Task",
    "TrackedRun",
    "Tracker",
    "TrainedOnData",
    "Verdict",
    "WeightConstraint",
    "WeightPenalty",
    "World",
]
