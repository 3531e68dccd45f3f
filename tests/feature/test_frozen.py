"""The classifier of pictures in colour: a head on a frozen network, which learns as the other one does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganctl.contract import DataSpec
from ganctl.feature.classifier import Classifier
from ganctl.feature.frozen import Frozen, Head, train_head
from ganctl.pretrained import LITE0, LITE2
from tests.feature.test_classifier import prepared, scaled, store_of

COLOUR = store_of(240, channels=3)
QUICK = {"size": 32, "epochs": 1, "min_steps": 40}


def test_it_learns_colour_images_by_what_it_knows_already() -> None:
    learnt = prepared(COLOUR, **QUICK)
    fresh = store_of(seed=2, channels=3)
    features, logits = learnt(scaled(fresh))
    assert features.shape == (90, 128) and logits.shape == (90, 3) and (features >= 0).all()
    assert features.dtype == logits.dtype == torch.float32 and not features.requires_grad
    assert (logits.argmax(1).numpy() == fresh.labels).mean() > 0.9
    assert learnt.facts["network"] == learnt.pretrained == LITE0.name and learnt.facts["held_out_accuracy"] > 0.9
    assert learnt.resizing == "bicubic with antialiasing to 32x32"
    assert not any(name.startswith("stem") for name in learnt.network.state_dict()), "only the head is kept"


def test_grey_images_are_learnt_by_a_network_of_its_own_unless_another_is_chosen() -> None:
    grey = DataSpec("mine", (1, 28, 28), 10)
    for choice, network in ((None, None), ("own", None), ("efficientnet_lite0", LITE0.name)):
        judge = Classifier(network=choice)
        judge.check(grey)
        assert judge.pretrained == network and judge(torch.zeros(2, 1, 28, 28))[1].shape == (2, 10)
    judge = Classifier(network="efficientnet_lite2")
    judge.check(DataSpec("mine", (3, 28, 28), 10))
    assert judge.pretrained == LITE2.name
    with pytest.raises(ValueError, match=r"^network=resnet: is unknown; choose from own, efficientnet_lite0, "):
        Classifier(network="resnet")


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_that_is_broken_off_goes_on_to_the_same_weights(flip: bool, tmp_path: Path) -> None:
    """While it looks at the images, at the end of that, and while the head learns: nothing is done twice."""
    said: list[tuple[str, int]] = []

    def break_off(what: str, done: int, total: int) -> None:
        said.append((what, done))
        if (what, done) in {("looking at the images", 100), ("looking at the images", 240)} or done in (3, 39):
            raise InterruptedError

    for _ in range(4):
        with pytest.raises(InterruptedError):
            prepared_with(break_off, tmp_path, flip)
        assert any(tmp_path.iterdir())
    judge = prepared_with(break_off, tmp_path, flip)
    assert len(said) == len(set(said)) == 3 + 40
    assert judge.weights_hash == prepared(COLOUR, flip=flip, **QUICK).weights_hash
    assert [file.suffix for file in tmp_path.iterdir()] == [".safetensors"]


def prepared_with(progress: object, cache: Path, flip: bool) -> Classifier:
    judge = Classifier(flip=flip, **QUICK)  # type: ignore[arg-type]
    judge.prepare(COLOUR, cache=cache, progress=progress)  # type: ignore[arg-type]
    return judge


def test_the_cache_gives_the_same_judge_and_another_network_another(tmp_path: Path) -> None:
    first, read = (prepared(COLOUR, tmp_path, **QUICK) for _ in range(2))
    assert first.weights_hash == read.weights_hash and first.facts == read.facts
    for one, other in zip(first(scaled(COLOUR)), read(scaled(COLOUR)), strict=True):
        assert torch.equal(one, other)
    for options in (
        {"network": "efficientnet_lite2"},
        {"size": 40},
        {"flip": True},
        {"precision": "bf16"},
        {"network": "own", "width": 4},
    ):
        assert prepared(COLOUR, tmp_path, **QUICK | options).weights_hash != first.weights_hash
    assert len(list(tmp_path.iterdir())) == 6


def test_a_mirror_image_is_seen_as_such_and_rows_do_not_depend_on_the_batch() -> None:
    frozen, images = Frozen(LITE0, 32, torch.device("cpu")), scaled(store_of(103, channels=3))
    rows = frozen.rows(lambda start, count: images[start : start + count], 103, flip=True, bf16=False)
    assert rows.shape == (103, 2, frozen.width) and rows.dtype == torch.float16
    alone = torch.stack([frozen(images[7:8])[0], frozen(images[7:8].flip(3))[0]])
    assert torch.allclose(rows[7].float(), alone, rtol=2e-3, atol=2e-3) and not torch.equal(rows[7, 0], rows[7, 1])


def test_a_head_does_not_mind_the_scale_that_numbers_come_in() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    rows = torch.randn(64, 1, 5, generator=generator)
    rows[:, 0, 2] += 4 * labels
    losses: dict[float, list[float]] = {1.0: [], 8.0: []}
    for scale, found in losses.items():
        torch.manual_seed(1)
        head = Head(5, 2)
        options = {"learning_rate": 1e-2, "progress": lambda step, steps, loss, found=found: found.append(loss)}
        train_head(head, (rows * scale + 3 * (scale - 1)).half(), labels, epochs=25, batch_size=16, seed=0, **options)
    assert losses[1.0][-1] == pytest.approx(losses[8.0][-1], rel=0.05) and losses[1.0][-1] < 0.3
