"""The types that every part obeys: what a batch, a task, a game, a loss, a regularizer, an extractor, a metric are.

Protocols, not base classes: a class of one's own satisfies them without importing ganctl. Nothing here needs torch at
run time, so that data sets and the validation of a configuration can be imported in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy
    from torch import Tensor, nn

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: how anything that lasts tells whoever listens how far it is."""


class ArgumentError(ValueError):
    """What a part says of an argument that it cannot work with: `weight=-1: must be at least 0; try weight=1`.

    A part knows its arguments by their own names. Whoever knows by which key a user has set one puts that in its place
    (`configuration.keys`). `need` says what is wrong, in words that name no key; `cure` is a value that would do, or a
    tuple of several.
    """

    def __init__(self, argument: str, value: object, need: str, cure: object = None) -> None:
        self.argument, self.value, self.need, self.cure = argument, value, need, cure
        cures = cure if isinstance(cure, tuple) else () if cure is None else (cure,)
        advice = " or ".join(f"{argument}={each}" for each in cures)
        super().__init__(f"{argument}={value}: {need}" + (f"; try {advice}" if advice else ""))

    def under(self, key: str) -> ArgumentError:
        """The same, said of the key that the argument was set by."""
        return ArgumentError(key, self.value, self.need, self.cure)


Plain = str | int | float | bool | None

Given = dict[str, "Tensor"]
"""What a network is given by keyword, each of (N, ...): `latents`, `labels`, the `source` image of a translation."""


Rows = TypeVar("Rows", "Tensor", "numpy.ndarray")


@dataclass(frozen=True)
class World:
    """The place of this process among the `size` processes of a run; `rank` 0 is the one that writes.

    Whatever is drawn is drawn for the whole batch and then shared out, so that many processes see what one would. Where
    a batch is split into `parts`, one after the other, each process has its share of each. On its machine a process is
    number `local_rank` of `local_size`.
    """

    rank: int = 0
    size: int = 1
    parts: int = 1
    local_rank: int = 0
    local_size: int = 1

    def share(self, rows: Rows) -> Rows:
        """This process's rows of the whole batch's (N, ...): (N / size, ...); all of them where it is alone."""
        if self.size == 1:
            return rows
        number = len(rows) // (self.parts * self.size)
        places = rows.reshape(self.parts, self.size, number, *rows.shape[1:])[:, self.rank]
        return places.reshape(self.parts * number, *rows.shape[1:])


ALONE = World()


@dataclass(frozen=True)
class DataSpec:
    """What is known of a data set before it is read: enough to build networks for it.

    `image_shape` is (channels, height, width), channels 1 or 3; `num_classes` is None for unlabelled images.
    `source_shape` is that of the images that a generator starts from; None where the data have none.
    """

    name: str
    image_shape: tuple[int, ...]
    num_classes: int | None
    source_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ImageStore:
    """A whole data set in one array: `images` (N, C, H, W) uint8 (a memory map when large), `labels` (N,) int64.

    Unlabelled data have all labels 0. `content_hash` is the SHA-256 of pixels and labels, in hexadecimal. `sources`
    (M, ...) uint8 are the images that a generator starts from: number i belongs to image i where `paired`. `left_out`
    names, with the reason, what of the data could not be read. `larger` (N, C, H', W') uint8 are the images of which
    training takes another random part each time; `images` then are one such part of each.
    """

    spec: DataSpec
    images: numpy.ndarray
    labels: numpy.ndarray
    content_hash: str
    split: str = "train"
    class_names: tuple[str, ...] = ()
    sources: numpy.ndarray | None = None
    paired: bool = True
    left_out: tuple[str, ...] = ()
    larger: numpy.ndarray | None = None


class Batch(NamedTuple):
    """Real images (N, C, ...) float32 in [-1, 1], their labels (N,) int64, and source images where there are any."""

    images: Tensor
    labels: Tensor
    source: Tensor | None = None


class Sample(NamedTuple):
    """A generator's images (N, C, ...) in [-1, 1], with what it was given for them."""

    given: Given
    images: Tensor


class Verdict(NamedTuple):
    """Images (N, C, ...), what was shown beside them, and the discriminator's logits on them: (N,), or (N, ...).

    Of a discriminator that judges packs of m neighbours together there is one logit a pack, (N / m, ...).
    """

    images: Tensor
    shown: Given
    logits: Tensor


@runtime_checkable
class Critic(Protocol):
    """`critic(images, **shown) -> logits`: the discriminator as the loss sees it, perturbations included.

    Beside what is shown, a regularizer may pass a keyword of the discriminator's own, which its `asks` names.
    """

    def __call__(self, images: Tensor, **shown: Tensor | bool) -> Tensor: ...


