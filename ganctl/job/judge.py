"""The judge of a run: one feature extractor, its metrics, and the real side of every comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from ganctl import build
from ganctl.configuration.keys import choice_of
from ganctl.contract import DataSpec, FeatureExtractor, FeatureSet, ImageStore, Progress, ScoreSet, TrainedOnData
from ganctl.dataset.store import cache_folder
from ganctl.evaluation.evaluate import evaluate, lacking
from ganctl.evaluation.ranking import can_judge, frechet_name, lower_is_better
from ganctl.evaluation.real import real_features
from ganctl.evaluation.statistics import FeatureStatistics, as_pixels
from ganctl.training.device import Device

Generate = Callable[[int, int], Tensor]


class Judge:
    """Scores samples against a store. Building it fails in one line where the extractor's weights cannot be had."""

    def __init__(
        self,
        config: DictConfig,
        spec: DataSpec,
        device: Device,
        progress: Progress,
        extractor: FeatureExtractor | None = None,
    ) -> None:
        self.config, self.progress = config, progress
        self.extractor: FeatureExtractor = extractor or build.extractor(config, device)
        with choice_of("feature", self.extractor.name):
            self.extractor.check(spec)
        self.metrics = build.metrics(config)
        self.score: str = config.stop.score or frechet_name(self.extractor.name)
        lower_is_better(self.score)

    def check_score(self, spec: DataSpec) -> None:
        """Raises ValueError unless the metrics give the score that judges the run, tried on made-up features."""
        real, names, refusals = self._made_up(spec), [], []
        generated = real if self.config.conditional else replace(real, labels=None)
        for metric in self.metrics.values():
            if not lacking(metric, generated, real):
                try:
                    names += metric(generated, real)
                except ValueError as error:  # it would be left out
                    refusals.append(error)
            if self.score in names:
                return
        if refusals:
            raise refusals[0]
        known = ", ".join(name for name in names if can_judge(name))
        cure = f"choose from {known}" if known else "try metric=[frechet]"
        raise ValueError(f"stop.score={self.score}: none of the chosen metrics gives it; {cure}")

    def _made_up(self, spec: DataSpec) -> FeatureSet:
        """Random features and logits of the sizes that the extractor gives, for as many images as will be judged."""
        count = min(1000, self.config.evaluation.num_images)
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand(2, *spec.image_shape, generator=generator) * 2 - 1
        sizes = [each.shape[1] for each in self.extractor(noise)]
        statistics = FeatureStatistics(self.extractor.name)
        features, logits = (torch.randn(count, size, generator=generator) for size in sizes)
        statistics.add(features, logits, as_pixels(noise).repeat(count // 2 + 1, 1, 1, 1)[:count])
        return statistics.result(labels=logits.argmax(dim=1) if logits.shape[1] else torch.zeros(count).long())

    def check_store(self, store: ImageStore) -> None:
        """Raises ValueError where more real images are asked for than there are."""
        wanted, available = self.config.evaluation.num_real, len(store.images)
        if wanted is not None and wanted > available:
            raise ValueError(f"evaluation.num_real={wanted}: there are {available} images; try null for all")

    def prepare(self, store: ImageStore) -> None:
        """Lets an extractor that learns from the run's own (training) images do so, or find that it has before."""
        if isinstance(self.extractor, TrainedOnData):
            with choice_of("feature", self.extractor.name):
                self.extractor.prepare(store, cache=feature_cache(self.config), progress=self.progress)

    def evaluate(
        self,
        generate: Generate,
        store: ImageStore,
        num_images: int,
        seed: int,
        weights: str = "ema",
        labels: Tensor | None = None,
        look: Callable[[FeatureSet, FeatureSet], None] | None = None,
    ) -> ScoreSet:
        """Scores `num_images` of `generate`, of the classes `labels`, against evaluation.num_real images of `store`."""
        evaluation = self.config.evaluation
        self.check_store(store)
        real = real_features(
            store,
            self.extractor,
            num_images=evaluation.num_real,
            batch_size=evaluation.batch_size,
            cache=feature_cache(self.config),
            progress=self.progress,
        )
        return evaluate(
            generate,
            self.extractor,
            self.metrics,
            real,
            num_images=num_images,
            batch_size=evaluation.batch_size,
            labels=labels,
            weights=weights,
            seed=seed,
            progress=self.progress,
            look=look,
        )


def feature_cache(config: DictConfig) -> Path:
    """The folder of real features, beside the packed data sets."""
    return cache_folder(config.dataset.get("cache")) / "features"
