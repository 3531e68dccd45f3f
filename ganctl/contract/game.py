"""What networks and their game are: what is given and shown, a task, a generator, a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from ganctl.contract.data import Batch, DataSpec, ImageStore

Given = dict[str, "Tensor"]
"""What a network is given by keyword, each of (N, ...): `latents`, `labels`, the `source` image of a translation."""


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
class Placing(Protocol):
    """A generator in two halves, so that pictures of a walk can be taken between what the latents lead to.

    `from_placed(place(latents, labels))` is the generator itself. Worth having where images jump as latents move, as
    with a mixture; without it a walk leads through the latents.
    """

    def place(self, latents: Tensor, labels: Tensor) -> Tensor: ...

    def from_placed(self, placed: Tensor) -> Tensor: ...


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