class Task(Protocol):
    """What a generator is asked: from what it makes images, and what the discriminator sees beside them.

    Networks are called `generator(**given)` and `discriminator(images, **shown)`. A task holds plain facts and learns
    nothing; `fitted(store)` is the same task with what it needs of the data, and `restored(facts)` with what `facts`
    once gave, which a checkpoint holds. `spec` are the facts of the data.
    """

    @property
    def spec(self) -> DataSpec: ...

    def keywords(self, network: str) -> dict[str, Any]:
        """What the network of this name is built with, besides its own settings."""
        ...

    def fitted(self, store: ImageStore) -> Task: ...

    def facts(self) -> dict[str, Any]: ...

    def restored(self, facts: Mapping[str, Any]) -> Task: ...

    def given(self, batch: Batch) -> Given:
        """What the generator is given against this batch; may draw from torch's global generator, which is seeded."""
        ...

    def shown(self, given: Given) -> Given:
        """What the discriminator sees beside the images: of generated ones, and of the real ones of the same batch."""
        ...

    def samples(self, seed: int, start: int, count: int) -> Given:
        """What is given for the samples `start`, `start` + 1, ... of `seed`: each a function of (seed, its number)."""
        ...

    def grid(self, seed: int, count: int) -> tuple[Given, int | None]:
        """What is given for a grid of at most `count` samples, and in how many columns it is laid out (None: any)."""
        ...

    def asked_labels(self, seed: int, count: int) -> Tensor | None:
        """The classes (count,) asked for in the samples 0, 1, ... of `seed`; None where none is asked for."""
        ...


@runtime_checkable
class Sourced(Protocol):
    """A task whose samples start from pictures of the data that it was last `fitted` to: `num_samples()` of them.

    It is judged by pictures that it has not learned from: a test split, else the share `held_out` of the data.
    `pictures` has samples 0, 1, ... beside what they were made of, (k N, C, H, W), as people want to look at them, and
    how many of them a row of a grid has. `untouched` has sources as images (N, C, H, W), nothing learned: the line that
    a generator has to beat. `made_by` says how the sources were made of the images, for the protocol of scores; None
    where they are data themselves.
    """

    held_out: float

    @property
    def made_by(self) -> str | None: ...

    def num_samples(self) -> int: ...

    def pictures(self, given: Given, images: Tensor) -> tuple[Tensor, int]: ...

    def untouched(self, source: Tensor) -> Tensor: ...


@runtime_checkable
class Memory(Protocol):
    """Anything learned outside a network's weights, such as a probability or a pool of images: saved with the run.

    `state_dict` holds tensors and plain data only.
    """

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, content: dict[str, Any]) -> None: ...


@runtime_checkable
class Placing(Protocol):
    """A generator in two halves, so that pictures of a walk can be taken between what the latents lead to.

    `from_placed(place(latents, labels))` is the generator itself. Worth having where images jump as latents move, as
    with a mixture; without it a walk leads through the latents.
    """

    def place(self, latents: Tensor, labels: Tensor) -> Tensor: ...

    def from_placed(self, placed: Tensor) -> Tensor: ...


@runtime_checkable
class Dataset(Protocol):
    """A source of images. Building one and reading `spec` is cheap and imports no torch; `load` does the work."""

    @property
    def spec(self) -> DataSpec: ...

    def load(self, progress: Progress | None = None) -> ImageStore: ...


@runtime_checkable
class AdversarialLoss(Protocol):
    """Pure mathematics on logits (N, ...), unreduced: each method returns their shape, to be averaged and minimised.

    `relativistic` says whether `generator` needs the logits of real images as well (they are None otherwise).
    """

    relativistic: bool

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor: ...


class Regularizer(Protocol):
    """Something added to a network's loss, or done to its input. `every` = n: on each n-th step, n times as strong.

    An augmentation is one, too: a `Perturbation` of a configuration group of its own, `augment`.

    A regularizer has at least one of the methods of the protocols below; what it lacks it does not do. One that is also
    a `Memory` is saved in every checkpoint.
    """

    every: int


@runtime_checkable
class DiscriminatorPenalty(Protocol):
    """A term of the discriminator's loss, (N, ...) or (). `needs_image_gradient`: images come with `requires_grad`."""

    needs_image_gradient: bool

    def discriminator_penalty(self, real: Verdict, fake: Verdict, critic: Critic) -> Tensor: ...


@runtime_checkable
class Burning(Protocol):
    """A regularizer that changes over the burn-in: `at(share)` is what it is when that share of it, 0 to 1, is over."""

    def at(self, share: float) -> Regularizer: ...


@runtime_checkable
class GeneratorPenalty(Protocol):
    """A term of the generator's loss, (N, ...) or (): of its images `fake` beside the batch that they played against.

    `generator(**fake.given)` may be called again.
    """

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor: ...


@runtime_checkable
class CriticPenalty(Protocol):
    """A term of the generator's loss, (N, ...) or (), that asks the discriminator, to which what is shown is known.

    So it calls `critic(images)`, and with a keyword of the discriminator's own where its `asks` names one.
    """

    def critic_penalty(self, fake: Sample, real: Batch, critic: Critic) -> Tensor: ...


