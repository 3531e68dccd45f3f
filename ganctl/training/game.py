"""The rules of the game: everything the step needs that is neither learned nor saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ganctl.contract import (
    AdversarialLoss,
    Critic,
    DiscriminatorPenalty,
    GeneratorPenalty,
    Perturbation,
    Regularizer,
    Sample,
    Verdict,
    WeightPenalty,
)


@dataclass(frozen=True)
class Game:
    """Loss, regularizers and the settings of the step.

    Attributes:
        discriminator_steps: discriminator updates per generator update, the k of Goodfellow et al. 2014, Algorithm 1.
        fresh_fakes: draw new latents for the generator's update; otherwise the last discriminator update's fakes are
            judged again, which saves one pass of the generator.
        clip_norm: the largest norm of a network's gradient, or None.
        ema_half_life: images in which the averaged generator forgets half of what it was; 0 copies.
        ema_rampup: the half-life is at most this share of the images seen so far (Karras et al. 2020).
    """

    loss: AdversarialLoss
    regularizers: tuple[Regularizer, ...]
    latent_size: int
    seed: int
    batch_size: int
    discriminator_steps: int = 1
    fresh_fakes: bool = False
    clip_norm: float | None = None
    ema_half_life: float = 10_000
    ema_rampup: float = 0.05

    def due(self, step: int) -> Iterator[Regularizer]:
        """The regularizers whose turn it is at `step` (lazy regularization, Karras et al. 2020, section 3.1)."""
        return (regularizer for regularizer in self.regularizers if step % regularizer.every == 0)

    def critic(self, discriminator: nn.Module, step: int) -> Critic:
        """The discriminator with every perturbation of its input before it."""
        perturbations = [each for each in self.regularizers if isinstance(each, Perturbation)]

        def judge(images: Tensor, labels: Tensor) -> Tensor:
            for perturbation in perturbations:
                images = perturbation.perturb(images, step)
            return discriminator(images, labels).float()

        return judge

    def needs_image_gradient(self, step: int) -> bool:
        """Whether a penalty due at `step` differentiates by the images."""
        return any(isinstance(each, DiscriminatorPenalty) and each.needs_image_gradient for each in self.due(step))

    def discriminator_penalties(
        self, step: int, real: Verdict, fake: Verdict, critic: Critic, discriminator: nn.Module
    ) -> Iterator[Tensor]:
        """The terms due at `step` that are added to the discriminator's loss, as scalars."""
        for each in self.due(step):
            if isinstance(each, DiscriminatorPenalty):
                yield each.every * each.discriminator_penalty(real, fake, critic).mean()
            if isinstance(each, WeightPenalty) and "discriminator" in each.networks:
                yield each.every * each.weight_penalty(discriminator)

    def generator_penalties(self, step: int, fake: Sample, generator: nn.Module) -> Iterator[Tensor]:
        """The terms due at `step` that are added to the generator's loss, as scalars."""
        for each in self.due(step):
            if isinstance(each, GeneratorPenalty):
                yield each.every * each.generator_penalty(fake, generator).mean()
            if isinstance(each, WeightPenalty) and "generator" in each.networks:
                yield each.every * each.weight_penalty(generator)
