from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganctl.contract import FeatureSet, ImageStore
from ganctl.evaluation.evaluate import seconds_per_image
from ganctl.evaluation.real import RealFeatures, real_features, real_images
from ganctl.metric.class_shares import ClassShares
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.inception_score import InceptionScore

from .conftest import Corners, evaluate

METRICS = {"frechet": FrechetDistance(), "inception_score": InceptionScore(splits=2), "class_shares": ClassShares()}


@pytest.fixture
def real(store: ImageStore, extractor: Corners) -> RealFeatures:
    return real_features(store, extractor)


def images(start: int, count: int) -> Tensor:
    """Image number n depends on n alone."""
    each = [torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(n)) for n in range(start, start + count)]
    return torch.stack(each) * 2 - 1


def test_all_scores_come_from_one_pass_and_carry_their_protocol(real: RealFeatures, extractor: Corners):
    extractor.seen = 0
    found = evaluate(images, extractor, METRICS, real, num_images=30, batch_size=8, weights="ema", seed=7)
    assert extractor.seen == 30
    assert list(found.scores) == [
        "fd_corners",
        "is_corners",
        "confidence_corners",
        "share_0_corners",
        "share_1_corners",
        "share_2_corners",
    ]
    assert found.values["fd_corners"] == FrechetDistance()(statistics(extractor), real.features)["fd_corners"]
    expected = {
        "extractor": "corners",
        "weights_hash": "0" * 64,
        "num_real": 40,
        "num_generated": 30,
        "split": "train",
        "data_hash": real.data_hash,
        "pixels": "uint8",
        "weights": "ema",
        "seed": 7,
        "inception_score.splits": 2,
        "class_shares.max_classes": 100,
        "torch": torch.__version__,
    }
    assert expected.items() <= found.protocol.to_plain().items()
    assert {"ganctl", "numpy"} <= found.protocol.known().keys()
    assert all(type(value) in (str, int, float, bool, type(None)) for value in found.protocol.to_plain().values())


def statistics(extractor: Corners) -> FeatureSet:
    from ganctl.evaluation.statistics import extract

    return extract(images, extractor, num_images=30, batch_size=8, what="")


@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_scores_do_not_depend_on_the_batch_size(batch_size: int, real: RealFeatures, extractor: Corners):
    expected = evaluate(images, extractor, METRICS, real, num_images=30, batch_size=10, weights="ema", seed=0)
    found = evaluate(images, extractor, METRICS, real, num_images=30, batch_size=batch_size, weights="ema", seed=0)
    assert found.values == pytest.approx(expected.values, rel=1e-6)


def test_real_images_are_at_no_distance_from_themselves(store: ImageStore, real: RealFeatures, extractor: Corners):
    found = evaluate(real_images(store), extractor, METRICS, real, num_images=40, weights="real", seed=0)
    assert found.values["fd_corners"] == pytest.approx(0, abs=1e-12)