@runtime_checkable
class CyclePenalty(Protocol):
    """A term of the generator's loss, (N, ...) or (), that asks the generator of the way `back`, images to sources."""

    def cycle_penalty(self, fake: Sample, back: nn.Module) -> Tensor: ...


@runtime_checkable
class WeightPenalty(Protocol):
    """A scalar from the weights of each network in `networks` ("generator", "discriminator"), added to its loss."""

    networks: tuple[str, ...]

    def weight_penalty(self, network: nn.Module) -> Tensor: ...


@runtime_checkable
class WeightConstraint(Protocol):
    """What the weights of each network in `networks` ("generator", "discriminator") have to keep.

    `constrain` changes them in place, before the first update and after each; an average is left as it is.
    """

    networks: tuple[str, ...]

    def constrain(self, network: nn.Module) -> None: ...


@runtime_checkable
class Perturbation(Protocol):
    """Done to every image the discriminator sees, real or fake, differentiably: (N, C, ...) to the same shape."""

    def perturb(self, images: Tensor, step: int) -> Tensor: ...


@runtime_checkable
class Selection(Protocol):
    """Says by the logits (N, ...) of the generator's images how much each of them counts in its adversarial loss.

    `shares` has their shape and the mean 1 over the whole batch; no gradient goes through it.
    """

    def shares(self, logits: Tensor) -> Tensor: ...


@runtime_checkable
class Observer(Protocol):
    """Learns from what the discriminator says at each of its updates; what it has learned makes it a `Memory`, too."""

    def observe(self, real: Verdict, fake: Verdict) -> None: ...


@runtime_checkable
class Gauge(Protocol):
    """Has scalars to be logged with the losses of each step, by name: `p` of the regularizer `ada` is `ada_p`."""

    def readings(self) -> dict[str, Tensor]: ...


class Scheduler(Protocol):
    """The factor on the learning rate at `step` of `total_steps`: a function of these two alone, so it has no state."""

    def __call__(self, step: int, total_steps: int) -> float: ...


@runtime_checkable
class MomentScheduler(Protocol):
    """A scheduler that has a course of Adam's second beta, too: what it is at `step` if it is `beta2` at the first."""

    def beta2(self, beta2: float, step: int) -> float: ...


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


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of the run that it shows.

    `id` is 16 hexadecimal digits, the same in every stretch of the run; `settings` are all settings by their keys,
    `score` the name of the score that judges, `resumed_at` the step that a resumed run goes on from (None: a new run).
    """

    folder: Path
    id: str
    settings: Mapping[str, Any]
    score: str
    resumed_at: int | None = None


class Tracker(Protocol):
    """Where people follow a run beside its own files: a folder of events, a data base, a server.

    Built of the settings in its YAML file, and pickled where the class has an attribute `apart = True`: the methods are
    then called in a process of its own, so that nothing which its package does to a process reaches the training, and
    not with steps that it knows from an earlier stretch of the run. What it raises is reported once, and the run goes
    on without it.
    """

    def open(self, run: TrackedRun) -> None:
        """Begins the run there, or goes on with that of the same `id`."""
        ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One point on each curve in `values`, by its name; a `/` in a name groups curves."""
        ...

    def scores(self, step: int, values: Mapping[str, float], protocol: str) -> None:
        """As `scalars`, with a line that says how the scores were computed."""
        ...

    def grid(self, step: int, name: str, pixels: numpy.ndarray) -> None:
        """A picture (H, W, 3), uint8."""
        ...

    def flush(self) -> None:
        """Hands over what is still in memory: with each checkpoint."""
        ...

    def close(self, summary: Mapping[str, Any] | None) -> None:
        """Ends with what summary.json says of the run; None where it broke off."""
        ...

    def command(self, folder: Path) -> str | None:
        """What to type to look at the run in `folder`; None where there is nothing to type."""
        ...


class Generator(Protocol):
    """A network that makes images (N, C, H, W) of `latents` (N, latent_size) and `labels` (N,), in [-1, 1] in `eval()`.

    A plain nn.Module. Its constructor takes `latent_size`, `image_shape` and `num_classes` (None: labels mean nothing)
    by keyword, and the settings of its YAML file, of which none is obligatory. It may leave labels aside. A size that
    it cannot make is an ArgumentError on `image_shape`. It may have an attribute `choosing_latents`: by so many of the
    first latents it only chooses, as among the Gaussians of a mixture, and `ganctl sample truncation=...` leaves them.
    """

    def __call__(self, **given: Tensor) -> Tensor: ...


class Discriminator(Protocol):
    """A network that judges images (N, C, H, W) in [-1, 1] of `labels` (N,) by logits (N,), higher where more real.

    Built as a generator is, without `latent_size`.
    """

    def __call__(self, images: Tensor, **shown: Tensor) -> Tensor: ...
