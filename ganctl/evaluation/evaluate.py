"""`evaluate`: a generator's images, an extractor, any number of metrics, and scores that say how they came about."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from collections.abc import Callable, Mapping

import numpy
import torch
from torch import Tensor

from ganctl.contract import DataSpec, FeatureExtractor, FeatureSet, Metric, Plain, Progress, ScoreSet
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.statistics import Generate, extract


def evaluate(
    generate: Generate,
    extractor: FeatureExtractor,
    metrics: Mapping[str, Metric],
    real: RealFeatures,
    *,
    num_images: int,
    batch_size: int = 250,
    labels: Tensor | None = None,
    weights: str,
    seed: int,
    progress: Progress | None = None,
    look: Callable[[FeatureSet, FeatureSet], None] | None = None,
) -> ScoreSet:
    """All `metrics` of images 0 to `num_images` - 1 of `generate`, from one pass through `extractor`.

    `generate(start, count)` must give the same image for a number whatever the batches, so scores do not depend on
    `batch_size`. `labels` (num_images,) are the classes that were asked for, if any. `weights` ("ema", "raw", or what
    else the images are) and `seed` say which images these are, for the protocol. The global random-number state of
    torch is left as it was, and nothing that `progress` raises is held back. `look(generated, real)` gets what the
    metrics get, for pictures. Raises ValueError for features of another extractor, for NaN, where two metrics give a
    score of one name, and where no metric can be computed.
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
            labels=labels,
            keep_images=look is not None or any(map(wants_images, metrics.values())),
            what="evaluation",
            progress=progress,
        )
        found = score(metrics, generated, real.features, progress=progress)
        if look:
            look(generated, real.features)
    return dataclasses.replace(found, protocol=protocol_of(extractor, generated, real, weights, seed) | found.protocol)


def score(
    metrics: Mapping[str, Metric], generated: FeatureSet, real: FeatureSet, *, progress: Progress | None = None
) -> ScoreSet:
    """The scores of each of `metrics` that has what it needs, its tunables as protocol, and the reasons of the others.

    A metric that refuses these images is left out with what it says, unless it is the only one. Raises ValueError where
    two metrics give a score of one name, and where none has what it needs.
    """
    scores: dict[str, float] = {}
    protocol: dict[str, Plain] = {}
    made_by: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for number, (name, metric) in enumerate(metrics.items()):
        if progress:
            progress("metrics", number, len(metrics))
        if reason := lacking(metric, generated, real):
            left_out[name] = reason
            continue
        try:
            found = metric(generated, real)
        except ValueError as error:  # too few images for it, say; the others may do with them
            if len(metrics) == 1:
                raise
            left_out[name] = str(error)
            continue
        if repeated := found.keys() & scores.keys():
            raise ValueError(f"metric={name}: gives {min(repeated)}, which another metric has given already; drop one")
        scores |= found
        made_by |= dict.fromkeys(found, name)
        protocol |= tunables(name, metric)
    if left_out and not scores:
        name, reason = next(iter(left_out.items()))
        said = reason if reason.startswith("metric") else f"metric={name}: {reason}"
        raise ValueError(f"{said}; try metric=[frechet], or another feature=")
    if progress:
        progress("metrics", len(metrics), len(metrics))
    return ScoreSet(scores, protocol, made_by, left_out)


_LACKING = {
    "features": "the features of {side} images are not kept (too many for memory, or given as statistics)",
    "logits": "the extractor {extractor} knows no classes",
    "labels": "{side} images have no labels",
    "images": "{side} images are not kept (too many for memory, or given as statistics)",
}


def lacking(metric: Metric, generated: FeatureSet, real: FeatureSet) -> str | None:
    """Why a metric cannot be computed: the first of its `needs` that is None; or None."""
    sides = {"generated": generated, "real": real}
    for need in getattr(metric, "needs", ()):
        side, _, what = need.partition(".")
        if getattr(sides[side], what) is None:
            return _LACKING[what].format(side=side, extractor=generated.extractor)
    return None


def wants_images(metric: Metric) -> bool:
    """Whether a metric looks at generated images, which take much memory; one that does not say what it needs may."""
    return "generated.images" in getattr(metric, "needs", ("generated.images",))


def protocol_of(
    extractor: FeatureExtractor, generated: FeatureSet, real: RealFeatures, weights: str, seed: int | None
) -> dict[str, Plain]:
    """How scores came about, but for the metrics' tunables: plain data. `seed` None: nothing was drawn."""
    facts = {f"extractor.{name}": value for name, value in getattr(extractor, "facts", {}).items()}
    return {
        "extractor": extractor.name,
        "weights_hash": extractor.weights_hash,
        "resizing": getattr(extractor, "resizing", "none"),
        "dimensions": len(generated.mean),
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
        **facts,
    }


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
