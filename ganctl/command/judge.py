"""The judge of a run: one feature extractor, its metrics, and the real side of every comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig
from torch import Tensor

from ganctl import build
from ganctl.contract import DataSpec, FeatureExtractor, ImageStore, Progress, ScoreSet
from ganctl.dataset.store import cache_folder
from ganctl.evaluation.evaluate import evaluate
from ganctl.evaluation.ranking import frechet_name, lower_is_better
from ganctl.evaluation.real import real_features
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
        self.extractor.check(spec)
        self.metrics = build.metrics(config)
        self.score: str = config.stop.score or frechet_name(self.extractor.name)
        lower_is_better(self.score)

    def evaluate(self, generate: Generate, store: ImageStore, num_images: int, seed: int, weights: str = "ema") -> ScoreSet:
        """Scores `num_images` of `generate` against evaluation.num_real images of `store`."""
        evaluation = self.config.evaluation
        if evaluation.num_real is not None and evaluation.num_real > len(store.images):
            available = len(store.images)
            raise ValueError(f"evaluation.num_real={evaluation.num_real}: there are {available} images; try null for all")
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
            weights=weights,
            seed=seed,
            progress=self.progress,
        )


def feature_cache(config: DictConfig) -> Path:
    """The folder of real features, beside the packed data sets."""
    return cache_folder(config.dataset.get("cache")) / "features"
