"""Named pairs (`model=NAME`): what they choose, and that what is typed wins over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

CONFIGS = Path(__file__).parents[2] / "configs"


def composed(*overrides: str) -> Any:
    """The configuration of `ganctl train OVERRIDES`, and in `choices` the options chosen for each group."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    OmegaConf.set_struct(config, False)
    config.choices = config.hydra.runtime.choices
    return config


@pytest.mark.parametrize(
    ("model", "generator", "discriminator", "loss"),
    [
        ("dcgan", "dcgan_mixture", "dcgan_deep", "non_saturating"),
        ("cdcgan", "dcgan", "dcgan_minibatch", "non_saturating"),
        ("dcgan_2016", "dcgan", "dcgan", "non_saturating"),
        ("pacgan", "dcgan", "dcgan", "non_saturating"),
        ("mlp", "mlp", "cnn", "non_saturating"),
        ("lsgan", "dcgan", "dcgan", "least_squares"),
        ("wgan_gp", "dcgan", "dcgan_critic", "wasserstein"),
        ("sngan", "resnet", "resnet", "hinge"),
        ("fastgan", "fastgan", "fastgan", "hinge"),
        ("projected", "fastgan", "projected", "hinge"),
    ],
)
def test_a_preset_chooses_its_pair_and_its_loss(model, generator, discriminator, loss):
    config = composed(f"model={model}")
    assert [config.choices[group] for group in ("generator", "discriminator", "loss")] == [
        generator,
        discriminator,
        loss,
    ]
    assert config.conditional is (model == "cdcgan")
    assert "model" not in config


def test_wgan_gp_is_its_papers_first_algorithm():
    config = composed("model=wgan_gp")
    assert list(config.regularizer) == ["gradient_penalty"]
    assert config.discriminator.batch_norm is False
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0, 0.9]
    assert config.optimizer.generator.lr == config.optimizer.discriminator.lr == 1e-4
    assert (config.training.batch_size, config.training.discriminator_steps) == (64, 5)


def test_sngan_normalises_every_weight_of_its_discriminator():
    config = composed("model=sngan")
    assert config.discriminator.spectral_norm is True
    assert config.optimizer.discriminator.betas == [0, 0.9]
    assert config.training.discriminator_steps == 5


def test_groups_that_are_typed_win_over_the_preset():
    config = composed("model=sngan", "discriminator=dcgan", "loss=least_squares", "regularizer=r1")
    assert config.choices.generator == "resnet"
    assert config.choices.discriminator == "dcgan"
    assert config.choices.loss == "least_squares"
    assert list(config.regularizer) == ["r1"]
    assert "batch_norm" in config.discriminator


def test_typing_no_regularizer_takes_the_presets_away():
    assert composed("model=wgan_gp", "regularizer=[]").regularizer == {}


def test_values_that_are_typed_win_over_the_preset_whatever_the_order():
    typed = ("training.batch_size=7", "optimizer.lr=0.5", "optimizer.discriminator.lr=0.25", "conditional=true")
    for overrides in (("model=wgan_gp", *typed), (*typed, "model=wgan_gp")):
        config = composed(*overrides)
        assert config.training.batch_size == 7
        assert (config.optimizer.generator.lr, config.optimizer.discriminator.lr) == (0.5, 0.25)
        assert config.conditional is True


def test_every_preset_says_what_it_is_after_the_directive_that_hydra_wants_first():
    for file in sorted((CONFIGS / "model").glob("*.yaml")):
        first, second, *_ = file.read_text().splitlines()
        assert first == "# @package _global_", file.name
        assert second.startswith("# "), file.name
        assert not second.startswith("# @"), file.name


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
@pytest.mark.parametrize("model", ["wgan_gp", "sngan"])
def test_any_optimizer_goes_with_a_preset(model, optimizer):
    from ganctl.compose import Composer

    overrides = [f"model={model}", f"optimizer={optimizer}"]
    composer = Composer("train")
    composer.check(composer.compose(overrides), overrides)
