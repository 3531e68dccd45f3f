"""`evaluate`: a generator's images, an extractor, any number of metrics, and scores that say how they came about."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from collections.abc import Mapping

import numpy
import torch

from ganctl.contract import DataSpec, FeatureExtractor, Metric, Progress, ScoreSet
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.statistics import Generate, extract

Plain = str | int | float | bool | None


def evaluate(
    generate: Generate,
    extractor: FeatureExtractor,
    metrics: Mapping[str, Metric],
    real: RealFeatures,
    *,
    num_images: int,
    batch_size: int = 250,
    weights: str,
    seed: int,
    progress: Progress | None = None,
) -> ScoreSet:
    """All `metrics` of images 0 to `num_images` - 1 of `generate`, from one pass through `extractor`.

    `generate(start, count)` must give the same image for a number whatever the batches, so scores do not depend on
    `batch_size`. `weights` ("ema" or "raw") and `seed` say which images these are, for the protocol. The global
    random-number state of torch is left as it was, and nothing that `progress` raises is held back. Raises ValueError
    for features of another extractor, for NaN, and where two metrics give a score of one name.
    """
    if (extractor.name, extractor.weights_hash) != (real.features.extractor, real.weights_hash):
        raise ValueError(
            f"feature={extractor.name}: the real features are of {real.features.extractor} "
            f"({real.weights_hash[:12]}, not {extractor.weights_hash[:12]}); extract them anew"
        )
    with torch.random.fork_rng(devices=cuda_devices()), torch.no_grad():
        generated = extract(
            generate,
            extractor,
            num_images=num_images,
            batch_size=batch_size,
            keep_logits=True,
            what="evaluation",
            progress=progress,
        )
    scores: dict[str, float] = {}
    protocol: dict[str, Plain] = {
        "extractor": extractor.name,
        "weights_hash": extractor.weights_hash,
        "num_real": real.features.count,
        "num_generated": generated.count,
        "split": real.split,
        "data_hash": real.data_hash,
        "pixels": "uint8",
        "weights": weights,
        "seed": seed,
        "ganctl": ganctl_version(),
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
    }
    for name, metric in metrics.items():
        found = metric(generated, real.features)
        if repeated := found.keys() & scores.keys():
            raise ValueError(f"metric={name}: gives {min(repeated)}, which another metric has given already; drop one")
        scores |= found
        protocol |= tunables(name, metric)
    return ScoreSet(scores, protocol)


def tunables(name: str, metric: Metric) -> dict[str, Plain]:
    """The plain fields of a metric that is a dataclass, as `inception_score.splits` and the like."""
    if not dataclasses.is_dataclass(metric):
        return {}
    fields = {field.name: getattr(metric, field.name) for field in dataclasses.fields(metric)}
    return {f"{name}.{key}": value for key, value in fields.items() if isinstance(value, str | int | float | None)}


def seconds_per_image(extractor: FeatureExtractor, spec: DataSpec, *, images: int = 8) -> float:
    """How long `extractor` takes for one image of `spec`, measured on `images` of them after one warm-up."""
    grey = torch.zeros(images, *spec.image_shape)
    extractor(grey)[0].cpu()
    start = time.perf_counter()
    extractor(grey)[0].cpu()
    return (time.perf_counter() - start) / images


def ganctl_version() -> str:
    """The installed version, or "uninstalled" where the package is imported straight from its sources."""
    try:
        return importlib.metadata.version("ganctl")
    except importlib.metadata.PackageNotFoundError:
        return "uninstalled"


def cuda_devices() -> list[int]:
    return [torch.cuda.current_device()] if torch.cuda.is_available() and torch.cuda.is_initialized() else []
