"""The contract carries other games than latents against a discriminator, and other batches than whole ones."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganctl.augment import Adaptive, DiffAugment, Scheduled
from ganctl.contract import Batch, Memory, Task, World
from ganctl.regularizer import R1, Consistency, GradientPenalty, LeCam
from ganctl.task import Noise
from ganctl.training.drawer import Drawer
from ganctl.training.feed import Feed
from ganctl.training.loop import train
from ganctl.training.step import Adversarial
from tests.training import helpers
from tests.training.cycle import Cycle
from tests.training.helpers import CPU
from tests.training.tasks import SPEC, Distance, Enlargement, Enlarger, Patches, Translation, Translator, pairs
from tests.training.test_loop import equal


def networks(kind: str) -> dict[str, nn.Module]:
    torch.manual_seed(3)
    if kind == "cycle":
        return {"G": Translator(), "F": TwoChannels(), "D_image": Patches(1), "D_source": Patches(2)}
    if kind == "enlargement":
        return {"generator": Enlarger(), "discriminator": Patches(1)}
    return {"generator": Translator(), "discriminator": Patches(3)}


class TwoChannels(Translator):
    """An image back to its source."""

    def __init__(self) -> None:
        super().__init__(1)
        self.layers[2] = nn.Conv2d(4, 2, 3, 1, 1)


def rules(kind: str):
    if kind == "cycle":
        return Cycle()
    task = (Enlargement if kind == "enlargement" else Translation)(SPEC)
    return Adversarial(task, helpers.Logistic(), 4, regularizers={"distance": Distance(), "r1": R1(every=2)})


def play(kind: str, steps: int, state=None, attempt: int = 0):
    game = rules(kind)
    state = state or helpers.begin(networks(kind), game)
    state.attempt = attempt
    feed = Feed(pairs(paired=kind != "cycle"), CPU, batch_size=4, seed=5, flip=True)
    logs = train(state, game, CPU, feed, helpers.constant, steps, seed=5)
    return state, [{name: float(value) for name, value in log.items()} for log in logs]


KINDS = ["translation", "enlargement", "cycle"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_game_that_starts_from_pictures_learns_and_resumes_bit_for_bit(kind: str):
    whole, logs = play(kind, 40)
    learned = "cycle" if kind == "cycle" else "g_penalty"
    assert sum(log[learned] for log in logs[-5:]) < 0.8 * sum(log[learned] for log in logs[:5])
    first, _ = play(kind, 25)
    game = rules(kind)
    second = helpers.begin(networks(kind), game)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    torch.rand(100)
    assert play(kind, 40, second)[1] == logs[25:]
    assert equal(second.state_dict(), whole.state_dict())


def test_what_is_remembered_is_saved_and_needed():
    state, logs = play("cycle", 30)
    assert isinstance(state.memories["images"], Memory) and len(state.memories["images"].images) == 10
    forgetful = helpers.begin(networks("cycle"), rules("cycle"))
    saved = copy.deepcopy(play("cycle", 25)[0].state_dict())
    saved["memories"]["images"]["images"] *= -1
    forgetful.load_state_dict(saved)
    assert play("cycle", 30, forgetful)[1] != logs[25:]


def test_another_attempt_draws_other_numbers():
    assert play("translation", 3)[1] != play("translation", 3, attempt=1)[1]
    assert play("translation", 3, attempt=1)[1] == play("translation", 3, attempt=1)[1]


def test_a_translation_is_drawn_from_its_sources():
    store = pairs()
    task: Task = Translation(SPEC).fitted(store)
    drawer = Drawer(Translator(), task, CPU, batch_size=5)
    assert torch.allclose(drawer.samples(0, 3, 9), drawer.samples(0, 0, 12)[3:], atol=1e-6)


def test_a_pair_is_mirrored_together_and_strangers_are_shuffled_apart():
    feed = Feed(pairs(), CPU, batch_size=24, seed=5, flip=True)
    torch.manual_seed(0)
    batch = feed.batch(0)
    assert batch.source is not None
    assert torch.allclose(batch.source[:, :1], -batch.images, atol=1e-6)
    assert torch.equal(batch.source[:, 1:], batch.images.flip(-1))
    strangers = Feed(pairs(paired=False), CPU, batch_size=19, seed=5).batch(0)
    assert strangers.source is not None and not torch.allclose(strangers.source[:, :1], -strangers.images, atol=1e-6)
    sources = {tuple(image.flatten().tolist()) for image in strangers.source}
    assert len(sources) == 19, "each once an epoch"


def weights(state) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for network in state.networks.values() for p in network.parameters()])


class Plain(nn.Module):
    """Networks without batch statistics and dropout, where parts of a batch add up to the whole."""

    def __init__(self, inputs: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.layers = nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, torch.Size(shape).numel()))

    def forward(self, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.layers(rows.flatten(1)).view(-1, *self.shape)


class PlainGenerator(Plain):
    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().forward(latents, labels).tanh()


class PlainDiscriminator(Plain):
    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().forward(images, labels)[:, 0]


def accumulated(parts: int, **changes):
    torch.manual_seed(1)
    sizes = {"generator": PlainGenerator(3, helpers.SHAPE), "discriminator": PlainDiscriminator(4, (1,))}
    game = helpers.game(accumulate=parts, regularizers={"r1": R1(weight=1.0)}, clip_norm=0.5, **changes)
    state = helpers.begin(sizes, game)
    logs = list(train(state, game, CPU, helpers.feed(), helpers.constant, 5, seed=5))
    return weights(state), {name: float(value) for name, value in logs[-1].items()}


@pytest.mark.parametrize("fresh_fakes", [False, True])
@pytest.mark.parametrize("parts", [2, 3, 6])
def test_a_batch_in_parts_is_the_batch(parts: int, fresh_fakes: bool):
    whole, log = accumulated(1, fresh_fakes=fresh_fakes, discriminator_steps=2)
    found, found_log = accumulated(parts, fresh_fakes=fresh_fakes, discriminator_steps=2)
    assert (found - whole).abs().max() < 1e-6
    assert found_log == pytest.approx(log, abs=1e-6)


def test_processes_share_what_is_drawn_for_all():
    store = helpers.store()
    alone = Feed(store, CPU, batch_size=6, seed=5, flip=True)
    torch.manual_seed(0)
    whole = alone.batch(3)
    latents = Noise(helpers.SPEC, 3).given(whole)["latents"]
    for rank in (0, 1):
        world = World(rank, 2)
        torch.manual_seed(0)
        part = Feed(store, CPU, batch_size=6, seed=5, flip=True, world=world).batch(3)
        given = Noise(helpers.SPEC, 3, world=world).given(part)
        rows = slice(3 * rank, 3 * rank + 3)
        assert torch.equal(part.images, whole.images[rows]) and torch.equal(part.labels, whole.labels[rows])
        assert torch.equal(given["latents"], latents[rows])


def test_clips_pass_through_the_step():
    """Images of (N, C, T, H, W): nothing counts their dimensions."""
    torch.manual_seed(0)
    shape = (1, 2, 2, 2)
    sizes = {"generator": PlainGenerator(3, shape), "discriminator": PlainDiscriminator(8, (1,))}
    game = helpers.game(regularizers={"r1": R1(), "penalty": GradientPenalty()})
    state = helpers.begin(sizes, game)
    log = game.step(state, CPU, [Batch(torch.rand(6, *shape), torch.zeros(6, dtype=torch.int64))])
    assert all(value.isfinite() for value in log.values()) and log["d_penalty"] > 0


class Watchful:
    """A regularizer that remembers what it saw."""

    every = 1

    def __init__(self) -> None:
        self.mean = 0.0

    def observe(self, real, fake) -> None:
        self.mean = 0.9 * self.mean + 0.1 * float(real.logits.detach().mean() - fake.logits.detach().mean())

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, content) -> None:
        self.mean = content["mean"]


def test_a_regularizer_that_learns_is_saved_with_the_run():
    game = helpers.game(regularizers={"watch": Watchful()})
    state = helpers.state(rules=game)
    list(train(state, game, CPU, helpers.feed(), helpers.constant, 3, seed=5))
    seen = game.regularizers["watch"].mean
    again = helpers.game(regularizers={"watch": Watchful()})
    other = helpers.state(rules=again)
    other.load_state_dict(copy.deepcopy(state.state_dict()))
    assert seen != 0 and again.regularizers["watch"].mean == seen


LEARNING = {
    "diffaugment": DiffAugment,
    "ada": lambda: Adaptive(target=-0.9, interval=2, speed_kimg=0.1, translation=0.5),
    "scheduled": lambda: Scheduled(probability=1.0, ramp_kimg=0.03),
    "lecam": LeCam,
}


def few(kind: str, steps: int, state=None, **changes):
    game = helpers.game(regularizers={kind: LEARNING[kind](), "r1": R1()}, **changes)
    begun = helpers.state(rules=game)
    if state is not None:
        begun.load_state_dict(copy.deepcopy(state.state_dict()))
    logs = train(begun, game, CPU, helpers.feed(), helpers.constant, steps, seed=5)
    return begun, [{name: float(value) for name, value in log.items()} for log in logs]


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2, "discriminator_steps": 2, "fresh_fakes": True}])
@pytest.mark.parametrize("kind", LEARNING)
@pytest.mark.parametrize("middle", [1, 2, 3])
def test_what_helps_with_few_images_resumes_bit_for_bit_with_what_it_has_learned(kind: str, middle: int, changes: dict):
    whole, logs = few(kind, 6, **changes)
    first, early = few(kind, middle, **changes)
    torch.rand(100)
    second, late = few(kind, 6, first, **changes)
    assert early + late == logs and equal(second.state_dict(), whole.state_dict())
    if kind in ("ada", "scheduled"):
        p = [log[f"{kind}_p"] for log in logs]
        assert p[0] < p[-1] and len(set(p)) > 2, "it has moved, and the log says so"


def test_the_discriminator_sees_real_and_generated_images_augmented_each_by_its_own_draw():
    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.seen = nn.Parameter(torch.ones(())), []

        def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            self.seen.append(images.detach())
            return self.weight * images.sum((1, 2, 3))

    class Same(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return (self.weight + 0.5).expand(len(latents), *helpers.SHAPE)

    game = helpers.game(regularizers={"augment": DiffAugment(policy=["colour"])})
    state = helpers.begin({"generator": Same(), "discriminator": Recorder()}, game)
    log = game.step(state, CPU, [Batch(torch.full((6, *helpers.SHAPE), 0.5), torch.zeros(6, dtype=torch.int64))])
    shifts = [[float(image.mean()) for image in images] for images in state.networks["discriminator"].seen]
    assert [len(images) for images in shifts] == [6, 6, 6], "real, generated, and generated for the generator"
    assert len({shift for images in shifts for shift in images}) == 18
    assert state.networks["generator"].weight.grad != 0 and "augment_p" not in log


class Lighter:
    """All pixels 100 brighter, as a perturbation."""

    every = 1

    def perturb(self, images: torch.Tensor, step: int) -> torch.Tensor:
        return images + 100


def test_consistency_transforms_images_before_any_perturbation():
    parts = {"lighter": Lighter(), "consistency": Consistency(policy=["translation"], translation=0.5)}
    game, state, seen = helpers.game(regularizers=parts), helpers.state(), []
    state.networks["discriminator"].register_forward_pre_hook(lambda network, given: seen.append(given[0].detach()))
    game.step(state, CPU, [helpers.feed().batch(0)])
    assert len(seen) == 5, "real and generated, each once more, and the generator's update"
    assert any((images == 100).any() for images in seen[2:4]), "what is shifted in became brighter with all the rest"
    assert min(float(images.min()) for images in seen) >= 99
