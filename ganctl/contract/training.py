"""What changes networks: losses, what is added to them or done to images and weights, and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ganctl.contract.data import Batch
    from ganctl.contract.game import Critic, Sample, Verdict


@runtime_checkable
class Memory(Protocol):
    """Anything learned outside a network's weights, such as a probability or a pool of images: saved with the run.

    `state_dict` holds tensors and plain data only.
    """

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, content: dict[str, Any]) -> None: ...


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
