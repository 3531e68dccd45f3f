"""Which pictures a run that starts from pictures learns from, and which it is judged by."""

import hashlib
from dataclasses import replace

import numpy
from omegaconf import DictConfig, OmegaConf

from ganctl import build
from ganctl.configuration.keys import keys_of
from ganctl.contract import ArgumentError, Dataset, ImageStore, Progress, Sourced, Task

HELD_OUT = "held out"
"""The name of the split that a task keeps from training."""


def to_learn_and_to_judge(
    config: DictConfig, dataset: Dataset, store: ImageStore, task: Sourced, progress: Progress
) -> tuple[ImageStore, ImageStore]:
    """The data, and their test split where there is one, else a share of the data, which is then not learned from.

    Raises ValueError in one line where the test split cannot be read.
    """
    node = config.dataset
    if "split" in node and node.split == "train" and getattr(dataset, "has_test", True):
        with keys_of("dataset"):
            test = build.part("dataset", OmegaConf.merge(node, {"split": "test"}), config.trust)
            return store, test.load(progress)
    return divided(store, task.held_out)


def has_truth(task: Task, dataset: Dataset) -> bool:
    """Whether each sample has a true image, which it is to be like."""
    return getattr(task, "has_truth", False) and getattr(dataset, "paired", True)


def divided(store: ImageStore, share: float) -> tuple[ImageStore, ImageStore]:
    """All but every k-th image, and every k-th, k the whole number nearest to 1 / `share`, with their sources.

    Where the sources belong to no image they alone are divided: what is made is like all images, and of other sources.
    Raises ArgumentError where one side would be empty.
    """
    every = max(2, round(1 / share))
    kept = slice(every - 1, None, every)
    sides = []
    for name, part in (("train", lambda rows: numpy.delete(rows, kept, axis=0)), (HELD_OUT, lambda rows: rows[kept])):
        images, labels = (part(rows) if store.paired else rows for rows in (store.images, store.labels))
        sources = None if store.sources is None else part(store.sources)
        if not len(images) or (sources is not None and not len(sources)):
            raise ArgumentError("task.held_out", share, f"leaves no {name} images of {len(store.images)}")
        digest = hashlib.sha256(f"{store.content_hash} {name} {every}".encode()).hexdigest()
        sides.append(replace(store, images=images, labels=labels, sources=sources, content_hash=digest, split=name))
    return sides[0], sides[1]
