"""One step of the game, in the order and with the letters of Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1.

For k updates: real images x, latents z, the discriminator D ascends; then the generator G descends; then its average
follows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ganctl.contract import (
    Batch,
    CriticPenalty,
    DiscriminatorPenalty,
    Gauge,
    GeneratorPenalty,
    Given,
    Observer,
    Perturbation,
    Sample,
    Verdict,
    WeightPenalty,
)
from ganctl.training.device import Device
from ganctl.training.game import Log, Settings, Way, descent
from ganctl.training.state import TrainState


@dataclass(frozen=True)
class Adversarial(Settings):
    """A generator against a discriminator."""

    networks: ClassVar = {"generator": "generator", "discriminator": "discriminator"}
    sides: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    averaged: ClassVar = ("generator",)
    honours: ClassVar = (GeneratorPenalty, DiscriminatorPenalty, CriticPenalty, Perturbation, Observer)
    weighed: ClassVar = ("generator", "discriminator")

    @property
    def batches_per_step(self) -> int:
        return self.discriminator_steps

    def learn(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """k updates of D and one of G; `batches` holds one batch for each of the k.

        The log's keys: `d_loss`, `g_loss` (adversarial terms), `d_penalty`, `g_penalty` (weighted regularizers),
        `d_real`, `d_fake` (mean probability of being real), and the readings of each `Gauge` behind its name.
        """
        G = state.networks["generator"]
        *earlier, x = batches
        for batch in earlier:
            fakes = self.fakes(G, device, self.task.given(batch), learn=False)
            self.update_discriminator(state, device, batch, fakes)
        z = self.task.given(x)
        one_pass = not self.fresh_fakes and self.accumulate == 1  # of G, for both updates: its graph is kept meanwhile
        fakes = self.fakes(G, device, z, learn=one_pass)
        if one_pass:
            fakes = list(fakes)
        log = self.update_discriminator(state, device, x, fakes)
        if self.fresh_fakes:
            z = self.task.given(x)
        if not one_pass:
            fakes = self.fakes(G, device, z, learn=True)
        log |= self.update_generator(state, device, x, fakes)
        gauges = {name: r for name, r in self.regularizers.items() if isinstance(r, Gauge)}
        log |= {f"{name}_{key}": value for name, gauge in gauges.items() for key, value in gauge.readings().items()}
        return log

    def fakes(self, G: nn.Module, device: Device, z: Given, *, learn: bool) -> Iterator[Sample]:
        """G(z), part by part, each made when it is asked for."""
        for part in split(z, self.accumulate):
            with torch.set_grad_enabled(learn), device.autocast():
                images = G(**part).float()  # a plain network under autocast gives bfloat16
            yield Sample(part, images)

    def update_discriminator(self, state: TrainState, device: Device, batch: Batch, fakes: Iterable[Sample]) -> Log:
        D, due, logs = state.networks["discriminator"], self.due(state.step).values(), []
        critic = self.critic(D, state.step)
        with descent(state.optimizers["discriminator"], self.clip_norm) as add:
            for real, fake in zip(split_batch(batch, self.accumulate), fakes, strict=True):
                x, g, shown = real.images, fake.images.detach(), self.task.shown(fake.given)
                if any(isinstance(r, DiscriminatorPenalty) and r.needs_image_gradient for r in due):
                    x, g = x.requires_grad_(), g.requires_grad_()
                with device.autocast():
                    on_real = Verdict(x, shown, critic(x, **shown))
                    on_fake = Verdict(g, shown, critic(g, **shown))
                    loss = self.loss.discriminator(on_real.logits, on_fake.logits).mean()
                    penalty = torch.zeros((), device=loss.device)
                    for r in due:
                        if isinstance(r, DiscriminatorPenalty):
                            penalty = penalty + r.every * r.discriminator_penalty(on_real, on_fake, critic).mean()
                        if isinstance(r, WeightPenalty) and "discriminator" in r.networks:
                            penalty = penalty + r.every * r.weight_penalty(D)
                add((loss + penalty) / self.accumulate)
                for r in self.regularizers.values():
                    if isinstance(r, Observer):
                        r.observe(on_real, on_fake)
                real_, fake_ = (verdict.logits.detach().sigmoid().mean() for verdict in (on_real, on_fake))
                logs.append({"d_loss": loss.detach(), "d_penalty": penalty.detach(), "d_real": real_, "d_fake": fake_})
        return mean(logs)

    def update_generator(self, state: TrainState, device: Device, batch: Batch, fakes: Iterable[Sample]) -> Log:
        G, D, logs = state.networks["generator"], state.networks["discriminator"], []
        due = self.due(state.step).values()
        critic = self.critic(D, state.step)
        D.requires_grad_(False)  # the images' gradient is wanted, not D's weights': a third of the work for nothing
        with descent(state.optimizers["generator"], self.clip_norm) as add:
            for real, fake in zip(split_batch(batch, self.accumulate), fakes, strict=True):
                with device.autocast():
                    shown = self.task.shown(fake.given)
                    on_fake = critic(fake.images, **shown)
                    on_real = critic(real.images.detach(), **shown) if self.loss.relativistic else None
                    loss = self.loss.generator(on_fake, on_real).mean()
                    penalty = Way(fake, real, G, critic, shown).penalties(due)
                add((loss + penalty) / self.accumulate)
                logs.append({"g_loss": loss.detach(), "g_penalty": penalty.detach()})
        D.requires_grad_(True)
        return mean(logs)


def split(given: Given, parts: int) -> list[Given]:
    """What is given, in so many parts of equal length."""
    columns = [rows.chunk(parts) for rows in given.values()]
    return [dict(zip(given, part, strict=True)) for part in zip(*columns, strict=True)]


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    columns = [[None] * parts if rows is None else rows.chunk(parts) for rows in batch]
    return [Batch(*part) for part in zip(*columns, strict=True)]  # type: ignore[arg-type]


def mean(logs: Sequence[Log]) -> Log:
    """The log of a whole batch from those of its parts."""
    if len(logs) == 1:
        return logs[0]
    return {name: torch.stack([log[name] for log in logs]).mean() for name in logs[0]}
