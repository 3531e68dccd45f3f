"""Real images in the layout of a run's sample grids, so that the two can be looked at side by side."""

import numpy
import torch
from torch import Tensor

from ganctl.contract import ImageStore


def real_grid(store: ImageStore, count: int, labels: numpy.ndarray | None, seed: int) -> Tensor:
    """`count` real images (count, C, H, W) uint8, a choice by `seed`: of the class `labels[i]` at place i, if given.

    Where there are too few, some come again; a class without images gets those of any.
    """
    order = numpy.random.default_rng(seed).permutation(len(store.images))
    if labels is None:
        places = numpy.resize(order, count)
    else:
        places = numpy.empty(count, numpy.int64)
        for label in numpy.unique(labels):
            of_class = order[store.labels[order] == label]
            wanted = labels == label
            places[wanted] = numpy.resize(of_class if len(of_class) else order, wanted.sum())
    return torch.from_numpy(numpy.ascontiguousarray(store.images[places]))