def test_evaluation_leaves_the_random_state_alone(real: RealFeatures, extractor: Corners):
    def generate(start: int, count: int) -> Tensor:
        return torch.rand(count, 1, 8, 8)

    before = torch.get_rng_state()
    evaluate(generate, extractor, METRICS, real, num_images=30, weights="ema", seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_keeps_no_graph(real: RealFeatures, extractor: Corners):
    weight = torch.ones(1, requires_grad=True)
    modes: list[bool] = []

    def generate(start: int, count: int) -> Tensor:
        modes.append(torch.is_grad_enabled())
        return images(start, count) * weight

    evaluate(generate, extractor, METRICS, real, num_images=30, weights="ema", seed=0)
    assert set(modes) == {False} and torch.is_grad_enabled()


def test_images_are_judged_as_they_would_be_saved(real: RealFeatures, extractor: Corners):
    def saved(start: int, count: int) -> Tensor:
        return ((images(start, count) + 1) * 127.5).round().to(torch.uint8).float() / 127.5 - 1

    found = evaluate(images, extractor, METRICS, real, num_images=30, weights="ema", seed=0)
    assert found == evaluate(saved, extractor, METRICS, real, num_images=30, weights="ema", seed=0)


def test_progress_runs_from_nothing_to_all(real: RealFeatures, extractor: Corners):
    seen: list[tuple[str, int, int]] = []
    evaluate(
        images,
        extractor,
        METRICS,
        real,
        num_images=30,
        batch_size=12,
        weights="ema",
        seed=0,
        progress=lambda *report: seen.append(report),
    )
    scoring = [("metrics", done, len(METRICS)) for done in range(len(METRICS) + 1)]
    assert seen == [*(("evaluation", done, 30) for done in (0, 12, 24, 30)), *scoring]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_from_progress_gets_through_and_restores_everything(
    interruption: type[BaseException], real: RealFeatures, extractor: Corners
):
    def interrupt(what: str, done: int, total: int) -> None:
        torch.rand(1)
        raise interruption

    before = torch.get_rng_state()
    with pytest.raises(interruption):
        evaluate(images, extractor, METRICS, real, num_images=30, weights="ema", seed=0, progress=interrupt)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_generator_of_nan_is_refused_in_one_line(value: float, real: RealFeatures, extractor: Corners):
    def generate(start: int, count: int) -> Tensor:
        return images(start, count) * value

    with pytest.raises(ValueError, match="the generator has diverged") as error:
        evaluate(generate, extractor, METRICS, real, num_images=30, weights="ema", seed=0)
    assert "\n" not in str(error.value)


def test_real_features_of_another_extractor_are_refused(real: RealFeatures, extractor: Corners):
    extractor.weights_hash = "1" * 64
    with pytest.raises(ValueError, match=r"corners: the real features are of corners .* extract them anew"):
        evaluate(images, extractor, METRICS, real, num_images=30, weights="ema", seed=0)


def test_two_metrics_may_not_give_one_name(real: RealFeatures, extractor: Corners):
    twice = {"frechet": FrechetDistance(), "mine": FrechetDistance()}
    with pytest.raises(ValueError, match="metric=mine: gives fd_corners, which another metric has given"):
        evaluate(images, extractor, twice, real, num_images=30, weights="ema", seed=0)


def test_a_metric_of_ones_own_needs_no_class_of_ours(real: RealFeatures, extractor: Corners):
    def shift(generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        return {f"shift_{generated.extractor}": float((generated.mean - real.mean).norm())}

    found = evaluate(images, extractor, {"shift": shift}, real, num_images=30, weights="ema", seed=0)
    assert found.values["shift_corners"] > 0


def test_the_time_of_one_image_is_measured(store: ImageStore, extractor: Corners):
    assert 0 < seconds_per_image(extractor, store.spec) < 1
    assert extractor.seen == 16


class Refusing:
    """A metric that wants more images than there are."""

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        raise ValueError("evaluation.num_images=30: refusing needs 31")


class Sorting:
    """A metric that needs the labels of what was generated, and looks at the images."""

    needs = ("generated.labels", "generated.images", "real.images")

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.labels is not None and generated.images is not None and real.images is not None
        return {"mean_label": generated.labels.double().mean().item(), "first": float(generated.images[0].sum())}


def test_what_a_metric_lacks_is_said_and_the_others_are_computed(real: RealFeatures, extractor: Corners):
    metrics = {"refusing": Refusing(), "sorting": Sorting(), **METRICS}
    found = evaluate(images, extractor, metrics, real, num_images=30, weights="ema", seed=0)
    assert found.left_out == {
        "refusing": "evaluation.num_images=30: refusing needs 31",
        "sorting": "generated images have no labels",
    }
    assert "fd_corners" in found.scores and found.scores["fd_corners"].metric == "frechet"


@pytest.mark.parametrize("metric", [Refusing(), Sorting()])
def test_the_only_metric_must_be_computed(metric: object, real: RealFeatures, extractor: Corners):
    with pytest.raises(ValueError, match=r"^(evaluation|metric)[^\n]*$"):
        evaluate(images, extractor, {"only": metric}, real, num_images=30, weights="ema", seed=0)  # type: ignore[dict-item]


def test_labels_and_images_reach_the_metrics_in_order(real: RealFeatures, extractor: Corners):
    labels = torch.arange(30) % 3
    found = evaluate(
        images,
        extractor,
        {"sorting": Sorting()},
        real,
        num_images=30,
        batch_size=7,
        labels=labels,
        weights="ema",
        seed=0,
    )
    assert found.values["mean_label"] == 1
    assert found.values["first"] == ((images(0, 1) + 1) * 127.5).round().sum().item()
    assert found.protocol.dimensions == 4 and found.protocol.resizing == "none"


def test_images_are_kept_only_for_those_who_look_at_them(real: RealFeatures, extractor: Corners):
    seen = []

    class Telling:
        def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
            seen.append(generated.images is not None)
            return {"told": 0.0}

    class Thrifty(Telling):
        needs = ("generated.features",)

    for metric, look in ((Telling(), None), (Thrifty(), None), (Thrifty(), lambda generated, real: None)):
        evaluate(images, extractor, {"m": metric}, real, num_images=30, weights="ema", seed=0, look=look)
    assert seen == [True, False, True]
