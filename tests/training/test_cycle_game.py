"""Terms in the game of two generators hold for both ways, and what a game would pass over is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from ganctl.augment import DiffAugment
from ganctl.contract import Batch, DataSpec, Sample
from ganctl.loss import LeastSquares
from ganctl.regularizer import R1, InstanceNoise, LeCam, Orthogonal
from ganctl.task import Translation
from ganctl.term import L1, Cycle, FeatureMatching, Identity, TotalVariation
from ganctl.training import content, cycle, step
from tests.training.helpers import CPU, begin

SPEC = DataSpec("pictures", (1, 8, 8), None, source_shape=(1, 8, 8))
TASK = Translation(SPEC, show_source=False)


class Shift(nn.Module):
    """A generator that adds a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, source: Tensor) -> Tensor:
        return source + self.by


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.1))

    def forward(self, images: Tensor, features: bool = False) -> Tensor:
        rows = self.weight * images.flatten(1)
        return rows / rows.shape[1] if features else rows.mean(1)


def networks() -> dict[str, nn.Module]:
    return {"there": Shift(0.5), "back": Shift(-0.25), "of_images": Judge(), "of_sources": Judge()}


def played(**terms: object) -> dict[str, float]:
    game = cycle.Cycle(TASK, LeastSquares(), 4, regularizers=terms)  # type: ignore[arg-type]
    state = begin(networks(), game)
    source = torch.linspace(-1, 1, 4 * 64).view(4, 1, 8, 8)
    log = game.step(state, CPU, [Batch(source + 0.1, torch.zeros(4, dtype=torch.int64), source)])
    return {name: float(value) for name, value in log.items()}


def test_each_term_is_that_of_the_way_there_and_that_of_the_way_back() -> None:
    log = played(cycle=Cycle(1.0), identity=Identity(1.0), l1=L1(1.0), total_variation=TotalVariation(1.0))
    assert log["cycle"] == pytest.approx(2 * 0.25), "0.5 there and 0.25 back, twice"
    assert log["identity"] == pytest.approx(0.5 + 0.25)
    assert log["l1"] == pytest.approx(abs(0.5 - 0.1) + abs(-0.25 + 0.1)), "each against the other side's picture"
    parts = ("cycle", "identity", "l1", "total_variation")
    assert log["g_penalty"] == pytest.approx(sum(log[name] for name in parts), rel=1e-5)


def test_each_way_asks_the_discriminator_of_its_own_pictures() -> None:
    log = played(feature_matching=FeatureMatching(1.0, has_truth=True))
    assert log["feature_matching"] == pytest.approx(0.1 * (0.4 + 0.15), rel=1e-4)


def test_without_terms_there_is_the_adversary_alone() -> None:
    assert played()["g_penalty"] == 0


@dataclass
class Seen:
    """A term that remembers what it was given."""

    every: int = 2
    calls: list[Sample] = field(default_factory=list)

    def generator_penalty(self, fake: Sample, real: Batch, generator: nn.Module) -> Tensor:
        self.calls.append(fake)
        return fake.images.mean()


def test_a_term_of_every_second_step_counts_twice_and_is_left_out_of_the_other() -> None:
    game = cycle.Cycle(TASK, LeastSquares(), 4, regularizers={"seen": (seen := Seen())})
    state = begin(networks(), game)
    batch = Batch(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), torch.zeros(4, 1, 8, 8))
    first = game.step(state, CPU, [batch])
    state.step = 1
    second = game.step(state, CPU, [batch])
    assert float(first["seen"]) == pytest.approx(2 * (0.5 - 0.25)) and len(seen.calls) == 2
    assert "seen" not in second and second["g_penalty"] == 0


GAMES = {"content": content.Content, "cycle": cycle.Cycle, "adversarial": step.Adversarial}


@pytest.mark.parametrize(
    ("game", "part", "why"),
    [
        ("cycle", R1(), "adds to a discriminator's loss; leave it out"),
        ("cycle", LeCam(), "adds to a discriminator's loss; leave it out"),
        ("cycle", DiffAugment(), "changes what a discriminator sees; leave it out"),
        ("cycle", InstanceNoise(), "changes what a discriminator sees; leave it out"),
        ("content", R1(), "adds to a discriminator's loss; leave it out"),
        ("content", DiffAugment(), "changes what a discriminator sees; leave it out"),
        ("content", FeatureMatching(), "asks a discriminator; leave it out, or take game=adversarial"),
        ("content", Cycle(), "asks a generator of the way back; leave it out, or take game=cycle"),
        ("adversarial", Cycle(), "asks a generator of the way back; leave it out, or take game=cycle"),
        (
            "cycle",
            Orthogonal(networks=["generator", "discriminator"]),
            "looks at weights of generator, discriminator; keep to generator",
        ),
    ],
)
def test_a_game_passes_over_nothing_without_a_word(game: str, part: object, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'game={game}: cannot take mine, which {why}')}$"):
        GAMES[game](TASK, LeastSquares(), 4, regularizers={"l1": L1(), "mine": part})  # type: ignore[dict-item]


def test_weights_of_both_generators_may_be_looked_at() -> None:
    class Wide(Shift):
        def __init__(self) -> None:
            super().__init__(0.0)
            self.layer = nn.Conv2d(1, 2, 1)
            nn.init.constant_(self.layer.weight, 2.0)

    game = cycle.Cycle(TASK, LeastSquares(), 4, regularizers={"orthogonal": Orthogonal(weight=1.0)})
    state = begin({**networks(), "there": Wide(), "back": Wide()}, game)
    batch = Batch(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), torch.zeros(4, 1, 8, 8))
    assert float(game.step(state, CPU, [batch])["orthogonal"]) == pytest.approx(2 * 2 * (2.0 * 2.0) ** 2)
