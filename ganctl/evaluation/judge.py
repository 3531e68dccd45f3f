"""The judge of a run: one feature extractor, its metrics, and the real side of every comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy
import torch
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
from ganctl.evaluation.evaluate import cuda_devices, declarations, lacking, protocol_of, score, tunables_of
from ganctl.evaluation.real import RealFeatures, real_features
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics import Generate, Judged, Spread, extract, judged, one_by_one
from ganctl.metric.frechet import FrechetDistance
from ganctl.pretrained import LITE2


@dataclass(frozen=True)
class Judge:
    """Scores samples against `num_real` images of a store (None: all), whose features are kept in the folder `cache`.

    `score` names the score that a run is judged by; None = the extractor's Frechet distance. `pupil` names the part of
    the run that learns from the extractor's network, which then judges nothing: its scores are shown and never rank.
    """

    extractor: FeatureExtractor
    metrics: Mapping[str, Metric]
    score: str | None = None
    num_real: int | None = None
    batch_size: int = 250
    cache: Path | None = None
    progress: Progress | None = None
    pupil: str | None = None

    def check(self, spec: DataSpec, *, conditional: bool, num_images: int, pairs: bool = False) -> Score:
        """The score that judges runs on images of `spec`, of which `num_images` are drawn, of asked classes or not.

        With `pairs` each belongs to a real image.

        Raises ValueError for images that the extractor cannot judge, and where no metric will give that score.
        """
        self.extractor.check(spec)
        if self.pupil:
            other = "efficientnet" if getattr(self.extractor, "pretrained", "") == LITE2.name else "efficientnet_lite2"
            cure = f"add feature={other}, feature=digits for digits, or feature=inception where its weights are"
            raise ValueError(f"is what {self.pupil} learns from, and so cannot judge this run; {cure}")
        name, num_classes = self.extractor.name, getattr(self.extractor, "num_classes", 0)
        wanted = self.score or FrechetDistance().declare(name, num_classes)[0].name
        kinds = ("features", "images", "logits") if num_classes else ("features", "images")
        kept = {f"{side}.{what}" for side in ("generated", "real") for what in kinds}
        kept |= {"real.labels"} if spec.num_classes is not None else set()
        kept |= {"generated.labels"} if conditional else set()
        kept |= {"generated.pairs"} if pairs else set()
        declared: dict[str, Score] = {}
        for key, metric in self.metrics.items():
            if lacking(metric, kept, name):
                continue
            scores = declarations(metric, name, num_classes)
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

    def work(self, generate: Generate, num_images: int, weights_hash: str) -> Callable[[int], Judged]:
        """What another process does for an evaluation of `num_images`: a batch, by its number.

        Raises ValueError where that process's extractor has other weights, so that its features would not compare.
        """
        extractor = self.extractor
        if extractor.weights_hash != weights_hash:
            need = f"its weights are {extractor.weights_hash[:12]} here, and {weights_hash[:12]} in the first process"
            raise ValueError(f"{extractor.name}: {need}; let all processes use one cache")
        return partial(judged, generate, extractor, num_images, self.batch_size)

    def evaluate(
        self,
        generate: Generate,
        store: ImageStore,
        num_images: int,
        seed: int,
        weights: str = "ema",
        labels: Tensor | None = None,
        look: Callable[[FeatureSet, FeatureSet], None] | None = None,
        *,
        pairs: bool = False,
        sources: str | None = None,
        spread: Spread = one_by_one,
    ) -> ScoreSet:
        """As `compare`, with the real images of `store`; with `pairs`, generated image i belongs to its image i.

        `sources` says how those of the generated images were made, for the protocol.
        """
        self.check_store(store)
        real = real_features(
            store,
            self.extractor,
            num_images=self.num_real,
            batch_size=self.batch_size,
            cache=self.cache,
            progress=self.progress,
        )
        pairs = pairs and num_images <= real.features.count == len(store.images)
        scores = self.compare(generate, real, num_images, seed, weights, labels, look, pairs=pairs, spread=spread)
        return replace(scores, protocol=replace(scores.protocol, sources=sources))

    def compare(
        self,
        generate: Generate,
        real: RealFeatures,
        num_images: int,
        seed: int | None,
        weights: str = "ema",
        labels: Tensor | None = None,
        look: Callable[[FeatureSet, FeatureSet], None] | None = None,
        *,
        images: numpy.ndarray | None = None,
        what: str = "evaluation",
        pairs: bool = False,
        spread: Spread = one_by_one,
    ) -> ScoreSet:
        """All scores of images 0 to `num_images` - 1 of `generate`, from one pass through the extractor.

        `generate(start, count)` must give the same image for a number whatever the batches, so scores do not depend on
        `batch_size`. `labels` (num_images,) are the classes that were asked for, if any. `weights` ("ema", "raw", or
        what else the images are) and `seed` (None: nothing was drawn) say which images these are, for the protocol.
        `images` are the same (num_images, C, H, W) uint8, where they are at hand. Torch's global random state is left
        as it was. `look(generated, real)` gets what the metrics get, for pictures. `spread`: who draws and judges the
        batches; other processes do it by `work`. Raises ValueError for
        features of another extractor, for NaN, and as `score` does.
        """
        extractor = self.extractor
        if (extractor.name, extractor.weights_hash) != (real.features.extractor, real.weights_hash):
            raise ValueError(
                f"{extractor.name}: the real features are of {real.features.extractor} "
                f"({real.weights_hash[:12]}, not {extractor.weights_hash[:12]}); extract them anew"
            )
        # Images take much memory; a metric that does not say what it needs may look at them.
        needs = [getattr(metric, "needs", ("generated.images",)) for metric in self.metrics.values()]
        keeps_images = look is not None or any("generated.images" in names for names in needs)
        with torch.random.fork_rng(devices=cuda_devices()), torch.no_grad():
            generated = extract(
                generate,
                extractor,
                num_images=num_images,
                batch_size=self.batch_size,
                labels=labels,
                keep_images=keeps_images and images is None,
                what=what,
                progress=self.progress,
                spread=spread,
            )
            if images is not None:
                generated = replace(generated, images=images)
            if pairs:
                generated = replace(generated, pairs=True)
            protocol = protocol_of(extractor, generated, real, weights=weights, seed=seed)
            scores = score(self.metrics, generated, real.features, protocol, progress=self.progress)
            if look:
                look(generated, real.features)
        return scores
