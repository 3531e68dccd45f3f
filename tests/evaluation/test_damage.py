"""Scores of pictures against how much was done to them: more damage is never a better score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from ganctl.contract import FeatureSet
from ganctl.evaluation.statistics import FeatureStatistics
from ganctl.feature.efficientnet import EfficientNet
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.kid import KernelDistance
from ganctl.metric.precision_recall import PrecisionRecall

PATCH = 32


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def patches() -> Tensor:
    """Patches (N, 3, 32, 32) of two photographs in turn, a temple and a flower, without overlap."""
    from sklearn.datasets import load_sample_images

    photographs = [torch.from_numpy(numpy.array(photograph)) for photograph in load_sample_images().images]
    cut = [p.permute(2, 0, 1).unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).flatten(1, 2) for p in photographs]
    return torch.stack(cut, dim=2).flatten(1, 2).transpose(0, 1).float() / 127.5 - 1


@pytest.fixture(scope="module", params=[{}, {"lite": 2, "size": 100}], ids=["lite0", "lite2"])
def judge(request: pytest.FixtureRequest) -> EfficientNet:
    """As in the YAML files of the same names."""
    return EfficientNet(**request.param)


@pytest.fixture(scope="module")
def features(judge: EfficientNet, patches: Tensor) -> dict[str, list[Tensor]]:
    """The features of the real patches; and of others, by the kind of damage, from none to the most."""
    extractor = judge
    order = torch.randperm(len(patches) // 2, generator=torch.Generator().manual_seed(0))
    pairs = patches.view(-1, 2, *patches.shape[1:])[order]  # of one place in each photograph
    real, others = pairs[:30].flatten(0, 1), pairs[30:60].flatten(0, 1)
    noise = torch.randn(others.shape, generator=torch.Generator().manual_seed(1))
    clean = extractor(others)[0]
    temples, flowers = clean[0::2], clean[1::2]
    return {
        "real": [extractor(real)[0]],
        "blur": [clean, *(extractor(gaussian_blur(others, [9, 9], [s, s]))[0] for s in (0.5, 1.0, 2.0))],
        "noise": [clean, *(extractor((others + s * noise).clamp(-1, 1))[0] for s in (0.05, 0.15, 0.4))],
        "fewer flowers": [torch.cat([temples, flowers[:count]]) for count in (30, 12, 4, 0)],
        "repeats": [clean[:count].repeat(60 // count, 1) for count in (60, 30, 12, 4)],
    }


def feature_set(features: Tensor, extractor: str) -> FeatureSet:
    statistics = FeatureStatistics(extractor)
    statistics.add(features, features.new_zeros(len(features), 0))
    return statistics.result()


@pytest.mark.parametrize("damage", ["blur", "noise", "fewer flowers", "repeats"])
def test_scores_follow_the_damage(damage: str, judge: EfficientNet, features: dict[str, list[Tensor]]) -> None:
    real = feature_set(features["real"][0], judge.name)
    metrics = FrechetDistance(), KernelDistance(), PrecisionRecall()
    levels = [feature_set(level, judge.name) for level in features[damage]]
    rows = [{name: value for metric in metrics for name, value in metric(level, real).items()} for level in levels]

    def rank_correlation(name: str) -> float:
        return spearmanr(range(len(rows)), [row[f"{name}_{judge.name}"] for row in rows]).statistic

    assert rank_correlation("fd") == pytest.approx(1)
    assert rank_correlation("coverage") < -0.9
    assert rank_correlation("kd") > 0.7  # it depends on which few images are repeated
    if damage != "repeats":
        assert rank_correlation("kd") == pytest.approx(1)
