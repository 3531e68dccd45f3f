"""The step: which network moves when, what reaches the losses, and the average."""

from __future__ import annotations

import copy

import pytest
import torch

from ganctl.regularizer import R1
from ganctl.training.ema import update_average
from tests.training import helpers


def setting(**changes):
    """Rules, state, a batch and what the generator makes against it."""
    game, state = helpers.game(**changes), helpers.state()
    torch.manual_seed(0)
    batch = helpers.feed(flip=False).batch(0)
    fakes = list(game.fakes(state.networks["generator"], helpers.CPU, game.task.given(batch), learn=True))
    return game, state, batch, fakes


def step(state, game, batches, device=helpers.CPU):
    log = game.step(state, device, batches)
    state.step += 1
    return log


def weights(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_each_update_moves_its_own_network_only():
    game, state, batch, fakes = setting()
    G, D = state.networks["generator"], state.networks["discriminator"]
    before_g, before_d = weights(G), weights(D)
    game.update_discriminator(state, helpers.CPU, batch, fakes)
    after_d = weights(D)
    assert torch.equal(weights(G), before_g) and not torch.equal(after_d, before_d)
    game.update_generator(state, helpers.CPU, batch, fakes)
    assert torch.equal(weights(D), after_d) and not torch.equal(weights(G), before_g)


def test_the_discriminator_learns_again_after_it_was_frozen():
    game, state, batch, fakes = setting()
    game.update_generator(state, helpers.CPU, batch, fakes)
    assert all(parameter.requires_grad for parameter in state.networks["discriminator"].parameters())


def test_the_logged_losses_are_those_of_the_formulas():
    game, state, batch, fakes = setting()
    D = state.networks["discriminator"].eval()
    on_real, on_fake = D(batch.images, batch.labels), D(fakes[0].images.detach(), batch.labels)
    expected = game.loss.discriminator(on_real, on_fake).mean()
    log = game.update_discriminator(state, helpers.CPU, batch, fakes)
    assert torch.allclose(log["d_loss"], expected)
    assert torch.allclose(log["d_real"], on_real.sigmoid().mean()) and log["d_penalty"] == 0


class ImagePenalty:
    """Counts its calls; its value is known."""

    every, needs_image_gradient = 2, True

    def __init__(self):
        self.calls = []

    def discriminator_penalty(self, real, fake, critic):
        assert real.images.requires_grad and fake.images.requires_grad
        (gradient,) = torch.autograd.grad(real.logits.sum(), real.images, create_graph=True)
        self.calls.append(gradient.square().sum())
        return torch.full((len(real.images),), 3.0)


def test_a_lazy_penalty_comes_each_nth_step_n_times_as_strong():
    penalty, state, feed = ImagePenalty(), helpers.state(), helpers.feed()
    game = helpers.game(regularizers={"penalty": penalty})
    logs = [step(state, game, [feed.batch(number)]) for number in range(4)]
    assert [float(log["d_penalty"]) for log in logs] == [6.0, 0.0, 6.0, 0.0]
    assert len(penalty.calls) == 2


class Weights:
    every, networks = 1, ("generator",)

    def weight_penalty(self, network):
        return sum(parameter.square().sum() for parameter in network.parameters())


def test_a_weight_penalty_reaches_the_networks_it_names():
    state, feed = helpers.state(), helpers.feed()
    log = step(state, helpers.game(regularizers={"weights": Weights()}), [feed.batch(0)])
    assert log["d_penalty"] == 0 and log["g_penalty"] > 0


class Blank:
    """Replaces every image by zeros: nothing real or fake is left to see."""

    every = 1

    def perturb(self, images, step):
        return images * 0


def test_perturbations_come_before_every_judgement():
    state, feed = helpers.state(), helpers.feed()
    before = weights(state.networks["generator"])
    state.networks["discriminator"].eval()
    log = step(state, helpers.game(regularizers={"blank": Blank()}), [feed.batch(0)])
    assert torch.allclose(log["d_real"], log["d_fake"])
    assert torch.equal(weights(state.networks["generator"]), before)  # no gradient can pass


class Relativistic:
    relativistic = True

    def __init__(self):
        self.seen = []

    def discriminator(self, real, fake):
        return torch.nn.functional.softplus(fake - real)

    def generator(self, fake, real):
        self.seen.append(real)
        return torch.nn.functional.softplus(real - fake)


def test_a_relativistic_loss_is_given_the_real_logits_for_the_generator():
    loss = Relativistic()
    step(helpers.state(), helpers.game(loss=loss), [helpers.feed().batch(0)])
    assert loss.seen[0].shape == (6,)


@pytest.mark.parametrize("fresh_fakes", [False, True])
def test_k_updates_of_the_discriminator_go_with_one_of_the_generator(fresh_fakes):
    state, feed = helpers.state(), helpers.feed()
    game = helpers.game(discriminator_steps=3, fresh_fakes=fresh_fakes)
    step(state, game, [feed.batch(number) for number in range(3)])
    assert state.optimizers["discriminator"].state_dict()["state"][0]["step"] == 3
    assert state.optimizers["generator"].state_dict()["state"][0]["step"] == 1 and state.step == 1


def test_clipping_bounds_the_norm_of_the_gradient():
    state = helpers.state()
    step(state, helpers.game(clip_norm=1e-3), [helpers.feed().batch(0)])
    norm = torch.cat([parameter.grad.flatten() for parameter in state.networks["generator"].parameters()]).norm()
    assert norm <= 1e-3 * 1.001


def test_the_average_forgets_half_in_its_half_life():
    average, network = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    start, goal = weights(average), weights(network)
    for step in range(1000, 1010):
        update_average(average, network, half_life=80, rampup=1.0, batch_size=8, step=step)
    assert torch.allclose(weights(average), (start + goal) / 2, atol=1e-6)


def test_the_average_of_an_untrained_start_is_forgotten_soon_and_zero_copies():
    average, network = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    before = weights(average)
    update_average(average, network, half_life=1e6, rampup=0.5, batch_size=8, step=0)
    assert torch.allclose(weights(average), before + 0.75 * (weights(network) - before))
    update_average(average, network, half_life=0, rampup=0.5, batch_size=8, step=5)
    assert torch.equal(weights(average), weights(network))


def test_without_a_rampup_the_half_life_rises_from_nothing_over_the_burn_in():
    settings = {"ema_rampup": None, "ema_half_life": 80.0, "burn_in": 400.0, "discriminator_steps": 1}
    game, state = helpers.game(**settings, batch_size=8), helpers.state()
    average, network = state.averages["generator"], state.networks["generator"]
    for step, half_life in ((0, 0.0), (25, 40.0), (50, 80.0), (70, 80.0)):
        start, state.step = [torch.randn_like(p) for p in average.parameters()], step
        for parameter, value in zip(average.parameters(), start, strict=True):
            parameter.copy_(value)
        game.update_average(state, "generator")
        kept = 0.5 ** (8 / half_life) if half_life else 0.0
        for parameter, value, goal in zip(average.parameters(), start, network.parameters(), strict=True):
            torch.testing.assert_close(parameter, kept * value + (1 - kept) * goal.detach())


def test_a_regularizer_is_taken_as_it_is_at_the_step_with_all_real_images_counted():
    game = helpers.game(
        regularizers={"r1": R1(weight=8.0, final=0.5)}, batch_size=4, discriminator_steps=2, burn_in=80.0
    )
    assert [game.due(step)["r1"].weight for step in (0, 5, 10, 99)] == pytest.approx([8, 6, 4, 4])


def test_buffers_of_the_average_are_the_generators():
    state = helpers.state()
    step(state, helpers.game(), [helpers.feed().batch(0)])
    for mine, theirs in zip(state.averages["generator"].buffers(), state.networks["generator"].buffers(), strict=True):
        assert torch.equal(mine, theirs)
    assert not state.averages["generator"].training


def test_bfloat16_computes_in_half_precision_and_keeps_weights_in_single():
    from ganctl.training.device import Device

    device = Device(torch.device("cpu"), precision="bf16", channels_last=False)
    single, half = helpers.state(), helpers.state()
    batch = helpers.feed(flip=False).batch(0)
    logs = []
    for state, where in ((single, helpers.CPU), (half, device)):
        torch.manual_seed(0)
        logs.append(step(state, helpers.game(), [copy.deepcopy(batch)], where))
    assert weights(half.networks["generator"]).dtype == torch.float32
    assert logs[0]["d_loss"] != logs[1]["d_loss"] and torch.allclose(logs[0]["d_loss"], logs[1]["d_loss"], rtol=0.02)
