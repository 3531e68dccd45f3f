"""What the weights of a network have to keep: after every update, of each of several networks, and when resumed."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganctl.regularizer import WeightClipping
from ganctl.training.content import Content
from ganctl.training.game import constrain
from ganctl.training.loop import train
from tests.training import helpers
from tests.training.helpers import CPU
from tests.training.test_loop import equal

LIMIT = 0.05


class Linear:
    """Wasserstein's loss, spelled out."""

    relativistic = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake - real

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake


def rules(**regularizers: object):
    return helpers.game(loss=Linear(), discriminator_steps=3, regularizers=regularizers)


def begun(game):
    state = helpers.state(rules=game)
    constrain(state, game)
    return state


def largest(network: nn.Module) -> float:
    return max(float(parameter.detach().abs().max()) for parameter in network.parameters())


def test_the_discriminator_is_in_the_cube_at_every_one_of_its_updates_and_the_generator_is_free():
    game = rules(clipping=WeightClipping(limit=LIMIT))
    state, seen = begun(game), []
    state.networks["discriminator"].register_forward_pre_hook(lambda network, images: seen.append(largest(network)))
    for _ in train(state, game, CPU, helpers.feed(), helpers.constant, 5, seed=5):
        seen.append(largest(state.networks["discriminator"]))
    assert len(seen) == 5 * (2 * 3 + 1 + 1)
    assert max(seen) == pytest.approx(LIMIT), "some reach the limit and none is above it"
    assert largest(state.networks["generator"]) > 2 * LIMIT


def test_an_update_is_the_one_without_the_constraint_and_then_the_clip():
    ends = []
    for regularizers in ({}, {"clipping": WeightClipping(limit=LIMIT)}):
        game = helpers.game(loss=Linear(), regularizers=regularizers)
        state = helpers.state(rules=game)
        WeightClipping(limit=LIMIT).constrain(state.networks["discriminator"])
        constrain(state, game)
        for _ in train(state, game, CPU, helpers.feed(), helpers.constant, 1, seed=5):
            ends.append([parameter.detach() for parameter in state.networks["discriminator"].parameters()])
    free, clipped = ends
    assert any((one.abs() > LIMIT).any() for one in free)
    assert all(torch.equal(one.clamp(-LIMIT, LIMIT), other) for one, other in zip(free, clipped, strict=True))


def test_a_resumed_run_goes_on_clipping_bit_for_bit():
    game = rules(clipping=WeightClipping(limit=LIMIT))

    def played(state, steps: int):
        for _ in train(state, game, CPU, helpers.feed(), helpers.constant, steps, seed=5):
            pass
        return state

    whole, first, second = played(begun(game), 6), played(begun(game), 3), begun(game)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert equal(played(second, 6).state_dict(), whole.state_dict())
    assert largest(whole.networks["discriminator"]) == pytest.approx(LIMIT)


def test_a_game_without_a_discriminator_refuses_it():
    line = r"^game=content: cannot take clipping, which bounds weights of discriminator; leave it out$"
    with pytest.raises(ValueError, match=line):
        Content(task=None, loss=Linear(), batch_size=2, regularizers={"clipping": WeightClipping()})
