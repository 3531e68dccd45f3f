"""The scores of any number of metrics, and all that says how they came about."""

import dataclasses
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import numpy
import torch

from ganctl import __version__
from ganctl.contract import ArgumentError, DataSpec, FeatureExtractor, FeatureSet, Metric, Plain, Progress, Score
from ganctl.evaluation.protocol import Protocol
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.scores import Measurement, ScoreSet

TEACHER = "_teacher"
"""At the end of an extractor's name, and so of its scores' names, where a part of the run learns from its network."""


def pupil_of(judge: FeatureExtractor | Metric, teachers: Mapping[str, str]) -> str | None:
    """Which part of a run learns from the network that `judge` judges by; None if none does.

    `teachers` are the parts by the names of their networks. A judge says its own by an attribute `pretrained`.
    """
    return teachers.get(getattr(judge, "pretrained", None) or "")


def score(
    metrics: Mapping[str, Metric],
    generated: FeatureSet,
    real: FeatureSet,
    protocol: Protocol,
    *,
    progress: Progress | None = None,
) -> ScoreSet:
    """The scores of each of `metrics` that has what it needs, under `protocol` with its tunables; why others have none.

    A metric that refuses these images is left out as well, unless it is the only one. Raises ValueError where two
    metrics give a score of one name, and where none has what it needs.
    """
    scores: dict[str, Measurement] = {}
    fields: dict[str, Plain] = {}
    left_out: dict[str, str] = {}
    sides = {"generated": generated, "real": real}
    kept = {f"{side}.{what}" for side in sides for what in _LACKING if getattr(sides[side], what) is not None}
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
        declared = declarations(metric, generated.extractor, num_classes)
        scores |= {key: Measurement(declared.get(key, Score(key)), value, name) for key, value in values.items()}
        facts = metric.facts(generated) if hasattr(metric, "facts") else {}  # pyright: ignore[reportAttributeAccessIssue]
        fields |= {f"{name}.{key}": value for key, value in {**tunables(metric), **facts}.items()}
    if left_out and not scores:
        name, reason = next(iter(left_out.items()))
        raise ArgumentError("metric", name, f"{reason}; choose another metric, or another extractor")
    if progress:
        progress("metrics", len(metrics), len(metrics))
    return ScoreSet(scores, dataclasses.replace(protocol, tunables=fields), left_out)


def declarations(metric: Metric, extractor: str, num_classes: int) -> dict[str, Score]:
    """What a metric says of its scores, by name; nothing where it has no `declare`, as a plain function.

    Of an extractor that a part of the run learns from, none is better or worse than another.
    """
    declare = getattr(metric, "declare", None)
    scores = declare(extractor, num_classes) if declare else []
    if extractor.endswith(TEACHER):
        scores = [dataclasses.replace(score, direction=None) for score in scores]
    return {score.name: score for score in scores}


@contextmanager
def tunables_of(name: str, metric: Metric) -> Iterator[None]:
    """Inside, what the metric says of an argument of its own is said of `metric.NAME.ARGUMENT`."""
    try:
        yield
    except ArgumentError as error:
        own = error.argument in tunables(metric)
        raise (error.under(f"metric.{name}.{error.argument}") if own else error) from None


_LACKING = {
    "features": "the features of {side} images are not kept (too many for memory, or given as statistics)",
    "logits": "the extractor {extractor} knows no classes",
    "labels": "{side} images have no labels",
    "images": "{side} images are not kept (too many for memory, or given as statistics)",
    "pairs": "{side} images belong to no real ones, one by one",
    "sources": "what {side} images were made of is not known",
}


def lacking(metric: Metric, kept: Collection[str], extractor: str) -> str | None:
    """Why a metric cannot be computed: the first of its `needs` that is not `kept` (`real.labels`, ...); or None."""
    for need in getattr(metric, "needs", ()):
        if need not in kept:
            side, _, what = need.partition(".")
            return _LACKING[what].format(side=side, extractor=extractor)
    return None


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
        ganctl=__version__,
        torch=str(torch.__version__),
        numpy=numpy.__version__,
        facts=getattr(extractor, "facts", {}),
    )


def tunables(metric: Metric) -> dict[str, Plain]:
    """The plain fields of a metric that is a dataclass."""
    fields = dataclasses.fields(metric) if dataclasses.is_dataclass(metric) else ()
    values = {field.name: getattr(metric, field.name) for field in fields}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float | None)}


def seconds_per_image(extractor: FeatureExtractor, spec: DataSpec, *, images: int = 8) -> float:
    """How long `extractor` takes for one image of `spec`, measured on `images` of them after one warm-up."""
    grey = torch.zeros(images, *spec.image_shape)
    extractor(grey)[0].cpu()
    start = time.perf_counter()
    extractor(grey)[0].cpu()
    return (time.perf_counter() - start) / images


def cuda_devices() -> list[int]:
    return [torch.cuda.current_device()] if torch.cuda.is_available() and torch.cuda.is_initialized() else []
