"""Every YAML file composes and passes the checks, says in its first line what it is, and documents what it sets."""

from __future__ import annotations

import re
import sys
from importlib import resources
from itertools import product
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ganctl.compose import Composer, quote
from ganctl.configuration.rules import read_rules
from ganctl.configuration.targets import SEVERAL
from ganctl.invocation.presets import about
from tests.conftest import Refusal

CONFIGS = Path(str(resources.files("ganctl.configs")))
FILES = sorted(CONFIGS.rglob("*.yaml"))
OPTIONS = [file for file in CONFIGS.glob("*/*.yaml") if not file.stem.startswith("_")]
CHOICES = sorted((file.parent.name, file.stem) for file in OPTIONS)
COMMANDS = ["train", "sample", "evaluate", "export"]
PRESETS = ("model", "experiment")  # they set what other files explain


def named(file: Path) -> str:
    return str(file.relative_to(CONFIGS))


VARIANTS = ["stacked_modes"]
"""Metrics whose scores have the names of another's: metric=all has that one."""


def extra_of(group: str, name: str, folder: Path) -> list[str]:
    """What an option needs besides itself to be valid."""
    folders = ("image_folder", "paired_folder", "unpaired_folder")
    experiments = ("art", "enlarge", "pairs", "restyle")
    if (group, name) not in (*product(["experiment"], experiments), *product(["dataset"], folders)):
        return []
    from PIL import Image

    Image.new("RGB", (16, 16)).save(folder / "one.png")
    keys = ["path", "sources"] if name in (*folders[1:], "restyle") else ["path"]
    return [f"dataset.{key}={quote(str(folder))}" for key in keys]


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_option_composes_and_passes_the_checks(group: str, name: str, workplace: Path) -> None:
    choice = f"{group}=[{name}]" if group in SEVERAL else f"{group}={name}"
    overrides = [choice, *extra_of(group, name, workplace)]
    composer = Composer("train")
    config = composer.compose(overrides)
    if (group, name) in {("device", "cuda"), ("device", "mps")}:
        return
    assert composer.check(config, overrides) == []
    if (group, name) == ("metric", "all"):
        assert sorted([*config[group], name, *VARIANTS]) == sorted(each for owner, each in CHOICES if owner == group)
    elif group in SEVERAL:
        assert list(config[group]) == [name]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_as_it_is(command: str) -> None:
    composer = Composer(command)
    assert composer.check(composer.compose([]), []) == []


def test_every_file_says_first_what_it_is() -> None:
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        said = next(line for line in lines if not line.startswith("# @"))
        assert re.fullmatch(r"# \S.{5,117}", said), named(file)
        directives = [number for number, line in enumerate(lines) if line.startswith("# @")]
        assert directives in ([], [0]), f"{named(file)}: Hydra reads `# @package` in the first lines only"


