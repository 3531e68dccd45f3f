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
        ("wgan", "dcgan", "dcgan", "wasserstein"),
        ("infogan", "infogan", "infogan", "non_saturating"),
        ("dragan", "dcgan", "dcgan_critic", "non_saturating"),
        ("sngan", "resnet", "resnet", "hinge"),
        ("fastgan", "fastgan", "fastgan", "hinge"),
        ("projected", "fastgan", "projected", "hinge"),
        ("r3gan", "r3gan", "r3gan", "relativistic"),
        ("sagan", "sagan", "sagan", "hinge"),
        ("biggan", "biggan", "biggan", "hinge"),
        ("acgan", "dcgan", "acgan", "non_saturating"),
        ("rpgan", "dcgan", "dcgan_critic", "relativistic"),
    ],
)
def test_a_preset_chooses_its_pair_and_its_loss(model, generator, discriminator, loss):
    config = composed(f"model={model}")
    assert [config.choices[group] for group in ("generator", "discriminator", "loss")] == [
        generator,
        discriminator,
        loss,
    ]
    assert config.conditional is (model in ("cdcgan", "sagan", "biggan", "acgan"))
    assert "model" not in config


def test_wgan_gp_is_its_papers_first_algorithm():
    config = composed("model=wgan_gp")
    assert list(config.regularizer) == ["gradient_penalty"]
    assert config.discriminator.batch_norm is False
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0, 0.9]
    assert config.optimizer.generator.lr == config.optimizer.discriminator.lr == 1e-4
    assert (config.training.batch_size, config.training.discriminator_steps) == (64, 5)


def test_wgan_is_its_papers_algorithm():
    config = composed("model=wgan")
    assert config.regularizer.weight_clipping.limit == 0.01
    assert config.optimizer._target_ == "torch.optim.RMSprop"
    assert config.optimizer.generator.lr == config.optimizer.discriminator.lr == 5e-5
    assert (config.training.batch_size, config.training.discriminator_steps) == (64, 5)


def test_infogan_has_its_papers_codes_and_its_authors_rates():
    config = composed("model=infogan")
    assert config.choices.task == "codes" and list(config.regularizer) == ["mutual_information"]
    assert (config.task.categories, config.task.continuous) == (10, 2)
    assert config.latent_size - 1 - config.task.continuous == 62
    assert config.regularizer.mutual_information.weight == 1
    assert (config.optimizer.generator.lr, config.optimizer.discriminator.lr) == (1e-3, 2e-4)


def test_dragan_has_the_settings_of_its_authors_code():
    config = composed("model=dragan")
    (penalty,) = config.regularizer.values()
    assert (penalty.weight, penalty.target, penalty.spread) == (10, 1, 0.5)
    assert config.discriminator.batch_norm is False and config.training.fresh_fakes is True
    for side in ("generator", "discriminator"):
        assert (config.optimizer[side].lr, config.optimizer[side].betas) == (1e-4, [0.5, 0.9])
    assert (config.training.batch_size, config.training.discriminator_steps) == (128, 1)


def test_sngan_normalises_every_weight_of_its_discriminator():
    config = composed("model=sngan")
    assert config.discriminator.spectral_norm is True
    assert config.optimizer.discriminator.betas == [0, 0.9]
    assert config.training.discriminator_steps == 5


def test_sagan_has_the_rates_of_its_papers_fourth_section():
    config = composed("model=sagan")
    assert (config.optimizer.generator.lr, config.optimizer.discriminator.lr) == (1e-4, 4e-4)
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0, 0.9]
    assert config.generator.spectral_norm and config.discriminator.spectral_norm
    assert config.training.discriminator_steps == 1
    whole = composed("experiment=sagan_cifar10")
    for network in (whole.generator, whole.discriminator):
        assert (network.width, network.max_width, network.attention) == (64, 1024, 32)
    assert whole.training.batch_size == 256


def test_biggan_has_the_settings_of_its_papers_appendix_c_and_of_its_authors_script_for_cifar10():
    config = composed("model=biggan")
    assert (config.optimizer.generator.lr, config.optimizer.discriminator.lr) == (5e-5, 2e-4)
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0, 0.999]
    assert (config.training.discriminator_steps, config.regularizer.orthogonal.weight) == (2, 1e-4)
    assert list(config.regularizer.orthogonal.networks) == ["generator"]
    assert config.generator.initialisation == config.discriminator.initialisation == "orthogonal"
    assert (config.generator.shared_size, config.generator.hierarchical, config.latent_size) == (128, True, 120)
    whole = composed("experiment=biggan_cifar10")
    assert (whole.generator.width, whole.discriminator.width) == (4 * 64, 4 * 64)
    assert (whole.optimizer.generator.lr, whole.optimizer.discriminator.lr) == (2e-4, 2e-4)
    assert (whole.training.batch_size, whole.training.discriminator_steps, whole.training.epochs) == (50, 4, 500)
    assert 0.5 ** (50 / (1000 * whole.training.ema_half_life_kimg)) == pytest.approx(0.9999, abs=1e-7)
    assert whole.regularizer == {}


def test_acgan_has_the_settings_of_its_papers_second_table():
    config = composed("model=acgan")
    assert (config.generator.width, config.generator.max_width) == (96, 384), "384, 192 and 96 channels at 32 pixels"
    assert config.latent_size + config.generator.label_size == 110
    assert list(config.term) == ["auxiliary_classifier"] and config.term.auxiliary_classifier.weight == 1
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0.5, 0.999]
    assert config.optimizer.generator.lr in (1e-4, 2e-4, 3e-4)
    assert config.training.batch_size == 100
    assert composed("experiment=acgan_cifar10").training.steps == 50_000


def test_r3gan_on_cifar10_is_the_preset_of_its_authors():
    config = composed("experiment=r3gan_cifar10")
    assert [config.generator[key] for key in ("width", "max_width", "blocks", "expansion")] == [768, 768, 2, 2]
    assert config.generator.group_size == 2 * 768 // 96, "a cardinality of 96"
    assert (config.latent_size, config.generator.label_size, config.training.batch_size) == (64, 64, 512)
    assert config.optimizer.generator.betas == config.optimizer.discriminator.betas == [0, 0.9]
    assert (config.optimizer.lr, config.optimizer.lr * config.scheduler.final) == (2e-4, 5e-5)
    assert config.scheduler.final_beta2 == 0.99
    for part in config.regularizer.values():
        assert (part.weight, part.weight * part.final, part.every, part.finite_step) == (
            0.05,
            pytest.approx(0.005),
            1,
            0,
        )
    assert (config.augment.rising.probability, config.augment.rising.ramp_kimg) == (0.55, 20_000)
    assert (config.training.burn_in_kimg, config.training.ema_half_life_kimg) == (20_000, 5000)
    assert config.training.ema_rampup is None and config.training.fresh_fakes and config.training.flip


def test_groups_that_are_typed_win_over_the_preset():
    config = composed("model=sngan", "discriminator=dcgan", "loss=least_squares", "regularizer=r1")
    assert config.choices.generator == "resnet"
    assert config.choices.discriminator == "dcgan"
    assert config.choices.loss == "least_squares"
    assert list(config.regularizer) == ["r1"]
    assert "batch_norm" in config.discriminator


@pytest.mark.parametrize(
    ("model", "group"), [("wgan_gp", "regularizer"), ("r3gan", "regularizer"), ("r3gan", "augment")]
)
def test_typing_no_regularizer_takes_the_presets_away(model, group):
    assert composed(f"model={model}", f"{group}=[]")[group] == {}


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
