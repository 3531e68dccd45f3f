"""InfoGAN: what codes mean, that images show them alone, and what recovering them costs and teaches."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ganctl import build
from ganctl.contract import ArgumentError, Batch, DataSpec
from ganctl.model.infogan import Discriminator, codes
from ganctl.task import Codes
from ganctl.training.device import Device
from ganctl.training.feed import Feed
from ganctl.training.loop import train
from tests.settings import settings
from tests.training.test_methods import CPU, pictures

SPEC = DataSpec("tiny", (1, 16, 16), 10)
FEW = ("generator.width=4", "generator.max_width=8", "discriminator.width=4", "discriminator.max_width=8")


def parts(*words: str):
    config = settings("model=infogan", *FEW, "latent_size=8", "discriminator.hidden=16", *words)
    task = build.task(config, SPEC)
    torch.manual_seed(0)
    return task, *(build.network(config, group, task) for group in ("generator", "discriminator"))


def normal(shares: list[float]) -> Tensor:
    return torch.special.ndtri(torch.tensor(shares))


def test_the_first_latent_is_a_category_and_the_next_are_numbers():
    latents = torch.stack([normal([0.05, 0.5, 0.75, 0.3]), normal([0.999, 0.001, 0.25, 0.3])])
    category, numbers = codes(latents, 10, 2)
    assert category.tolist() == [0, 9]
    torch.testing.assert_close(numbers, torch.tensor([[0.0, 0.5], [-0.998, -0.5]]), rtol=0, atol=1e-5)
    category, numbers = codes(torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0)), 4, 1)
    assert category.bincount().tolist() == pytest.approx([5000] * 4, abs=200)
    assert numbers.mean().item() == pytest.approx(0, abs=0.02)
    assert numbers.var().item() == pytest.approx(1 / 3, abs=0.01)


def test_images_depend_on_the_category_and_not_on_the_latent_that_names_it():
    _, generator, _ = parts()
    generator.eval()
    latents, labels = torch.randn(1, 8).repeat(3, 1), torch.zeros(3, dtype=torch.int64)
    latents[:, 0] = normal([0.31, 0.39, 0.41])
    images = generator(latents, labels)
    torch.testing.assert_close(images[0], images[1])
    assert (images[0] - images[2]).abs().max() > 1e-4
    assert generator.choosing_latents == 1


def test_recovering_costs_the_cross_entropy_and_half_the_squared_distances():
    _, _, discriminator = parts()
    discriminator.eval()
    images, labels, latents = torch.randn(5, 1, 16, 16), torch.zeros(5, dtype=torch.int64), torch.randn(5, 8)
    category, numbers = codes(latents, 10, 2)
    found = discriminator.recovery(discriminator.dcgan.layers(images))
    chosen = functional.log_softmax(found[:, :10], dim=1)[torch.arange(5), category]
    log_density = torch.distributions.Normal(found[:, 10:], 1.0).log_prob(numbers).sum(1)
    expected = -chosen - (log_density + 2 * math.log(math.sqrt(2 * math.pi)))
    torch.testing.assert_close(discriminator(images, labels, latents, recover=True), expected)


def test_the_logits_are_dcgans_and_know_no_codes():
    _, _, discriminator = parts()
    discriminator.eval()
    images, labels = torch.randn(3, 1, 16, 16), torch.zeros(3, dtype=torch.int64)
    logits = [discriminator(images, labels, torch.randn(3, 8)) for _ in range(2)]
    assert torch.equal(*logits) and torch.equal(logits[0], discriminator.dcgan(images, labels))


def test_both_networks_learn_what_lets_codes_be_recovered():
    config = settings("model=infogan", *FEW, "latent_size=8", "training.batch_size=32", "task.continuous=1",
                      "task.categories=2", "optimizer.lr=0.002", "device=cpu")  # fmt: skip
    store = pictures((1, 28, 28))
    task = build.task(config, store.spec).fitted(store)
    game = build.game(config, task)
    state = build.state(config, game, task, CPU)
    feed = Feed(store, CPU, batch_size=32, seed=0)
    terms = [log["g_penalty"].item() for log in train(state, game, CPU, feed, lambda step, total: 1.0, 60, seed=0)]
    chance = math.log(2) + 1 / 6  # of a guess: the entropy, and half the variance of a number
    assert terms[0] > 0.8 * chance and sum(terms[-5:]) / 5 < 0.4 * chance, terms


@pytest.mark.parametrize(("categories", "continuous"), [(4, 2), (0, 3), (3, 0)])
def test_a_grid_varies_one_code_a_row(categories: int, continuous: int):
    task = Codes(SPEC, 8, categories=categories, continuous=continuous)
    given, columns = task.grid(0, 64)
    assert columns == (categories or 10)
    rows = given["latents"].view(-1, columns, 8)
    assert len(rows) == 64 // columns
    for number, row in enumerate(rows):
        varied = (row != row[:1]).any(0).nonzero().flatten().tolist()
        assert varied == [number % task.number]
        category, numbers = codes(row, categories, continuous)
        if categories and varied == [0]:
            assert category.tolist() == list(range(columns))
        else:
            varying = numbers[:, varied[0] - bool(categories)]
            torch.testing.assert_close(varying, (torch.arange(columns) + 0.5) / columns * 2 - 1)
    assert len({tuple(row[0, task.number :].tolist()) for row in rows}) == len(rows), "each row is another picture"
    assert len(task.grid(0, columns - 1)[0]["latents"]) == columns - 1


def test_the_discriminator_is_shown_the_latents_it_is_asked_after():
    task = Codes(SPEC, 8)
    given = task.given(Batch(torch.zeros(4, 1, 16, 16), torch.zeros(4, dtype=torch.int64)))
    assert task.shown(given)["latents"] is given["latents"] and given["latents"].shape == (4, 8)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"categories": 1}, "categories=1: one category tells nothing; try categories=0 or categories=10"),
        ({"categories": 0, "continuous": 0}, "categories=0: there are no codes; take task=noise, or ask for some; try"),
        ({"continuous": 8}, "latent_size=8: the codes are 9 latents by themselves; try latent_size=71"),
    ],
)
def test_codes_that_cannot_be_are_refused(words: dict, line: str):
    with pytest.raises(ArgumentError) as refused:
        Codes(SPEC, 8, **words)
    assert str(refused.value).startswith(line)


def test_a_pack_is_refused():
    small = {"image_shape": (1, 16, 16), "num_classes": None, "hidden": 4}
    with pytest.raises(ArgumentError, match=r"^pack=2: a pack has the codes of several images; try pack=1$"):
        Discriminator(**small, initialisation="he", spectral_norm=False, pack=2)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["task=codes"],
            "generator=dcgan: knows of no codes in the latents, and task=codes has some; try",
        ),
        (
            ["model=infogan", "discriminator=dcgan"],
            "regularizer=[mutual_information]: discriminator=dcgan cannot",
        ),
        (
            ["model=infogan", "task=noise"],
            "regularizer=[mutual_information]: task=noise has no codes in",
        ),
        (
            ["model=infogan", "regularizer=[]", "discriminator=cnn"],
            "discriminator=cnn: knows of no codes",
        ),
    ],
)
def test_parts_that_know_no_codes_are_refused_in_one_line(words: list[str], line: str):
    config = settings(*words)
    task = build.task(config, DataSpec("tiny", (1, 28, 28), 10))
    with pytest.raises(ValueError) as refused:
        game = build.game(config, task)
        build.state(config, game, task, Device(torch.device("cpu")))
    assert str(refused.value).startswith(line) and "\n" not in str(refused.value)
