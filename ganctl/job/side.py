"""The images that one word after `ganctl fid` stands for, as a store, whatever they come from."""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy
from omegaconf import DictConfig

from ganctl import build
from ganctl.configuration.keys import choice_of
from ganctl.contract import Dataset, DataSpec, FeatureExtractor, ImageStore, Progress
from ganctl.dataset.arrays import NpzImages
from ganctl.dataset.image_folder import ImageFolder
from ganctl.dataset.store import Content, packed, stamp
from ganctl.evaluation.statistics import as_pixels
from ganctl.invocation.arguments import about_path
from ganctl.invocation.images import Word
from ganctl.trained import Trained, open_trained
from ganctl.training.device import Device

SAMPLES = 5000  # of a run, where no number is asked for
_CHUNK = 250


class Side:
    """One side of a comparison: what can be known of it at once, and its images when they are asked for.

    Args:
        word: which images; no statistics.
        config: fid.yaml.
        device: where the samples of a run are drawn.
        count: how many images are asked for; None = all, or `SAMPLES` of a run.
        cache: the folder of packed data.

    Raises:
        ValueError: a checkpoint cannot be read, or a data set built.
    """

    def __init__(self, word: Word, config: DictConfig, device: Device, *, count: int | None, cache: str | None):
        self.word, self.config, self.count, self.cache = word, config, count, cache
        self.run: Trained | None = None
        self.source: ImageFolder | NpzImages | Dataset
        self.weights = "images"
        if word.kind == "run":
            self.run = open_trained(word.path, config.weights, device, list(config.trust))
            self.count, self.weights = count or SAMPLES, config.weights
        elif word.kind == "arrays":
            self.source = NpzImages(path=str(word.path), cache=cache)
        elif word.kind == "dataset":
            self.source = build.part("dataset", word.dataset, list(config.trust))
        else:
            scaled = {"resolution": config.resolution, "fit": config.fit, "filter": config.filter}
            self.source = ImageFolder(path=word.text, channels=None, max_broken=0, cache=cache, **scaled)

    @property
    def spec(self) -> DataSpec | None:
        """What the images are, where that is known before they are read."""
        if self.run is not None:
            return dataclasses.replace(self.run.spec, name=f"{self.word.text}, step {self.run.step}")
        return None if self.word.kind == "images" else self.source.spec

    @property
    def teachers(self) -> dict[str, str]:
        """The pretrained networks that the run has learned from, each with its part; empty of other images."""
        return build.teachers_of(self.run.config, list(self.config.trust)) if self.run else {}

    def check(self, extractor: FeatureExtractor) -> None:
        """Raises ValueError where the extractor cannot judge the images, as far as that is known by now."""
        if self.spec is not None:
            with choice_of("feature", extractor.name):
                extractor.check(self.spec)

    def load(self, progress: Progress) -> ImageStore:
        """All images, or the samples asked for. Raises ValueError where they cannot be read."""
        if self.run is not None:
            return self._samples(self.run, progress)
        with about_path():
            return self.source.load(progress)

    def _samples(self, run: Trained, progress: Progress) -> ImageStore:
        assert self.count is not None and self.spec is not None
        seed, count = self.config.seed, self.count
        labels = run.drawer.task.asked_labels(seed, count)
        num_classes = None if labels is None else self.spec.num_classes
        return packed(
            dataclasses.replace(self.spec, name=f"samples of {self.word.path.name}", num_classes=num_classes),
            key={"checkpoint": stamp(run.path), "seed": seed, "weights": run.weights, "count": count},
            read=lambda: Content(
                numpy.zeros(count, numpy.int64) if labels is None else labels.numpy(), _drawn(run, seed, count)
            ),
            split="samples",
            class_names=tuple(run.class_names) if num_classes is not None else (),
            cache=self.cache,
            progress=progress,
        )


def check_number(key: str, asked: int | None, store: ImageStore, text: str) -> None:
    """Raises ValueError where more images are asked for than there are."""
    if asked is not None and asked > len(store.images):
        raise ValueError(f"{key}={asked}: {text} has {len(store.images)} images; try {key}=null for all")


def alike(first: ImageStore, second: ImageStore) -> tuple[ImageStore, ImageStore]:
    """Both stores, grey images repeated to three channels where the other side has colour.

    Classes that both sides name get the second's numbers; where the first has others, its labels are left out.
    """
    channels = max(first.spec.image_shape[0], second.spec.image_shape[0])
    return _with_channels(_with_classes(first, second.class_names), channels), _with_channels(second, channels)


def _with_classes(store: ImageStore, names: tuple[str, ...]) -> ImageStore:
    own = store.class_names
    if not own or not names or own == names:
        return store
    if set(own) <= set(names):
        numbers = numpy.array([names.index(name) for name in own], dtype=numpy.int64)
        spec = dataclasses.replace(store.spec, num_classes=len(names))
        return dataclasses.replace(store, spec=spec, labels=numbers[store.labels], class_names=names)
    return dataclasses.replace(store, spec=dataclasses.replace(store.spec, num_classes=None), class_names=())


def _with_channels(store: ImageStore, channels: int) -> ImageStore:
    own, height, width = store.spec.image_shape
    if own == channels:
        return store
    text = f"{store.content_hash} repeated to {channels} channels"
    return dataclasses.replace(
        store,
        spec=dataclasses.replace(store.spec, image_shape=(channels, height, width)),
        images=numpy.broadcast_to(store.images, (len(store.images), channels, height, width)),
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
    )


def _drawn(run: Trained, seed: int, count: int) -> Iterator[numpy.ndarray]:
    for start in range(0, count, _CHUNK):
        images = run.drawer.samples(seed, start, min(_CHUNK, count - start)).cpu()
        if not images.isfinite().all():
            raise ValueError(f"{run.path}: its samples have NaN or infinite pixels; the generator has diverged")
        yield as_pixels(images).numpy()
