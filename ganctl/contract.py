"""The types that every part obeys: what a batch, a network, a loss, a regularizer, an extractor and a metric are.

Protocols, not base classes: a class of one's own satisfies them without importing ganctl. Nothing here needs torch at
run time, so that data sets and the validation of a configuration can be imported in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy
    from torch import Tensor, nn

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: how anything that lasts tells whoever listens how far it is."""


class ArgumentError(ValueError):
    """What a part says of an argument that it cannot work with: `weight=-1: must be at least 0; try weight=1`.

    A part knows its arguments by their own names. Whoever knows by which key a user has set one puts that in its place
    (`configuration.keys`). `need` says what is wrong, in words that name no key; `cure` is a value that would do.
    """

    def __init__(self, argument: str, value: object, need: str, cure: object = None) -> None:
        self.argument, self.value, self.need, self.cure = argument, value, need, cure
        super().__init__(f"{argument}={value}: {need}" + ("" if cure is None else f"; try {argument}={cure}"))

    def under(self, key: str) -> ArgumentError:
        """The same, said of the key that the argument was set by."""
        return ArgumentError(key, self.value, self.need, self.cure)


@dataclass(frozen=True)
class DataSpec:
    """What is known of a data set before it is read: enough to build networks for it.

    `image_shape` is (channels, height, width), channels 1 or 3; `num_classes` is None for unlabelled images.
    """

    name: str
    image_shape: tuple[int, int, int]
    num_classes: int | None


@dataclass(frozen=True)
class ImageStore:
    """A whole data set in one array: `images` (N, C, H, W) uint8 (a memory map when large), `labels` (N,) int64.

    Unlabelled data have all labels 0. `content_hash` is the SHA-256 of pixels and labels, in hexadecimal.
    """

    spec: DataSpec
    images: numpy.ndarray
    labels: numpy.ndarray
    content_hash: str
    split: str = "train"
    class_names: tuple[str, ...] = ()


class Batch(NamedTuple):
    """Real images (N, C, H, W) float32 in [-1, 1] and their labels (N,) int64."""

    images: Tensor
    labels: Tensor


class Sample(NamedTuple):
    """A generator's images (N, C, H, W) in [-1, 1] with the latents (N, latent_size) and labels (N,) they came from."""

    latents: Tensor
    labels: Tensor
    images: Tensor


@runtime_checkable
class Placing(Protocol):
    """A generator in two halves, so that pictures of a walk can be taken between what the latents lead to.

    `from_placed(place(latents, labels))` is the generator itself. Worth having where images jump as latents move, as
    with a mixture; without it a walk leads through the latents.
    """

    def place(self, latents: Tensor, labels: Tensor) -> Tensor: ...

    def from_placed(self, placed: Tensor) -> Tensor: ...


class Verdict(NamedTuple):
    """Images (N, C, H, W), their labels (N,), and the discriminator's logits (N,) on them."""

    images: Tensor
    labels: Tensor
    logits: Tensor


Critic = Callable[["Tensor", "Tensor"], "Tensor"]
"""`critic(images, labels) -> logits (N,)`: the discriminator as the loss sees it, perturbations included."""


@runtime_checkable
class Dataset(Protocol):
    """A source of images. Building one and reading `spec` is cheap and imports no torch; `load` does the work."""

    @property
    def spec(self) -> DataSpec: ...

    def load(self, progress: Progress | None = None) -> ImageStore: ...


@runtime_checkable
class AdversarialLoss(Protocol):
    """Pure mathematics on logits, unreduced: each method returns (N,) to be averaged and minimised.

    `relativistic` says whether `generator` needs the logits of real images as well (they are None otherwise).
    """

    relativistic: bool

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor: ...


class Regularizer(Protocol):
    """Something added to a network's loss, or done to its input. `every` = n: on each n-th step, n times as strong.

    A regularizer has at least one of the methods of the four protocols below; what it lacks it does not do.
    """

    every: int


@runtime_checkable
class DiscriminatorPenalty(Protocol):
    """A term of the discriminator's loss, (N,) or (). `needs_image_gradient`: images come with `requires_grad`."""

    needs_image_gradient: bool

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor: ...


@runtime_checkable
class GeneratorPenalty(Protocol):
    """A term of the generator's loss, (N,) or (). `generator(latents, labels)` may be called again."""

    def generator_penalty(self, fake: Sample, generator: nn.Module) -> Tensor: ...


@runtime_checkable
class WeightPenalty(Protocol):
    """A scalar from the weights of each network in `networks` ("generator", "discriminator"), added to its loss."""

    networks: tuple[str, ...]

    def weight_penalty(self, network: nn.Module) -> Tensor: ...


@runtime_checkable
class Perturbation(Protocol):
    """Done to every image the discriminator sees, real or fake, differentiably: (N, C, H, W) to the same shape."""

    def perturb(self, images: Tensor, step: int) -> Tensor: ...


class Scheduler(Protocol):
    """The factor on the learning rate at `step` of `total_steps`: a function of these two alone, so it has no state."""

    def __call__(self, step: int, total_steps: int) -> float: ...


@runtime_checkable
class FeatureExtractor(Protocol):
    """Images (N, C, H, W) float32 in [-1, 1] to features (N, F) float32 and class logits (N, K) float32.

    `num_classes` is K, 0 where it knows none. `name` becomes part of every score's name and `weights_hash` (SHA-256) of
    its protocol. `check` raises ValueError for images that the extractor cannot judge. It may also have `resizing`, how
    it brings images to its own size, and `facts`, plain data by name that stand beside its scores.
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
    transpose. `extractor` is its name.
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


Plain = str | int | float | bool | None
