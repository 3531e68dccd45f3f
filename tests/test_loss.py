"""The losses against their formulas, in numbers that can be checked by hand."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import Tensor

from ganctl import loss
from ganctl.contract import AdversarialLoss, ArgumentError

LOSSES = [each for _, each in inspect.getmembers(loss, inspect.isclass) if each.__module__ == loss.__name__]
SMOOTHED = [loss.NonSaturating, loss.Minimax, loss.LeastSquares]
LOG2 = math.log(2)


def logits(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_obeys_the_contract_and_is_unreduced(kind):
    game = kind()
    assert isinstance(game, AdversarialLoss)
    real, fake = logits(1.0, -2.0, 0.5), logits(0.0, 3.0, -1.0)
    assert game.discriminator(real, fake).shape == (3,)
    assert game.generator(fake, real if game.relativistic else None).shape == (3,)


@pytest.mark.parametrize("kind", LOSSES)
def test_each_image_is_judged_by_itself(kind):
    game = kind()
    real, fake = logits(1.0, -2.0, 0.5), logits(0.0, 3.0, -1.0)
    alone = torch.cat([game.discriminator(real[i : i + 1], fake[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(game.discriminator(real, fake), alone)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_discriminator_gains_by_calling_real_images_real_and_fake_ones_fake(kind):
    real, fake = logits(0.3).requires_grad_(), logits(0.4).requires_grad_()
    on_real, on_fake = torch.autograd.grad(kind().discriminator(real, fake).sum(), (real, fake))
    assert on_real < 0 < on_fake


@pytest.mark.parametrize("kind", LOSSES)
def test_the_generator_gains_by_having_its_images_called_real(kind):
    fake = logits(0.4).requires_grad_()
    (slope,) = torch.autograd.grad(kind().generator(fake, logits(0.3)).sum(), fake)
    assert slope < 0


@pytest.mark.parametrize("kind", LOSSES)
def test_huge_logits_give_finite_losses_and_gradients(kind):
    real, fake = logits(1e4, -1e4, 1e4, -1e4).requires_grad_(), logits(1e4, 1e4, -1e4, -1e4).requires_grad_()
    total = kind().discriminator(real, fake).sum() + kind().generator(fake, real).sum()
    slopes = torch.autograd.grad(total, (real, fake), allow_unused=True)
    assert total.isfinite()
    assert all(slope.isfinite().all() for slope in slopes if slope is not None)


def test_non_saturating_matches_its_formula():
    game = loss.NonSaturating()
    s = torch.sigmoid
    real, fake = logits(0.0, 1.5, -2.0), logits(0.0, -1.0, 0.7)
    torch.testing.assert_close(game.discriminator(real, fake), -s(real).log() - (1 - s(fake)).log())
    torch.testing.assert_close(game.generator(fake), -s(fake).log())
    assert game.discriminator(logits(0.0), logits(0.0)).item() == pytest.approx(2 * LOG2)


def test_minimax_differs_from_non_saturating_in_the_generator_only():
    game, other = loss.Minimax(), loss.NonSaturating()
    real, fake = logits(0.0, 1.5, -2.0), logits(0.0, -1.0, 0.7)
    torch.testing.assert_close(game.generator(fake), (1 - torch.sigmoid(fake)).log())
    torch.testing.assert_close(game.discriminator(real, fake), other.discriminator(real, fake))
    assert game.generator(logits(0.0)).item() == pytest.approx(-LOG2)


def test_minimax_saturates_where_the_discriminator_is_sure_of_a_fake_and_non_saturating_does_not():
    slopes = {}
    for game in (loss.Minimax(), loss.NonSaturating()):
        fake = logits(-20.0).requires_grad_()
        (slopes[type(game).__name__],) = torch.autograd.grad(game.generator(fake).sum(), fake)
    assert slopes["Minimax"].item() == pytest.approx(0, abs=1e-8)
    assert slopes["NonSaturating"].item() == pytest.approx(-1)


def test_least_squares_matches_its_formula():
    game = loss.LeastSquares()
    torch.testing.assert_close(game.discriminator(logits(3.0, 1.0), logits(-1.0, 0.0)), logits(2.5, 0.0))
    torch.testing.assert_close(game.generator(logits(-1.0, 1.0)), logits(2.0, 0.0))


def test_hinge_is_zero_beyond_its_margins():
    game = loss.Hinge()
    real, fake = logits(2.0, 0.0, -1.0, 1.0), logits(-3.0, 0.0, 2.0, -1.0)
    torch.testing.assert_close(game.discriminator(real, fake), logits(0.0, 2.0, 5.0, 0.0))
    torch.testing.assert_close(game.generator(logits(-3.0, 2.0)), logits(3.0, -2.0))


def test_wasserstein_is_the_difference_of_the_logits():
    game = loss.Wasserstein()
    torch.testing.assert_close(game.discriminator(logits(2.0), logits(-3.0)), logits(-5.0))
    torch.testing.assert_close(game.generator(logits(-3.0)), logits(3.0))


def test_relativistic_depends_on_differences_alone():
    game = loss.Relativistic()
    real, fake = logits(0.5, 2.0), logits(0.5, -1.0)
    torch.testing.assert_close(game.discriminator(real, fake), -torch.sigmoid(real - fake).log())
    torch.testing.assert_close(game.generator(fake, real), -torch.sigmoid(fake - real).log())
    torch.testing.assert_close(game.discriminator(real + 7, fake + 7), game.discriminator(real, fake))
    assert game.generator(logits(4.0), logits(4.0)).item() == pytest.approx(LOG2)


@pytest.mark.parametrize("kind", [each for each in LOSSES if each is not loss.Relativistic])
def test_losses_that_are_not_relativistic_need_no_real_logits(kind):
    assert not kind.relativistic
    torch.testing.assert_close(kind().generator(logits(0.5), None), kind().generator(logits(0.5), logits(9.0)))


def test_smoothing_makes_the_best_real_logit_the_one_whose_probability_is_the_target():
    game = loss.NonSaturating(label_smoothing=0.1)
    best = logits(math.log(0.9 / 0.1)).requires_grad_()
    (slope,) = torch.autograd.grad(game.discriminator(best, logits(0.0)).sum(), best)
    assert slope.item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("kind", [loss.NonSaturating, loss.Minimax])
def test_smoothing_matches_cross_entropy_with_a_soft_target(kind):
    real, fake = logits(0.0, 1.5, -2.0), logits(0.0, -1.0, 0.7)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    expected = entropy(real, torch.full((3,), 0.8), reduction="none")
    expected = expected + entropy(fake, torch.zeros(3), reduction="none")
    torch.testing.assert_close(kind(label_smoothing=0.2).discriminator(real, fake), expected)


def test_smoothed_least_squares_moves_both_targets_for_real():
    game = loss.LeastSquares(label_smoothing=0.1)
    torch.testing.assert_close(game.discriminator(logits(0.9), logits(0.0)), logits(0.0))
    torch.testing.assert_close(game.generator(logits(0.9)), logits(0.0))


@pytest.mark.parametrize("kind", SMOOTHED)
def test_smoothing_is_one_sided(kind):
    real = logits(1.0, 1.0)
    plain, smooth = (
        kind().discriminator(real, logits(-2.0, 2.0)),
        kind(label_smoothing=0.3).discriminator(real, logits(-2.0, 2.0)),
    )
    torch.testing.assert_close(plain[1] - plain[0], smooth[1] - smooth[0])


@pytest.mark.parametrize("kind", SMOOTHED)
@pytest.mark.parametrize("value", [-0.1, 0.5, 1.0, math.nan])
def test_smoothing_out_of_range_is_refused_in_one_line(kind, value):
    with pytest.raises(ArgumentError, match=rf"^label_smoothing={value}: must be in \[0, 0\.5\); try .+$"):
        kind(label_smoothing=value)
