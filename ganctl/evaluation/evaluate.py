"""`evaluate`: a generator's images, an extractor, any number of metrics, and scores that say how they came about."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import numpy
import torch
from torch import Tensor

from ganctl.contract import ArgumentError, DataSpec, FeatureExtractor, FeatureSet, Metric, Plain, Progress, Score
from ganctl.evaluation.protocol import Protocol
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.scores import Measurement, ScoreSet
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
    seed: int | None,
    images: numpy.ndarray | None = None,
    what: str = "evaluation",
    progress: Progress | None = None,
    look: Callable[[FeatureSet, FeatureSet], None] | None = None,
) -> ScoreSet:
    """All `metrics` of images 0 to `num_images` - 1 of `generate`, from one pass through `extractor`.

    `generate(start, count)` must give the same image for a number whatever the batches, so scores do not depend on
    `batch_size`. `labels` (num_images,) are the classes that were asked for, if any. `weights` ("ema", "raw", or what
    else the images are) and `seed` (None: nothing was drawn) say which images these are, for the protocol. `images` are
    the same (num_images, C, H, W) uint8, where they are at hand already. The global random-number state of
    torch is left as it was, and nothing that `progress` raises is held back. `look(generated, real)` gets what the
    metrics get, for pictures. Raises ValueError for features of another extractor, for NaN, where two metrics give a
    score of one name, and where no metric can be computed.
    """
    if (extractor.name, extractor.weights_hash) != (real.features.extractor, real.weights_hash):
        raise ValueError(
            f"{extractor.name}: the real features are of {real.features.extractor} "
            f"({real.weights_hash[:12]}, not {extractor.weights_hash[:12]}); extract them anew"
        )
    with torch.random.fork_rng(devices=cuda_devices()), torch.no_grad():
        generated = extract(
            generate,
            extractor,
            num_images=num_images,
            batch_size=batch_size,
            labels=labels,
            keep_images=images is None and (look is not None or any(map(wants_images, metrics.values()))),
            what=what,
            progress=progress,
        )
        if images is not None:
            generated = dataclasses.replace(generated, images=images)
        protocol = protocol_of(extractor, generated, real, weights=weights, seed=seed)
        scores = score(metrics, generated, real.features, protocol, progress=progress)
        if look:
            look(generated, real.features)
    return scores


def score(
    metrics: Mapping[str, Metric],
    generated: FeatureSet,
    real: FeatureSet,
    protocol: Protocol,
    *,
    progress: Progress | None = None,
) -> ScoreSet:
    """The scores of each of `metrics` that has what it needs, under `protocol` with its tunables; why others have none.

    A metric that refuses these images is left out with what it says, unless it is the only one. Raises ValueError where
    two metrics give a score of one name, and where none has what it needs.
    """
    scores: dict[str, Measurement] = {}
    fields: dict[str, Plain] = {}
    left_out: dict[str, str] = {}
    kept = {*_kept("generated", generated), *_kept("real", real)}
    num_classes = 0 if generated.logits is None else generated.logits.shape[1]
    for number, (name, metric) in enumerate(metrics.items()):
        if progress:
            progress("metrics", number, len(metrics))
        if reason := lacking(metric, kept, generated.extractor):
            left_out[name] = reason
            continue
        try:
            with tunables_of(name, metric):
                values = metric(generated, real)
        except ValueError as error:  # too few images for it, say; the others may do with them
            if len(metrics) == 1:
                raise
            left_out[name] = str(error)
            continue
        if repeated := values.keys() & scores.keys():
            need = f"gives {min(repeated)}, which another metric has given already; drop one"
            raise ArgumentError("metric", name, need)
        declared = {known.name: known for known in declarations(metric, generated.extractor, num_classes)}
        scores |= {key: Measurement(declared.get(key, Score(key)), value, name) for key, value in values.items()}
        fields |= {f"{name}.{key}": value for key, value in tunables(metric).items()}
    if left_out and not scores:
        name, reason = next(iter(left_out.items()))
        raise ArgumentError("metric", name, f"{reason}; choose another metric, or another extractor")
    if progress:
        progress("metrics", len(metrics), len(metrics))
    return ScoreSet(scores, dataclasses.replace(protocol, tunables=fields), left_out)


def declarations(metric: Metric, extractor: str, num_classes: int) -> tuple[Score, ...]:
    """What a metric says of its scores; nothing where it has no `declare`, as a plain function."""
    declare = getattr(metric, "declare", None)
    return declare(extractor, num_classes) if declare else ()


@contextmanager
def tunables_of(name: str, metric: Metric) -> Iterator[None]:
    """Inside, what the metric says of an argument of its own is said of `metric.NAME.ARGUMENT`."""
    try:
        yield
    except ArgumentError as error:
        raise (
            error.under(f"metric.{name}.{error.argument}") if error.argument in tunables(metric) else error
        ) from None


_LACKING = {
    "features": "the features of {side} images are not kept (too many for memory, or given as statistics)",
    "logits": "the extractor {extractor} knows no classes",
    "labels": "{side} images have no labels",
    "images": "{side} images are not kept (too many for memory, or given as statistics)",
}


def lacking(metric: Metric, kept: Collection[str], extractor: str) -> str | None:
    """Why a metric cannot be computed: the first of its `needs` that is not `kept` (`real.labels`, ...); or None."""
    for need in getattr(metric, "needs", ()):
        if need not in kept:
            side, _, what = need.partition(".")
            return _LACKING[what].format(side=side, extractor=extractor)
    return None


def _kept(side: str, features: FeatureSet) -> list[str]:
    """What there is of one side, of all that a metric may need, as its `needs` name it."""
    return [f"{side}.{what}" for what in _LACKING if getattr(features, what) is not None]


def wants_images(metric: Metric) -> bool:
    """Whether a metric looks at generated images, which take much memory; one that does not say what it needs may."""
    return "generated.images" in getattr(metric, "needs", ("generated.images",))


def protocol_of(
    extractor: FeatureExtractor, generated: FeatureSet, real: RealFeatures, *, weights: str, seed: int | None
) -> Protocol:
    """How scores come about, but for the metrics' tunables. `seed` None: nothing was drawn."""
    return Protocol(
        extractor=extractor.name,
        weights_hash=extractor.weights_hash,
        resizing=getattr(extractor, "resizing", "none"),
        dimensions=len(generated.mean),
        num_real=real.features.count,
        num_generated=generated.count,
        split=real.split,
        data_hash=real.data_hash,
        pixels="uint8",
        weights=weights,
        seed=seed,
        ganctl=ganctl_version(),
        torch=str(torch.__version__),
        numpy=numpy.__version__,
        facts=getattr(extractor, "facts", {}),
    )


def tunables(metric: Metric) -> dict[str, Plain]:
    """The plain fields of a metric that is a dataclass."""
    if not dataclasses.is_dataclass(metric):
        return {}
    fields = {field.name: getattr(metric, field.name) for field in dataclasses.fields(metric)}
    return {name: value for name, value in fields.items() if isinstance(value, str | int | float | None)}


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
