"""CycleGAN: Zhu et al. 2017 (arXiv:1703.10593), pictures from pictures that belong to none of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganctl.collective import common, share, whole
from ganctl.contract import ArgumentError, Batch, CriticPenalty, CyclePenalty, GeneratorPenalty, Memory, Sample
from ganctl.training.device import Device
from ganctl.training.game import Log, Settings, Way, descent
from ganctl.training.state import TrainState


class Pool:
    """The last images that a generator made: now and then the discriminator sees one of them (section 4).

    Once there are `size`, each image that comes takes the place of a random other one with probability 1/2, which then
    is what the discriminator sees. With size 0 it always sees the new ones. Several processes share one such pool.
    """

    def __init__(self, size: int) -> None:
        self.size, self.images = size, torch.empty(0)

    def swap(self, images: Tensor) -> Tensor:
        """What the discriminator sees in place of `images` (N, C, H, W), which are put in."""
        shown, drawing = [], common()
        for image in whole(images):
            if len(self.images) < self.size:
                self.images = torch.cat([self.images.to(images), image[None]])
                shown.append(image)
                continue
            place = int(torch.randint(max(self.size, 1), (), generator=drawing))
            swapped = bool(torch.rand((), generator=drawing) < 0.5)
            if swapped and self.size:
                shown.append(self.images[place].clone())
                self.images[place] = image
            else:
                shown.append(image)
        return share(torch.stack(shown))

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        self.images = content["images"].clone()


@dataclass(frozen=True)
class Cycle(Settings):
    """Two generators, there (source to image) and back, against a discriminator of each kind of picture.

    Terms of the generator's loss hold for both ways: `term=[cycle]`, that what goes there and back shall be what it was
    (eq. 2), and `term=[identity]`, that a generator shall leave alone what is of its own kind already (section 5.2),
    are what makes it CycleGAN. `pool_size` is that of both pools.

    Raises:
        ValueError: settings of the other game that this one does not know, what asks or changes more of the
            discriminators than this game does, and pictures of two shapes.
    """

    pool_size: int = 50

    networks: ClassVar = {
        "there": "generator",
        "back": "generator",
        "of_images": "discriminator",
        "of_sources": "discriminator",
    }
    sides: ClassVar = {"generator": ("there", "back"), "discriminator": ("of_images", "of_sources")}
    averaged: ClassVar = ("there",)
    honours: ClassVar = (GeneratorPenalty, CriticPenalty, CyclePenalty)
    batches_per_step: ClassVar = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for argument, value, only in (
            ("training.discriminator_steps", self.discriminator_steps, 1),
            ("training.fresh_fakes", self.fresh_fakes, False),
            ("training.accumulate", self.accumulate, 1),
        ):
            if value != only:
                raise ArgumentError(argument, value, "game=cycle does not know it", str(only).lower())
        if self.loss.relativistic:
            raise ValueError("game=cycle: takes no relativistic loss; try loss=least_squares")
        shape, source = tuple(self.task.spec.image_shape), tuple(self.task.spec.source_shape or ())
        if shape != source:
            need = f"goes there and back, and so needs sources of the images' shape; they are {source} and {shape}"
            raise ValueError(f"game=cycle: {need}")

    def memories(self) -> dict[str, Memory]:
        return {**super().memories(), "images": Pool(self.pool_size), "sources": Pool(self.pool_size)}

    def learn(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """One update of both generators, then one of both discriminators.

        The log's keys: `d_loss`, `g_loss` (adversarial terms), `g_penalty` (the other terms of the generators' loss,
        weighted), and each of these by its name, its two ways added.
        """
        (batch,) = batches
        x, y = self.task.given(batch)["source"], batch.images
        G, F, D_image, D_source = (state.networks[name] for name in self.networks)
        judge_image, judge_source = (self.critic(D, state.step) for D in (D_image, D_source))
        for D in (D_image, D_source):
            D.requires_grad_(False)
        with descent(state.optimizers["generator"], self.clip_norm) as add, device.autocast():
            there, back = G(source=x).float(), F(source=y).float()
            judged = self.loss.generator(judge_image(there), None).mean()
            judged = judged + self.loss.generator(judge_source(back), None).mean()
            ways = (
                Way(Sample({"source": x}, there), Batch(y, batch.labels, x), G, judge_image, back=F),
                Way(Sample({"source": y}, back), Batch(x, batch.labels, y), F, judge_source, back=G),
            )
            due = self.due(state.step).items()
            terms = {name: torch.stack([way.penalties([term]) for way in ways]).sum() for name, term in due}
            penalty = sum(terms.values(), torch.zeros((), device=y.device))
            add(judged + penalty)
        for D in (D_image, D_source):
            D.requires_grad_(True)
        with descent(state.optimizers["discriminator"], self.clip_norm) as add, device.autocast():
            losses = torch.zeros((), device=y.device)
            for judge, real, fake, pool in ((judge_image, y, there, "images"), (judge_source, x, back, "sources")):
                earlier = state.memories[pool].swap(fake.detach())  # type: ignore[attr-defined]
                losses = losses + self.loss.discriminator(judge(real), judge(earlier)).mean()
            add(losses)
        shares = {name: term.detach() for name, term in terms.items()}
        return {"d_loss": losses.detach(), "g_loss": judged.detach(), "g_penalty": penalty.detach(), **shares}
