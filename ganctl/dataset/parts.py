"""Random parts of images: one of each to be judged by, another each time that an image is shown in training."""

from collections.abc import Iterator
from dataclasses import replace

import numpy

from ganctl.contract import ImageStore, Progress
from ganctl.dataset.size import Size
from ganctl.dataset.store import Content, packed

_BLOCK = 1024


def with_parts(store: ImageStore, size: Size, *, cache: str | None, progress: Progress | None = None) -> ImageStore:
    """The store whose images are one part of `size` of each of those in `store`, which it holds as `larger`.

    Where the parts lie is drawn uniformly, always alike: they are what generated images are to be like, since training
    draws its parts in the same way.
    """
    parts = packed(
        replace(store.spec, image_shape=(store.spec.image_shape[0], *size)),
        key={"parts of": store.content_hash},
        read=lambda: Content(store.labels, _blocks(store.images, size)),
        split=store.split,
        class_names=store.class_names,
        cache=cache,
        progress=progress,
    )
    return replace(parts, larger=store.images, left_out=store.left_out)


def _blocks(images: numpy.ndarray, size: Size) -> Iterator[numpy.ndarray]:
    draw = numpy.random.default_rng(0)
    height, width = size
    tops = draw.integers(0, images.shape[2] - height + 1, len(images))
    lefts = draw.integers(0, images.shape[3] - width + 1, len(images))
    for start in range(0, len(images), _BLOCK):
        places = range(start, min(start + _BLOCK, len(images)))
        yield numpy.stack([images[i, :, tops[i] : tops[i] + height, lefts[i] : lefts[i] + width] for i in places])