def test_every_default_keeps_to_its_range_and_has_its_meaning_beside_it() -> None:
    for file in FILES:
        for rule in read_rules(file.read_text(encoding="utf-8"), "", file.name):
            label = f"{named(file)}: {rule.key}: {rule.comment}"
            if rule.target is None:
                assert rule.complaint(rule.default) is None, label
            assert (" in [" in f" {rule.comment}" or " in (" in f" {rule.comment}") == bool(rule.interval), label
            refers = isinstance(rule.default, str) and ("${" in rule.default or len(rule.default) > 60)
            is_code = rule.key.rpartition(".")[2] in ("_target_", "shape_rule")
            if file.parent.name in PRESETS or is_code or refers or isinstance(rule.default, dict):
                continue
            values = rule.default if isinstance(rule.default, list) else [rule.default]
            if any(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
                assert rule.interval or rule.choices or rule.key == "stop.target", f"{label}: no range"
            meaning = re.sub(r"(one of|in [\[(]).*", "", rule.comment).strip(" ;,")
            assert meaning or rule.choices, f"{label}: no meaning"


def test_no_two_options_of_a_group_say_the_same_of_themselves() -> None:
    said = [
        (file.parent, next(line for line in file.read_text(encoding="utf-8").splitlines() if line[:3] != "# @"))
        for file in FILES
        if not file.stem.startswith("_")
    ]
    assert sorted(set(said)) == sorted(said)


def test_the_users_word_wins_over_a_model() -> None:
    config = Composer("train").compose(["model=dcgan", "loss=hinge", "training.batch_size=7"])
    assert config.loss._target_ == "ganctl.loss.Hinge" and config.training.batch_size == 7


@pytest.mark.parametrize("dataset", [name for group, name in CHOICES if group == "dataset"])
def test_pictures_are_learned_by_a_model_that_suits_them_where_none_is_named(dataset: str, workplace: Path) -> None:
    extra = extra_of("dataset", dataset, workplace)
    config = Composer("train").compose([f"dataset={dataset}", *extra])
    suiting = dict.fromkeys(("cifar10", "crops", "image_folder"), "projected")
    suiting |= {"paired_folder": "pix2pix", "unpaired_folder": "cut"}
    assert config.hydra.runtime.choices["model"] == suiting.get(dataset, "dcgan")


@pytest.mark.parametrize("model", [name for group, name in CHOICES if group == "model"])
def test_a_model_that_is_named_is_the_same_for_every_data_set(model: str) -> None:
    composer, parts = Composer("train"), ("generator", "discriminator", "loss", "regularizer", "augment", "optimizer")
    configs = [composer.compose([f"dataset={name}", f"model={model}"]) for name in ("cifar10", "crops")]
    for part in (*parts, "training", "latent_size", "feature", "metric"):
        assert configs[0][part] == configs[1][part], part


def test_an_experiments_own_model_wins_over_the_data_sets(workplace: Path) -> None:
    (workplace / "own" / "experiment").mkdir(parents=True)
    lines = "# @package _global_\n# mine\ndefaults:\n  - override /dataset: crops\n  - override /model: sngan\n"
    (workplace / "own" / "experiment" / "mine.yaml").write_text(lines)
    config = Composer("train", config_dir="own").compose(["experiment=mine"])
    assert config.discriminator._target_ == "ganctl.model.resnet.Discriminator"


def test_a_part_that_is_typed_stands_beside_the_data_sets_model() -> None:
    words = ["dataset=crops", "optimizer=sgd", "discriminator=resnet"]
    composer = Composer("train")
    config = composer.compose(composer.with_own_settings(words))
    assert config.optimizer.generator.lr == config.optimizer.lr == 0.01
    assert config.discriminator._target_ == "ganctl.model.resnet.Discriminator"
    assert config.generator._target_ == "ganctl.model.fastgan.Generator"


def test_both_networks_share_an_optimizers_values_until_told_otherwise() -> None:
    config = Composer("train").compose(["optimizer.lr=0.25", "optimizer.discriminator.lr=0.5"])
    assert (config.optimizer.generator.lr, config.optimizer.discriminator.lr) == (0.25, 0.5)


def test_checking_imports_no_torch() -> None:
    import subprocess

    code = (
        "import sys; from ganctl.compose import Composer\n"
        "composer = Composer('train'); composer.check(composer.compose([]), [])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a=b",
        "a,b",
        "it's",
        "back\\slash",
        "ends\\",
        "\\'",
        "${seed}",
        "{a: [1]}",
        " spaced ",
        "~x",
        'say "hi"',
        "ä",
        "",
    ],
)
def test_a_quoted_value_is_read_back_as_it_was(value: str) -> None:
    assert Composer("train").compose([f"tag={quote(value)}"]).tag == value


def test_a_setting_read_by_an_interpolation_is_no_stray(workplace: Path) -> None:
    overrides = ["+size=8", "training.batch_size=${size}"]
    composer = Composer("train")
    config = composer.compose(overrides)
    composer.check(config, overrides)
    assert config.training.batch_size == 8


def test_a_part_may_be_given_more_than_its_yaml_has(workplace: Path) -> None:
    overrides = ["+optimizer.generator.amsgrad=true"]
    composer = Composer("train")
    composer.check(composer.compose(overrides), overrides)


def test_resolved_values_are_checked_not_what_stands_for_them(refused: Refusal) -> None:
    line = refused("train", "training.batch_size=${seed}")
    assert line.startswith("training.batch_size=0: must be in [2, 65536]")


