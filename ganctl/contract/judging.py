"""What judges images: extractors of features, what is kept of them, scores and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy
    from torch import Tensor

    from ganctl.contract.data import DataSpec, ImageStore, Progress


@runtime_checkable
class FeatureExtractor(Protocol):
    """Images (N, C, H, W) float32 in [-1, 1] to features (N, F) float32 and class logits (N, K) float32.

    `num_classes` is K, 0 where it knows none. `name` becomes part of every score's name and `weights_hash` (SHA-256) of
    its protocol. `check` raises ValueError for images that the extractor cannot judge. It may also have `resizing`, how
    it brings images to its own size, `facts`, plain data by name that stand beside its scores, and after `check`
    `pretrained`, the name of the network whose weights it judges by: no run is judged by what a part of it learns from,
    which that part's class names by an attribute `teacher`.
    """

    name: str
    weights_hash: str
    num_classes: int

    def check(self, spec: DataSpec) -> None: ...

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]: ...


@runtime_checkable
class TrainedOnData(Protocol):
    """An extractor that first learns from the run's own labelled images, or finds in `cache` that it has before.

    After `check` its `num_classes` is known; what it says means something after `prepare` only, and so do
    `weights_hash` and `facts`. `prepare` raises ValueError for images it cannot learn from.
    """

    def prepare(self, store: ImageStore, *, cache: Path | None, progress: Progress | None = None) -> None: ...


@dataclass(frozen=True)
class FeatureSet:
    """What is kept of `count` images and their features: all that a metric looks at.

    `mean` (F,) and `covariance` (F, F, divided by count - 1) are float64. The rest is in one order, and None where it
    is not known or would not fit in memory: `features` (count, F) float32; `logits` (count, K) float32, of an extractor
    that knows classes; `labels` (count,) int64, the classes asked of a conditional generator or the true ones of real
    images; `images` (count, C, H, W) uint8. `factor` (F, R) float64 has the covariance as its product with its own
    transpose. `extractor` is its name. `pairs` of generated images says that image i is to be like real image i.
    """

    extractor: str
    count: int
    mean: Tensor
    covariance: Tensor
    features: Tensor | None = None
    logits: Tensor | None = None
    labels: Tensor | None = None
    images: numpy.ndarray | None = None
    factor: Tensor | None = None
    pairs: bool | None = None


Direction = Literal["lower", "higher"]

Kind = Literal["score", "share", "low", "high"]


@dataclass(frozen=True)
class Score:
    """What a metric declares of a score before it has a value: all that tables, rankings and reports go by.

    `direction` says which is better; None = neither, so that it judges nothing. `kind` is an ordinary score, the share
    of the class `of`, or the low or high end of the 95 % interval of the score `of`. `quantity` is what is measured,
    whatever the features ("recall"); reports warn by it.
    """

    name: str
    direction: Direction | None = None
    kind: Kind = "score"
    of: str = ""
    quantity: str = ""


class Metric(Protocol):
    """Scores by full name (which ends in, or implies, the extractor's name) from the features of both sides.

    A pure function; its tunables are the fields of a frozen dataclass, so that a score's protocol can hold them.
    `declare` has all that it may return for features of `extractor` with `num_classes` logits (0 = none); what it does
    not declare has no direction. A class attribute `needs` may name what it cannot do without, as `generated.logits` or
    `real.features`: where that is None, the metric is left out, with a note; and generated images are kept only if some
    metric needs them, or does not say. It may also have `check_count(num_images, num_real)`, which raises ArgumentError
    for numbers of images that it cannot work with, so that a run judged by it is refused before it begins.
    """

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]: ...

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]: ...
