"""The terms of the generator's loss against their formulas, with networks and critics that can be written down."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ganctl.contract import (
    ArgumentError,
    Batch,
    CriticPenalty,
    CyclePenalty,
    DiscriminatorPenalty,
    GeneratorPenalty,
    Sample,
    Verdict,
)
from ganctl.term import AuxiliaryClassifier, Cycle, FeatureMatching, Identity

REAL = torch.tensor([[1.0, -1.0], [0.5, 0.0]]).view(2, 1, 1, 2)
SOURCE = torch.tensor([[0.0, 0.5], [1.0, 1.0]]).view(2, 1, 1, 2)
BATCH = Batch(REAL, torch.zeros(2, dtype=torch.int64), SOURCE)


class Scale(nn.Module):
    """A generator that multiplies its source."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, source: Tensor) -> Tensor:
        return self.factor * source


def test_identity_asks_that_a_true_image_stays() -> None:
    assert Identity(weight=2.0).generator_penalty(Sample({}, SOURCE), BATCH, Scale(1.0)).item() == 0
    term = Identity(weight=2.0).generator_penalty(Sample({}, SOURCE), BATCH, Scale(3.0))
    assert term.item() == pytest.approx(2 * 2 * float(REAL.abs().mean()))


def test_the_cycle_leads_home() -> None:
    there = Scale(4.0)
    fake = Sample({"source": SOURCE}, there(source=SOURCE))
    assert Cycle(weight=5.0).cycle_penalty(fake, Scale(0.25)).item() == 0
    back = Scale(1.0)
    term = Cycle(weight=5.0).cycle_penalty(fake, back)
    assert term.item() == pytest.approx(5 * 3 * float(SOURCE.mean()))
    slopes = torch.autograd.grad(term, [there.factor, back.factor])
    assert all(slope > 0 for slope in slopes), "both generators learn from it"


def critic(images: Tensor, features: bool = False) -> Tensor:
    """Whose inner features are the pixels and twice the pixels, each layer divided by its two numbers."""
    rows = images.flatten(1)
    return torch.cat([rows / 2, 2 * rows / 2], dim=1) if features else rows.sum(1)


def test_features_are_matched_pair_by_pair_where_there_is_a_truth() -> None:
    images = (REAL + torch.tensor([0.1, -0.3]).view(2, 1, 1, 1)).requires_grad_()
    term = FeatureMatching(weight=10.0, has_truth=True).critic_penalty(Sample({}, images), BATCH, critic)
    torch.testing.assert_close(term, 10 * torch.tensor([0.1 + 0.2, 0.3 + 0.6]))
    assert torch.autograd.grad(term.sum(), images)[0].abs().min() > 0


def test_only_means_of_features_are_matched_where_there_is_none() -> None:
    other = REAL.flip(0)
    matching = FeatureMatching(weight=10.0)
    assert float(matching.critic_penalty(Sample({}, other), BATCH, critic)) == 0
    assert float(matching.critic_penalty(Sample({}, REAL + 0.5), BATCH, critic)) == pytest.approx(10 * (0.5 + 1.0))


def judged(images: Tensor, labels: Tensor | None = None, classes: bool = False) -> Tensor:
    """Whose logits of three classes are a pixel, another, and 0."""
    assert classes, "the logits of the adversarial loss are known already"
    return torch.cat([images.flatten(1), torch.zeros(len(images), 1)], dim=1)


def lost(images: Tensor, labels: Tensor) -> Tensor:
    """-log P(C = c | X) by hand."""
    logits = judged(images, classes=True)
    exponentials = [sum(math.exp(value) for value in row) for row in logits.tolist()]
    picked = [row[label] for row, label in zip(logits.tolist(), labels.tolist(), strict=True)]
    return torch.tensor([math.log(e) - value for e, value in zip(exponentials, picked, strict=True)])


def test_both_networks_want_the_class_to_be_found_the_discriminator_in_real_images_too() -> None:
    term, labels = AuxiliaryClassifier(weight=2.0), torch.tensor([2, 0])
    images = (REAL * 3).requires_grad_()
    shown = {"labels": labels}
    of_generator = term.critic_penalty(Sample(shown, images), BATCH, judged)
    torch.testing.assert_close(of_generator, 2 * lost(images, labels))
    assert torch.autograd.grad(of_generator.sum(), images)[0].abs().min() > 0
    verdicts = [Verdict(each, shown, torch.zeros(2)) for each in (REAL, images)]
    of_discriminator = term.discriminator_penalty(*verdicts, judged)
    torch.testing.assert_close(of_discriminator, 2 * (lost(REAL, labels) + lost(images, labels)))
    assert not of_discriminator.requires_grad, "it teaches the discriminator alone"


def test_each_term_does_what_its_protocol_says_and_no_more() -> None:
    for term, known in (
        (Identity(), [GeneratorPenalty]),
        (Cycle(), [CyclePenalty]),
        (FeatureMatching(), [CriticPenalty]),
        (AuxiliaryClassifier(), [CriticPenalty, DiscriminatorPenalty]),
    ):
        kinds = (GeneratorPenalty, CyclePenalty, CriticPenalty, DiscriminatorPenalty)
        assert [kind for kind in kinds if isinstance(term, kind)] == known


@pytest.mark.parametrize("kind", [AuxiliaryClassifier, Identity, Cycle, FeatureMatching])
def test_values_outside_their_ranges_are_refused(kind: type) -> None:
    for argument, value in (("weight", -1.0), ("every", 0)):
        with pytest.raises(ArgumentError) as refused:
            kind(**{argument: value})
        assert refused.value.argument == argument
