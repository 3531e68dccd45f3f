"""The judge that learns from the data at hand: what it learns, keeps and refuses, and what it leaves untouched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from ganctl import checkpoint
from ganctl.contract import DataSpec, FeatureExtractor, ImageStore, TrainedOnData
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.real import real_features, real_images
from ganctl.feature.classifier import Classifier, stratified
from ganctl.metric.frechet import FrechetDistance
from tests.conftest import Command
from tests.settings import SMALL, torch_untouched

QUICK: dict[str, Any] = {"width": 4, "epochs": 1, "min_steps": 40}


def store_of(count: int = 90, side: int = 12, channels: int = 1, seed: int = 1) -> ImageStore:
    """Noisy images of three classes: a bright left half, a bright top half, or neither."""
    random = numpy.random.default_rng(seed)
    images = random.integers(0, 60, (count, channels, side, side)).astype(numpy.uint8)
    labels = numpy.arange(count) % 3
    images[labels == 0, :, :, : side // 2] += 150
    images[labels == 1, :, : side // 2] += 150
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return ImageStore(DataSpec("bars", (channels, side, side), 3), images, labels, digest)


def prepared(store: ImageStore, cache: Path | None = None, **options: Any) -> Classifier:
    found = Classifier(**(QUICK | options))
    found.prepare(store, cache=cache)
    return found


def scaled(store: ImageStore) -> torch.Tensor:
    return real_images(store)(0, len(store.images))


def test_it_learns_the_classes_and_tells_how_well():
    learnt = prepared(store_of())
    fresh = store_of(seed=2)
    features, logits = learnt(scaled(fresh))
    assert isinstance(learnt, FeatureExtractor) and isinstance(learnt, TrainedOnData)
    assert features.shape == (90, 128) and logits.shape == (90, learnt.num_classes) == (90, 3)
    assert features.dtype == logits.dtype == torch.float32 and not features.requires_grad
    assert (logits.argmax(1).numpy() == fresh.labels).mean() > 0.9
    assert learnt.facts["held_out_accuracy"] == 1 and learnt.facts["held_out_images"] == 9
    assert learnt.facts["training_images"] == 81 and learnt.facts["epochs"] == 5 and learnt.facts["batch_size"] == 10


def test_the_held_out_accuracy_is_of_images_that_were_not_learnt_from():
    """Labels by chance can be learnt by heart only: what is held out is guessed."""
    store = store_of(90)
    chance = numpy.random.default_rng(0).integers(0, 3, 90)
    store = dataclasses.replace(store, labels=chance, content_hash="chance")
    learnt = prepared(store, held_out=0.4, min_steps=100)
    _, kept = stratified(chance, 0.4, 0)
    _, logits = learnt(scaled(store)[kept])
    share = (logits.argmax(1).numpy() == chance[kept.numpy()]).mean()
    assert learnt.facts["held_out_accuracy"] == pytest.approx(share, abs=1e-6) and share < 0.7


def test_before_it_has_learnt_it_can_be_called_and_answers_differently():
    store, random = store_of(), Classifier(**QUICK)
    random.check(store.spec)
    assert random(scaled(store))[0].shape == (90, 128) and random.facts == {}
    before = random.weights_hash
    random.prepare(store, cache=None)
    assert len(before) == 64 and random.weights_hash not in ("", before)
    after = random(scaled(store))[0]
    random.check(store.spec)  # as every evaluation does: nothing is forgotten
    assert torch.equal(random(scaled(store))[0], after)


def test_the_cache_gives_the_same_judge_and_nothing_else_is_moved(tmp_path: Path):
    """A resumed run reads what the first one trained: random state, threads and settings are as if nothing happened."""
    store = store_of()
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    deterministic, cudnn = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.deterministic
    said: list[tuple[str, int, int]] = []
    trained, read = Classifier(**QUICK), Classifier(**QUICK)
    for judge in (trained, read):
        judge.prepare(store, cache=tmp_path, progress=lambda *words: said.append(words))
        assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
        assert torch.are_deterministic_algorithms_enabled() == deterministic
        assert torch.backends.cudnn.deterministic == cudnn and torch.is_grad_enabled()
    assert said == [("training the classifier", step, 40) for step in range(1, 41)]
    assert trained.weights_hash == read.weights_hash and trained.facts == read.facts
    for first, second in zip(trained(scaled(store)), read(scaled(store)), strict=True):
        assert torch.equal(first, second)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("classifier-") and file.suffix == ".safetensors"


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_that_is_broken_off_goes_on_to_the_same_weights(flip: bool, tmp_path: Path):
    """Within an epoch, at the end of one, before and after the averaging of weights has begun."""
    store, done = store_of(), 0

    def break_off(what: str, step: int, steps: int) -> None:
        nonlocal done
        done += 1
        assert step == done, "no step is done twice"
        if step in (3, 8, 30, 39):
            raise InterruptedError

    for _ in range(4):
        with pytest.raises(InterruptedError):
            Classifier(**QUICK, flip=flip).prepare(store, cache=tmp_path, progress=break_off)
        (part,) = tmp_path.iterdir()
    judge = Classifier(**QUICK, flip=flip)
    judge.prepare(store, cache=tmp_path, progress=break_off)
    assert done == 40 and judge.weights_hash == prepared(store, flip=flip).weights_hash
    assert not part.exists() and len(list(tmp_path.iterdir())) == 1


def test_a_state_that_is_damaged_or_foreign_is_not_gone_on_from(tmp_path: Path):
    store = store_of()
    first = prepared(store, tmp_path)
    (file,) = tmp_path.iterdir()
    for content in (b"", b"these are words", pickle.dumps({"key": "another"})):
        file.unlink()
        file.with_suffix(".part").write_bytes(content)
        assert prepared(store, tmp_path).weights_hash == first.weights_hash
        assert list(tmp_path.iterdir()) == [file]


def test_the_hash_is_of_the_weights_and_repeats_itself():
    store = store_of()
    first, second, other = prepared(store), prepared(store), prepared(store, seed=1)
    assert first.weights_hash == second.weights_hash != other.weights_hash
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])


@pytest.mark.parametrize("options", [{"seed": 1}, {"flip": True}, {"epochs": 9}, {"held_out": 0.2}, {"size": 8}])
def test_another_option_is_another_file(options: dict[str, object], tmp_path: Path):
    store = store_of()
    prepared(store, tmp_path)
    found = prepared(store, tmp_path, **options)
    assert len(list(tmp_path.iterdir())) == 2
    assert found.weights_hash == prepared(store, tmp_path, **options).weights_hash
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "words", "bit", "foreign", "shape"])
def test_a_damaged_or_foreign_file_is_made_anew(damage: str, tmp_path: Path):
    store = store_of()
    first = prepared(store, tmp_path)
    (file,) = tmp_path.iterdir()
    content, about = file.read_bytes(), _metadata(file)
    if damage == "cut":
        file.write_bytes(content[:-20])
    elif damage == "words":
        file.write_text("these are words")
    elif damage == "bit":
        file.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    elif damage == "foreign":
        save_file(load_file(file), file, metadata={"about": about["about"].replace("key", "kez")})
    else:
        save_file({"head.bias": torch.zeros(3)}, file, metadata=about)
    again = prepared(store, tmp_path)
    assert again.weights_hash == first.weights_hash and again.facts == first.facts
    assert file.read_bytes() == content and list(tmp_path.iterdir()) == [file]


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()


def _train_there(folder: str) -> None:
    torch.set_num_threads(1)
    prepared(store_of(), Path(folder))


def test_two_processes_may_train_at_once(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_train_there, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        assert worker.exitcode == 0
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    assert prepared(store_of(), tmp_path).facts["held_out_accuracy"] == 1 and file.read_bytes() == content


def test_large_images_are_averaged_down_and_it_is_said():
    store = store_of(side=24, channels=3)
    learnt = prepared(store, size=12, network="own")
    assert learnt.resizing == "area average to 12x12" and prepared(store_of()).resizing == "none"
    images = scaled(store)[:5]
    small = images.unflatten(2, (12, 2)).unflatten(4, (12, 2)).mean(dim=(3, 5))
    assert torch.allclose(learnt(images)[0], learnt.network(small)[0], rtol=1e-4, atol=1e-5)
    wide = Classifier(size=32, network="own")
    wide.check(DataSpec("wide", (3, 48, 96), 2))
    assert wide.resizing == "area average to 16x32"


def test_features_do_not_depend_on_the_batch_nor_on_a_surrounding_autocast():
    learnt, images = prepared(store_of()), scaled(store_of())[:7]
    together, _ = learnt(images)
    alone = torch.cat([learnt(image[None])[0] for image in images])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(learnt(images)[0], together)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (DataSpec("mine", (3, 32, 32), None), "has no labels; sort the images into one folder a class"),
        (DataSpec("mine", (3, 32, 32), 1), "has a single class; sort"),
        (DataSpec("mine", (3, 6, 6), 2), "needs 8 pixels a side, and images of mine have 6x6"),
        (DataSpec("mine", (3, 16, 256), 2), "have 2x32 at size=32"),
    ],
)
def test_what_it_cannot_learn_from_is_refused_in_one_line_with_the_cure(spec: DataSpec, reason: str):
    with pytest.raises(ValueError, match=f"{reason}.* pixels") as error:
        Classifier(network="own").check(spec)
    assert "\n" not in str(error.value)


def test_too_few_images_and_an_unknown_precision_are_refused():
    with pytest.raises(ValueError, match=r"^bars has 12 images, of which 9 .* pixels"):
        prepared(store_of(12))
    with pytest.raises(ValueError, match=r"^precision=fp16: must be fp32 or bf16"):
        Classifier(precision="fp16")


def test_what_is_held_out_is_the_share_of_each_class_and_chosen_by_the_seed():
    labels = numpy.array([0] * 50 + [1] * 20 + [2] * 2 + [3])
    train, kept = stratified(labels, 0.1, seed=0)
    assert torch.equal(torch.cat([train, kept]).sort().values, torch.arange(73))
    assert numpy.bincount(labels[kept.numpy()], minlength=4).tolist() == [5, 2, 1, 0]
    assert torch.equal(stratified(labels, 0.1, seed=0)[1], kept)
    assert not torch.equal(stratified(labels, 0.1, seed=1)[1], kept)


def test_its_accuracy_stands_beside_its_scores():
    store = store_of()
    learnt = prepared(store)
    real = real_features(store, learnt)
    judge = Judge(learnt, {"frechet": FrechetDistance()})
    found = judge.compare(real_images(store_of(seed=2)), real, num_images=60, weights="images", seed=0)
    assert found.values["fd_classifier"] > 0
    assert found.protocol.facts["held_out_accuracy"] == 1 and found.protocol.facts["held_out_images"] == 9
    assert found.protocol.weights_hash == learnt.weights_hash and found.protocol.resizing == "none"


def test_a_run_does_not_depend_on_whether_the_classifier_was_there(
    ganctl: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first run trains it, the second finds it in the cache: every weight and every score is the same."""
    monkeypatch.setenv("GANCTL_CACHE", str(workplace / "cache"))
    choice = ["feature=classifier", "feature.width=4", "feature.epochs=1", "feature.min_steps=1"]
    words = [word for word in SMALL if not word.startswith("feature")]
    written: list[dict[Path, int]] = []
    with torch_untouched():
        for run in ("first", "second"):
            answer = ganctl("train", *words, *choice, f"hydra.run.dir={run}")
            assert answer.code == 0, answer.err
            files = (workplace / "cache" / "features").glob("classifier-*")
            written.append({path: path.stat().st_mtime_ns for path in files})
    assert len(written[0]) == 2 and written[0] == written[1]  # the weights and the real images' features
    summaries = [json.loads((workplace / run / "summary.json").read_text()) for run in ("first", "second")]
    assert summaries[0]["scores"] == summaries[1]["scores"] and summaries[0]["scores"]["fd_classifier"] > 0
    first, second = (tensors(checkpoint.load(checkpoint.find(workplace / run))) for run in ("first", "second"))
    assert len(first) == len(second) > 20
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def tensors(content: Any) -> list[torch.Tensor]:
    """All tensors in dictionaries and lists within each other, in their order."""
    if isinstance(content, torch.Tensor):
        return [content]
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors(part)]
