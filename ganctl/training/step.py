"""One step of the game, in the order and with the letters of Goodfellow et al. 2014 (arXiv:1406.2661), Algorithm 1.

For k updates: real images x, latents z, the discriminator D ascends; then the generator G descends; then its average
follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganctl.contract import Batch, Critic, Sample, Verdict
from ganctl.training.device import Device
from ganctl.training.ema import update_average
from ganctl.training.game import Game
from ganctl.training.state import TrainState

Log = dict[str, Tensor]


def train_step(state: TrainState, game: Game, device: Device, batches: Sequence[Batch]) -> Log:
    """Changes `state` by one step and returns what happened, as scalars still on the device.

    `batches` holds one batch for each of the k discriminator updates. The log's keys: `d_loss`, `g_loss` (adversarial
    terms), `d_penalty`, `g_penalty` (weighted regularizers), `d_real`, `d_fake` (mean probability of being real).
    """
    D, G = state.discriminator, state.generator
    critic = game.critic(D, state.step)
    *earlier, real = batches
    for x in earlier:
        with torch.no_grad():
            fake = generate(G, game, device, x.labels)
        update_discriminator(state, game, device, critic, x, fake)
    with torch.set_grad_enabled(not game.fresh_fakes):
        fake = generate(G, game, device, real.labels)
    log = update_discriminator(state, game, device, critic, real, fake)
    if game.fresh_fakes:
        fake = generate(G, game, device, real.labels)
    log |= update_generator(state, game, device, critic, real, fake)
    update_average(state.average, G, game.ema_half_life, game.ema_rampup, game.batch_size, state.step)
    state.step += 1
    return log


def generate(G: nn.Module, game: Game, device: Device, labels: Tensor) -> Sample:
    """G(z) for as many z ~ N(0, I) as there are labels."""
    z = torch.randn(len(labels), game.latent_size, device=labels.device)
    with device.autocast():
        return Sample(z, labels, G(z, labels))


def update_discriminator(
    state: TrainState, game: Game, device: Device, critic: Critic, real: Batch, fake: Sample
) -> Log:
    D = state.discriminator
    x, g = real.images, fake.images.detach()
    if game.needs_image_gradient(state.step):
        x, g = x.requires_grad_(), g.requires_grad_()
    with device.autocast():
        on_real = Verdict(x, real.labels, critic(x, real.labels))
        on_fake = Verdict(g, fake.labels, critic(g, fake.labels))
        loss = game.loss.discriminator(on_real.logits, on_fake.logits).mean()
        penalty = total(game.discriminator_penalties(state.step, on_real, on_fake, critic, D), loss)
    descend(loss + penalty, D, state.discriminator_optimizer, game.clip_norm)
    probability = {
        "d_real": on_real.logits.detach().sigmoid().mean(),
        "d_fake": on_fake.logits.detach().sigmoid().mean(),
    }
    return {"d_loss": loss.detach(), "d_penalty": penalty.detach()} | probability


def update_generator(state: TrainState, game: Game, device: Device, critic: Critic, real: Batch, fake: Sample) -> Log:
    D, G = state.discriminator, state.generator
    D.requires_grad_(
        False
    )  # only the images' gradient is wanted: D's weights' would be a third of the work for nothing
    with device.autocast():
        on_fake = critic(fake.images, fake.labels)
        on_real = critic(real.images.detach(), real.labels) if game.loss.relativistic else None
        loss = game.loss.generator(on_fake, on_real).mean()
        penalty = total(game.generator_penalties(state.step, fake, G), loss)
    descend(loss + penalty, G, state.generator_optimizer, game.clip_norm)
    D.requires_grad_(True)
    return {"g_loss": loss.detach(), "g_penalty": penalty.detach()}


def total(terms, like: Tensor) -> Tensor:
    return sum(terms, torch.zeros((), device=like.device))


def descend(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer, clip_norm: float | None) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    optimizer.step()
