"""Style and perception: damage and other collections move the scores as they should, beside real images' own."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganctl.contract import FeatureSet
from ganctl.evaluation.statistics import as_pixels
from ganctl.metric.style import Style
from tests.metric.feature_sets import side

PATCH, COUNT = 48, 20
SMALL = Style(size=68, max_images=COUNT, pairs=20)
NAME = SMALL.network


@pytest.fixture(scope="module")
def temple_and_flower() -> tuple[Tensor, Tensor]:
    """Patches (N, 3, 48, 48) in [-1, 1] of two photographs, in a random order."""
    from sklearn.datasets import load_sample_images

    collections = []
    for number, photograph in enumerate(load_sample_images().images):
        pixels = torch.from_numpy(numpy.array(photograph)).permute(2, 0, 1).float() / 127.5 - 1
        patches = pixels.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).flatten(1, 2).transpose(0, 1)
        collections.append(patches[torch.randperm(len(patches), generator=torch.Generator().manual_seed(number))])
    return collections[0], collections[1]


def judged(samples: Tensor, real: Tensor) -> dict[str, float]:
    """The scores without the network's name."""
    values = SMALL(of(samples), of(real))
    return {name.removesuffix(f"_{NAME}"): value for name, value in values.items()}


def of(images: Tensor) -> FeatureSet:
    return replace(side(torch.zeros(2, 1)), count=len(images), images=as_pixels(images).numpy())


@pytest.mark.parametrize("damage", ["blur", "noise"])
def test_distances_of_style_follow_the_damage(damage: str, temple_and_flower: tuple[Tensor, Tensor]) -> None:
    temple, _ = temple_and_flower
    samples, real = temple[:COUNT], temple[COUNT : 3 * COUNT]
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(0))
    levels = [samples, *(gaussian_blur(samples, [13, 13], [sigma, sigma]) for sigma in (0.8, 1.5, 3.0))]
    if damage == "noise":
        levels = [samples, *(samples + sigma * noise for sigma in (0.1, 0.25, 0.6))]
    rows = [judged(level, real) for level in levels]
    for score, least in (("style", 0.99), ("style_nearest", 0.79)):  # to a slightly blurred patch another may be near
        values = [row[score] for row in rows]
        assert spearmanr(range(len(values)), values).statistic > least, score
        assert values[-1] > 1.2 * rows[0][f"{score}_real"]
    assert len({row["style_real"] for row in rows}) == 1, "the line to compare with is of real images alone"


def test_the_same_collection_is_near_the_line_and_another_is_far(temple_and_flower: tuple[Tensor, Tensor]) -> None:
    temple, flower = temple_and_flower
    real = temple[COUNT : 3 * COUNT]
    same, other = judged(temple[:COUNT], real), judged(flower[:COUNT], real)
    assert same["style"] < 1.5 * same["style_real"] and other["style"] > 2 * other["style_real"]
    assert same["style_nearest"] < 1.3 * same["style_nearest_real"] < other["style_nearest"]
    copies = judged(real, real)
    assert copies["style_nearest"] < 0.7 * copies["style_nearest_real"], "real images it is compared with are at 0"


def test_pairs_look_alike_where_variety_is_lost(temple_and_flower: tuple[Tensor, Tensor]) -> None:
    temple, _ = temple_and_flower
    real = temple[COUNT : 3 * COUNT]
    varied, few, one = (judged(temple[:n].repeat(COUNT // n, 1, 1, 1), real) for n in (COUNT, 2, 1))
    assert varied["perceptual_pairs"] > few["perceptual_pairs"] > one["perceptual_pairs"] == 0
    assert varied["perceptual_pairs"] == pytest.approx(varied["perceptual_pairs_real"], rel=0.3)
    directions = {score.name: score.direction for score in SMALL.declare("digits", 10)}
    assert directions[f"perceptual_pairs_{NAME}"] is None and directions[f"style_{NAME}"] == "lower"


def test_grey_images_are_seen_as_the_same_in_colour(temple_and_flower: tuple[Tensor, Tensor]) -> None:
    grey = temple_and_flower[0][: 3 * COUNT].mean(dim=1, keepdim=True)
    once, thrice = (judged(x[:COUNT], x[COUNT:]) for x in (grey, grey.repeat(1, 3, 1, 1)))
    assert once == pytest.approx(thrice)


def test_what_it_cannot_work_with_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^network=resnet: is unknown; choose from efficientnet_lite0, "):
        Style(network="resnet")
    images = torch.zeros(3, 3, 8, 8)
    with pytest.raises(ValueError, match=r"^num_real=3: a distance of styles needs at least 4 real images"):
        SMALL(of(images), of(images))
    with pytest.raises(ValueError, match=r"^num_images=1: a distance of styles needs at least 2"):
        SMALL.check_count(1, None)
