"""The judge of a run: one feature extractor, its metrics, and the real side of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ganctl.contract import (
    ArgumentError,
    DataSpec,
    FeatureExtractor,
    FeatureSet,
    ImageStore,
    Metric,
    Progress,
    Score,
    TrainedOnData,
)
from ganctl.evaluation.evaluate import declarations, evaluate, lacking, tunables_of
from ganctl.evaluation.real import real_features
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics import Generate
from ganctl.metric.frechet import FrechetDistance


@dataclass(frozen=True)
class Judge:
    """Scores samples against `num_real` images of a store (None: all), whose features are kept in the folder `cache`.

    `score` names the score that a run is judged by; None = the extractor's Frechet distance.
    """

    extractor: FeatureExtractor
    metrics: Mapping[str, Metric]
    score: str | None = None
    num_real: int | None = None
    batch_size: int = 250
    cache: Path | None = None
    progress: Progress | None = None

    def check(self, spec: DataSpec, *, conditional: bool, num_images: int) -> Score:
        """The score that judges runs on images of `spec`, of which `num_images` are drawn, of asked classes or not.

        Raises ValueError for images that the extractor cannot judge, and where no metric will give that score.
        """
        self.extractor.check(spec)
        name, num_classes = self.extractor.name, getattr(self.extractor, "num_classes", 0)
        wanted = self.score or FrechetDistance().declare(name, num_classes)[0].name
        kept = {f"{side}.{what}" for side in ("generated", "real") for what in ("features", "images")}
        kept |= {"generated.logits", "real.logits"} if num_classes else set()
        kept |= {"real.labels"} if spec.num_classes is not None else set()
        kept |= {"generated.labels"} if conditional else set()
        declared: dict[str, Score] = {}
        for key, metric in self.metrics.items():
            if lacking(metric, kept, name):
                continue
            scores = {score.name: score for score in declarations(metric, name, num_classes)}
            if wanted in scores and hasattr(metric, "check_count"):
                with tunables_of(key, metric):
                    metric.check_count(num_images, self.num_real)  # type: ignore[attr-defined]
            declared |= scores
        choices = [score.name for score in declared.values() if score.direction]
        if wanted in choices:
            return declared[wanted]
        need = "has no better and worse" if wanted in declared else "none of the chosen metrics gives it"
        cure = f"choose from {', '.join(choices)}" if choices else "try metric=[frechet]"
        raise ArgumentError("score", wanted, f"{need}; {cure}")

    def check_store(self, store: ImageStore) -> None:
        """Raises ArgumentError where more real images are asked for than there are."""
        if self.num_real is not None and self.num_real > len(store.images):
            raise ArgumentError("num_real", self.num_real, f"there are {len(store.images)} images", "null")

    def prepare(self, store: ImageStore) -> None:
        """Lets an extractor that learns from the run's own (training) images do so, or find that it has before."""
        if isinstance(self.extractor, TrainedOnData):
            self.extractor.prepare(store, cache=self.cache, progress=self.progress)

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
        """Scores `num_images` of `generate`, of the classes `labels`, against the real images of `store`."""
        self.check_store(store)
        real = real_features(
            store,
            self.extractor,
            num_images=self.num_real,
            batch_size=self.batch_size,
            cache=self.cache,
            progress=self.progress,
        )
        return evaluate(
            generate,
            self.extractor,
            self.metrics,
            real,
            num_images=num_images,
            batch_size=self.batch_size,
            labels=labels,
            weights=weights,
            seed=seed,
            progress=self.progress,
            look=look,
        )
