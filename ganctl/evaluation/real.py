"""The real side of a comparison: a data set's features, computed once and cached on disk."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor

from ganctl.contract import ArgumentError, FeatureExtractor, FeatureSet, ImageStore, Progress
from ganctl.evaluation.statistics import Generate, extract
from ganctl.metric.features import part
from ganctl.tensor_files import read_tensors, write_tensors

FORMAT = "2"  # of the cache; another number makes all older files unread
CACHED = ("mean", "covariance", "features", "logits", "factor")


@dataclass(frozen=True)
class RealFeatures:
    """Features of real images and where they come from. `weights_hash` is the extractor's."""

    features: FeatureSet
    weights_hash: str
    data_hash: str
    split: str


def real_features(
    store: ImageStore,
    extractor: FeatureExtractor,
    *,
    num_images: int | None = None,
    batch_size: int = 250,
    cache: Path | None = None,
    what: str = "real images",
    progress: Progress | None = None,
) -> RealFeatures:
    """The features of `num_images` images of `store` (None: all), from the folder `cache` where they are known already.

    A cache file that is damaged, or made by another extractor or from other pixels, is made anew; writing is atomic,
    and safe for two processes at once. `cache=None` neither reads nor writes. Raises ValueError for images that the
    extractor cannot judge and for more images than there are.
    """
    extractor.check(store.spec)
    available = len(store.images)
    if num_images is not None and not 2 <= num_images <= available:
        need = f"{store.spec.name} has {available} images; choose from 2 to {available}"
        raise ArgumentError("num_real", num_images, need, "null")
    count = available if num_images is None else num_images
    key = {
        "format": FORMAT,
        "extractor": extractor.name,
        "weights_hash": extractor.weights_hash,
        "data_hash": store.content_hash,
        "split": store.split,
        "count": str(count),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    path = cache / f"{extractor.name}-{digest}.safetensors" if cache else None
    tensors, metadata = (path and read_tensors(path)) or ({}, {})
    if metadata == key and {"mean", "covariance"} <= tensors.keys() <= set(CACHED):
        features = FeatureSet(extractor.name, count, **tensors)  # type: ignore[arg-type]
    else:
        with torch.no_grad():
            features = extract(
                real_images(store, count),
                extractor,
                num_images=count,
                batch_size=batch_size,
                what=what,
                progress=progress,
            )
        if path:
            features = dataclasses.replace(features, factor=factor_of(features))
            tensors = {name: getattr(features, name) for name in CACHED}
            write_tensors(path, {name: value for name, value in tensors.items() if value is not None}, key)
    index = chosen(available, count)
    labelled = store.spec.num_classes is not None
    features = dataclasses.replace(
        features,
        labels=torch.from_numpy(numpy.ascontiguousarray(store.labels[index])) if labelled else None,
        images=store.images if count == available else store.images[index],
    )
    return RealFeatures(features, extractor.weights_hash, store.content_hash, store.split)


def real_images(store: ImageStore, count: int | None = None) -> Generate:
    """A `generate` that gives the `chosen` real images of `store` as float32 in [-1, 1], in the order of the store."""
    index = chosen(len(store.images), count)

    def generate(start: int, number: int) -> Tensor:
        pixels = numpy.ascontiguousarray(store.images[index[start : start + number]])
        return torch.from_numpy(pixels).float() / 127.5 - 1

    return generate


def chosen(available: int, count: int | None) -> numpy.ndarray:
    """The numbers of `count` of `available` images (None: all), a choice by the two alone: all runs take the same."""
    return part(available, count).numpy()


def factor_of(features: FeatureSet) -> Tensor | None:
    """What the Frechet distance would factor anew in each evaluation; None with few images, where nothing is saved."""
    if features.count <= len(features.mean):
        return None
    lower, failed = torch.linalg.cholesky_ex(features.covariance)
    return None if failed else lower
