"""The terms of the generator's loss against their formulas, with networks and critics that can be written down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganctl.contract import ArgumentError, Batch, CriticPenalty, CyclePenalty, GeneratorPenalty, Sample
from ganctl.term import Cycle, Identity

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


def test_each_term_does_what_its_protocol_says_and_no_more() -> None:
    for term, kind in ((Identity(), GeneratorPenalty), (Cycle(), CyclePenalty)):
        kinds = [each for each in (GeneratorPenalty, CyclePenalty, CriticPenalty) if isinstance(term, each)]
        assert kinds == [kind]


@pytest.mark.parametrize("kind", [Identity, Cycle])
def test_values_outside_their_ranges_are_refused(kind: type) -> None:
    for argument, value in (("weight", -1.0), ("every", 0)):
        with pytest.raises(ArgumentError) as refused:
            kind(**{argument: value})
        assert refused.value.argument == argument
