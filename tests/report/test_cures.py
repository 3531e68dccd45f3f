"""Every cure of a report composes on top of what its run was started with, changes it, and is not in force already."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from omegaconf import OmegaConf

from ganctl.compose import Composer
from ganctl.report import cures
from ganctl.report.health import health
from ganctl.report.recorded import flat
from tests.report.records import judged, losses, run
from tests.report.test_health import TROUBLES

PRESETS = [
    *((f"model={name}",) for name in ("dcgan", "dcgan_2016", "cdcgan", "mlp", "sngan", "wgan_gp", "lsgan")),
    ("dataset=cifar10",),
]
CHANGED = [
    ("dataset=cifar10", "model=sngan", "training.flip=true", "stop.patience=1"),
    ("experiment=demo",),
    ("model=dcgan_2016", "loss=minimax", "regularizer=[orthogonal]", "scheduler=cyclic", "scheduler.low=0.2"),
    ("scheduler=linear", "scheduler.final=0.00001", "training.clip_norm=5", "training.steps=null", "training.epochs=3"),
    ("training.steps=12", "output.evaluate_every=1", "evaluation.num_images=50", "evaluation.num_real=50"),
]
WITHOUT_CURE = {"It became slower", "The learning rate is nought"}  # the second where the schedule cannot end there


@lru_cache(maxsize=1)
def train_composer() -> Composer:
    return Composer("train")


@lru_cache(maxsize=512)
def composed(*words: str) -> dict[str, Any]:
    """The checked configuration of `ganctl train` with these words, as config.yaml has it."""
    composer = train_composer()
    config = composer.compose(words)
    composer.check(config, words)
    plain: Any = OmegaConf.to_container(
        OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]), resolve=True
    )
    return plain


def on_top(words: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """What one types to start the run again with other values: those of the same key are replaced."""
    replaced = {word.partition("=")[0] for word in more}
    return (*(word for word in words if word.partition("=")[0] not in replaced), *more)


def in_force(words: Sequence[str], more: Sequence[str]) -> list[str]:
    """Those of `more` that change nothing of what was started with `words`."""
    before, after = (dict(flat(composed(*typed))) for typed in (words, on_top(words, more)))
    differ = [key for key in before | after if before.get(key) != after.get(key)]
    return [word for word in more if not any(f"{key}.".startswith(f"{word.partition('=')[0]}.") for key in differ)]


@pytest.mark.parametrize("base", [*PRESETS, *CHANGED], ids=" ".join)
def test_every_cure_applies_to_its_run_changes_it_and_is_not_in_force(base: tuple[str, ...]):
    for title, (trouble, _) in TROUBLES.items():
        words = base
        for _ in range(2 if base in CHANGED else 1):  # once cured, the next remedy is named
            recorded = replace(trouble, config=composed(*words), overrides=list(words))
            finding = next((finding for finding in health(recorded) if finding.title == title), None)
            typed = shlex.split(finding.cure if finding else "")
            assert typed or not finding or base in CHANGED or title in WITHOUT_CURE, title
            if typed[:1] == ["ganctl"]:
                assert typed[1:4] == ["train", "--resume", "outputs/some day/run"]
                typed = typed[4:]
            assert in_force(words, typed) == [], title
            words = on_top(words, typed)


def variety(*words: str) -> str:
    return cures.variety(dict(flat(composed(*words))))


def test_collapse_of_the_default_keeps_its_discriminator():
    assert variety() == variety("dataset=cifar10", "model=dcgan") == "regularizer=[light_r1,mode_seeking]"
    assert variety("dataset=cifar10") == "discriminator.minibatch_deviation=true"
    assert variety("dataset=cifar10", "discriminator=projected_minibatch") == "regularizer=[mode_seeking]"
    assert variety("model=dcgan_2016") == "discriminator.minibatch_kernels=32"
    assert variety("model=wgan_gp") == "regularizer=[gradient_penalty,mode_seeking]"
    assert variety("regularizer=[light_r1,mode_seeking]") == "regularizer.light_r1.weight=0.4"


def test_a_penalty_comes_beside_what_is_there_and_without_batch_norm():
    settings = dict(flat(composed("model=dcgan_2016", "regularizer=[instance_noise]")))
    assert cures.penalty(settings) == "regularizer=[instance_noise,lazy_r1] discriminator.batch_norm=false"


def test_a_game_of_five_updates_gets_more():
    settings = dict(flat(composed("model=sngan")))
    assert cures.stronger_discriminator(settings).startswith("training.discriminator_steps=10 ")


@pytest.mark.parametrize(("data", "mirrored"), [("mnist5k", False), ("cifar10", True)])
def test_digits_are_not_mirrored(data: str, mirrored: bool):
    assert ("training.flip=true" in cures.against_copies(dict(flat(composed(f"dataset={data}"))))) == mirrored


def test_a_data_set_too_small_for_a_frechet_distance_gets_the_kernel_distance():
    small = run(config=composed(), final=judged({"fd_digits": 4.0}, num_real=100))
    (found,) = (finding for finding in health(small) if finding.title.startswith("Too few images"))
    assert found.cure == "metric=[frechet,inception_score,class_shares,kid]"


def test_a_run_that_records_no_settings_has_only_cures_that_need_none():
    settings: Mapping[str, Any] = {}
    assert cures.variety(settings) == "regularizer=[mode_seeking]"
    assert cures.earlier_end(settings) == cures.calmer_training(settings) == ""
    assert health(run(losses=losses(g_loss=[math.nan]), config={}))[0].level == "error"