def test_trust_is_for_packages_named_by_hand(workplace: Path) -> None:
    overrides = ["trust=[somewhere]"]
    composer = Composer("train")
    assert composer.check(composer.compose(overrides), overrides) == ["somewhere"]


def test_ranges_of_evaluate_hold_for_the_chosen_extractor(workplace: Path) -> None:
    overrides = ["feature=digits", "metric=[frechet,inception_score]"]
    composer = Composer("evaluate")
    config = composer.compose(overrides)
    composer.check(config, overrides)
    assert OmegaConf.to_container(config.feature) == {"_target_": "ganctl.feature.digits.Digits"}
    assert list(config.metric) == ["frechet", "inception_score"]


@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["optimizer=sgd"], ["++optimizer.lr=0.01"]),
        (["optimizer=adam"], ["++optimizer.lr=0.0002"]),
        (["optimizer=sgd", "optimizer.lr=0.5"], []),
        (["optimizer=sgd", "model=dcgan_2016"], []),
        (["loss=wasserstein", "seed=1"], []),
        (["model=wgan_gp", "optimizer=rmsprop"], ["++optimizer.lr=5e-05"]),
        (["experiment=demo", "generator=mlp"], ["~generator.extra_layers", "~generator.width"]),
        (["experiment=demo", "discriminator=dcgan"], ["++discriminator.extra_layers=0", "++discriminator.width=64"]),
    ],
)
def test_a_part_chosen_by_hand_has_its_own_settings(words: list[str], added: list[str]) -> None:
    composer = Composer("train")
    completed = composer.with_own_settings(words)
    assert completed == [*words, *added]
    assert composer.check(composer.compose(completed), completed) == []
    assert composer.with_own_settings(words, typed=[]) == words, "a run's saved overrides mean what they meant"


@pytest.mark.parametrize(("group", "name"), [pair for pair in CHOICES if pair[0] in PRESETS])
def test_no_preset_keeps_bad_company_and_each_says_what_it_sets(group: str, name: str) -> None:
    composer = Composer("train")
    words = [f"{group}={name}"]
    facts = about(composer, composer.compose(words), words)
    assert facts.warnings == []
    assert f"{group}={name} sets " in facts.header.get("preset", "") or name in ("dcgan_2016",)
    assert facts.header["model"].startswith(f"{facts.choices['model']}: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("loss=wasserstein training.discriminator_steps=5", "the Wasserstein loss without its constraint"),
        ("model=wgan_gp training.discriminator_steps=1", "the Wasserstein loss with one discriminator step"),
        ("model=dcgan_2016 regularizer=[r1,r2]", "batch norm in the discriminator beside r1, r2"),
        ("regularizer=[r1]", "minibatch discrimination beside r1"),
        ("model=dcgan_2016 discriminator.spectral_norm=true", "spectral norm and batch norm in one discriminator"),
        ("model=dcgan_2016 loss=relativistic", "the relativistic loss without a gradient penalty"),
        ("model=acgan term=[]", "a discriminator that can say the class, and nothing that asks it"),
        ("loss=least_squares augment=ada", "adaptive augmentation with LeastSquares"),
        ("optimizer=sgd optimizer.lr=0.001", "SGD at Adam's learning rate (0.001)"),
        ("optimizer.lr=0.01", "Adam at SGD's learning rate (0.01)"),
        ("optimizer.betas=[0.9,0.999]", "Adam with much momentum (betas[0]=0.9)"),
        ("model=cyclegan term=[identity]", "game=cycle without term=[cycle]"),
        ("model=pix2pix term=[feature_matching] augment=ada", "feature_matching of pairs beside an augmentation"),
    ],
)
def test_bad_company_has_a_line_with_the_reason(words: str, said: str) -> None:
    composer = Composer("train")
    overrides = words.split()
    (line,) = about(composer, composer.compose(overrides), overrides).warnings
    assert line.startswith(f"{said}: ") and "; " in line and "\n" not in line


def test_choosing_where_to_compute_leaves_a_presets_precision() -> None:
    overrides = ["experiment=demo", "device=cpu"]
    composer = Composer("train")
    assert composer.with_own_settings(overrides) == overrides
    assert composer.compose(overrides).device.precision == "bf16"
