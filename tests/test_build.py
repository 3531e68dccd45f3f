"""The composition root: what is built from a configuration, and how what cannot be built is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from ganctl import build
from ganctl.contract import DataSpec
from ganctl.training.device import Device
from tests.settings import SMALL, built, settings

CPU = Device(torch.device("cpu"))
SPEC = DataSpec("tiny", (1, 28, 28), 10)


def weights(seed: int) -> list[torch.Tensor]:
    state, _ = built(settings(*SMALL, f"seed={seed}"), SPEC, CPU)
    return [parameter for network in state.networks.values() for parameter in network.parameters()]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_called_by_its_key():
    config = OmegaConf.merge(settings(*SMALL), {"device": {"type": "cuda"}})
    with pytest.raises(ValueError, match=r"^device=cuda: torch sees no CUDA GPU here; try device=cpu$"):
        build.device(config)  # pyright: ignore[reportArgumentType]


def test_the_seed_decides_the_first_weights_whatever_was_drawn_before():
    first = weights(3)
    torch.rand(17)
    assert all(torch.equal(one, other) for one, other in zip(first, weights(3), strict=True))
    assert any(not torch.equal(one, other) for one, other in zip(first, weights(4), strict=True))


def test_the_average_starts_as_the_generator_and_learns_nothing():
    state, _ = built(settings(*SMALL), SPEC, CPU)
    average = state.averages["generator"]
    pairs = zip(state.networks["generator"].parameters(), average.parameters(), strict=True)
    assert all(torch.equal(one, other) and one is not other and not other.requires_grad for one, other in pairs)
    assert not average.training


def test_each_network_gets_its_own_optimizers_values():
    config = settings(
        *SMALL, "optimizer.lr=0.5", "optimizer.discriminator.lr=0.25", "optimizer.generator.betas=[0.1,0.2]"
    )
    state, _ = built(config, SPEC, CPU)
    first, second = (state.optimizers[side].param_groups[0] for side in ("generator", "discriminator"))
    assert (first["lr"], first["base_lr"], tuple(first["betas"])) == (0.5, 0.5, (0.1, 0.2))
    assert (second["lr"], second["base_lr"], tuple(second["betas"])) == (0.25, 0.25, (0.5, 0.999))
    assert len(first["params"]) == len(list(state.networks["generator"].parameters()))


@pytest.mark.parametrize("classes", [None, 10])
def test_networks_know_of_labels_only_in_a_conditional_run(classes: int | None):
    config = settings(*SMALL, f"conditional={str(classes is not None).lower()}")
    generator = build.network(config, "generator", build.task(config, SPEC))
    generator.eval()
    latents = torch.randn(2, config.latent_size, generator=torch.Generator().manual_seed(0))
    one, other = (generator(latents, torch.full((2,), label)) for label in (1, 2))
    assert torch.equal(one, other) == (classes is None)


def test_the_game_has_the_settings_of_training():
    words = ("discriminator_steps=3", "fresh_fakes=true", "clip_norm=0.5", "ema_half_life_kimg=2", "ema_rampup=0.25")
    config = settings(*SMALL, *(f"training.{word}" for word in (*words, "accumulate=4")), "regularizer=[r1,orthogonal]")
    game = build.game(config, build.task(config, SPEC))
    assert (game.batches_per_step, game.fresh_fakes, game.clip_norm, game.accumulate) == (3, True, 0.5, 4)
    assert (game.ema_half_life, game.ema_rampup, game.batch_size, game.task.latent_size) == (2000, 0.25, 8, 16)
    assert {name: type(part).__name__ for name, part in game.regularizers.items()} == {
        "r1": "R1",
        "orthogonal": "Orthogonal",
    }


def test_an_augmentation_is_one_of_the_games_regularizers_and_takes_no_others_name():
    config = settings(*SMALL, "regularizer=[r1]", "augment=ada", "augment.ada.translation=0.25")
    found = regularizers(config)
    assert list(found) == ["r1", "ada"] and found["ada"].transforms.translation == 0.25
    OmegaConf.set_struct(config, False)
    config.augment.r1 = config.augment.ada
    with pytest.raises(ValueError, match=r"^augment=\[r1\]: there is a regularizer of this name; rename one of them"):
        regularizers(config)


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"steps": 7}, 7),
        ({"epochs": 1}, 13),
        ({"epochs": 2.5, "discriminator_steps": 2}, 16),
        ({"images": 16}, 2),
        ({"images": 17}, 3),
        ({"images": 1}, 1),
    ],
)
def test_a_budget_becomes_steps(budget: dict, steps: int):
    training = {"steps": None, "epochs": None, "images": None, "batch_size": 8, "discriminator_steps": 1} | budget
    assert build.total_steps(OmegaConf.create({"training": training}), num_images=100) == steps


def test_only_what_makes_the_networks_must_stay_on_resuming():
    old = build.plain(settings(*SMALL))
    more = build.plain(
        settings(*SMALL, "training.steps=9", "optimizer.lr=1", "loss=hinge", "regularizer=[r1]", "seed=5")
    )
    assert build.networks_differ(old, more) == []
    other = build.plain(settings(*SMALL, "generator.width=5", "latent_size=7", "discriminator.batch_norm=false"))
    assert build.networks_differ(old, other) == ["discriminator.batch_norm", "generator.width", "latent_size"]


def test_a_key_that_came_after_the_run_does_not_make_its_networks_others():
    new = build.plain(settings(*SMALL))
    old = {**new, "generator": {key: value for key, value in new["generator"].items() if key != "mixture"}}
    assert build.networks_differ(old, new) == []


def test_labels_are_not_asked_of_data_without_any():
    with pytest.raises(ValueError, match=r"^conditional=true: bare has no labels; try conditional=false$"):
        build.task(settings(*SMALL, "conditional=true"), DataSpec("bare", (1, 28, 28), None))


def test_a_regularizer_that_asks_what_the_discriminator_cannot_do_is_refused():
    line = "regularizer=[reconstruction]: discriminator=dcgan cannot reconstruct; leave it out, or take discriminator="
    with pytest.raises(ValueError, match=f"^{re.escape(line)}fastgan$"):
        regularizers(settings(*SMALL, "regularizer=[reconstruction]"))
    asked = regularizers(settings("regularizer=[reconstruction]", "discriminator=fastgan"))
    assert list(asked) == ["reconstruction"]
    line = "term=[feature_matching]: discriminator=fastgan cannot show its inner features; leave it out, or take discri"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}minator=patchgan, dcgan, resnet, cnn or strided_cnn$"):
        regularizers(settings("term=[feature_matching]", "discriminator=fastgan"))


@pytest.mark.parametrize(
    ("words", "num_classes", "line"),
    [
        ([], 10, "needs images by class, and this run asks for none; add conditional=true, or leave it out"),
        ([], None, "needs images by class, and this run asks for none; leave it out"),
        (
            ["conditional=true", "discriminator=dcgan"],
            10,
            "discriminator=dcgan cannot say the class; leave it out, or take discriminator=acgan",
        ),
    ],
)
def test_classes_are_said_only_where_they_are_asked_for_and_known(words: list[str], num_classes: int, line: str):
    config = settings("discriminator=acgan", "term=[auxiliary_classifier]", *words)
    task = build.task(config, DataSpec("tiny", (3, 32, 32), num_classes))
    with pytest.raises(ValueError, match=f"^{re.escape(f'term=[auxiliary_classifier]: {line}')}$"):
        build.game(config, task)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["generator=unet"],
            "generator=unet: starts from a picture, and task=noise starts from none; try model=pix2pix",
        ),
        (
            ["generator=srresnet"],
            "generator=srresnet: starts from a picture, and task=noise starts from none; try model",
        ),
        (["discriminator=patchgan"], "discriminator=patchgan: judges images that start from pictures, and task=noise"),
        (
            ["task=enlargement"],
            "generator=dcgan: starts from latents, and task=enlargement starts from pictures; try model=srgan, or",
        ),
        (
            ["task=enlargement", "generator=srresnet"],
            "discriminator=dcgan: judges images that start from latents, and task=enlargement starts from pictures",
        ),
    ],
)
def test_a_network_of_other_tasks_is_refused_with_what_to_take(words: list[str], line: str):
    config = settings(*words)
    spec = DataSpec("tiny", (3, 32, 32), 10)
    task = build.task(config, spec)
    with pytest.raises(ValueError, match=f"^{re.escape(line)}") as refused:
        for group in ("generator", "discriminator"):
            build.network(config, group, task)
    assert "\n" not in str(refused.value) and "; try " in str(refused.value)


def regularizers(config: DictConfig) -> dict:
    return build.regularizers(config, build.task(config, SPEC))


def part(node: dict, group: str = "loss", **keywords: object) -> str:
    with pytest.raises(ValueError) as refused:
        build.part(group, node, [], **keywords)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_a_group_may_not_build_is_not_built():
    assert part({"_target_": "os.system", "command": "true"}).startswith(
        "loss._target_=os.system: loss builds classes of"
    )
    assert part({"_target_": "ganctl.model.mlp.Generator"}).startswith("loss._target_=ganctl.model.mlp.Generator: ")
    assert "os.getcwd" in part({"_target_": "os.getcwd"}, "hook")


def test_wrong_keywords_and_values_are_told_in_one_line():
    line = part({"_target_": "ganctl.loss.Hinge", "weight": 1})
    assert line.startswith("loss=ganctl.loss.Hinge: cannot be built: ") and "weight" in line
    odd = {
        "_target_": "ganctl.model.mlp.Generator",
        "hidden": 4,
        "dropout": 0.0,
        "label_size": 1,
        "initialisation": "odd",
    }
    line = part(odd, "generator", latent_size=2, image_shape=(1, 4, 4), num_classes=None)
    assert "odd" in line


def test_what_a_part_says_of_an_argument_is_said_of_the_users_key():
    node = {"_target_": "ganctl.regularizer.R1", "weight": -1.0, "every": 1}
    assert part(node, "regularizer", key="regularizer.lazy_r1") == (
        "regularizer.lazy_r1.weight=-1.0: must be in [0, inf); try regularizer.lazy_r1.weight=1"
    )


@pytest.mark.parametrize("group", ["generator", "discriminator"])
def test_a_network_that_cannot_make_the_images_names_the_key_of_their_size(group: str, workplace: Path):
    (workplace / "one.png").touch()
    words = ("dataset=image_folder", "dataset.path=.", "feature=inception", "dataset.resolution=32")
    for chosen, size, said in (
        (words, 30, "dataset.resolution=30: .*; try dataset.resolution=28 or dataset.resolution=32"),
        (
            ("dataset=mnist5k",),
            30,
            "dataset=odd: has images of 30x30 pixels: .* makes 4, 5, 6 or 7 times a power of two.*",
        ),
    ):
        config = settings(*SMALL, *chosen)
        with pytest.raises(ValueError, match=f"^{said}$"):
            build.network(config, group, build.task(config, DataSpec("odd", (1, size, size), None)))


def test_nodes_inside_a_part_are_data_and_never_built(tmp_path: Path):
    inner = {"_target_": "os.mkdir", "path": str(tmp_path / "made")}
    for extra in ({"inner": inner}, {"inner": inner, "_recursive_": True}):
        part({"_target_": "ganctl.loss.LeastSquares", "label_smoothing": 0.0, **extra})
    assert not (tmp_path / "made").exists()


def test_a_plain_configuration_is_resolved_and_holds_no_hydra_objects():
    found = build.plain(settings(*SMALL))
    assert type(found) is dict and type(found["optimizer"]["generator"]["betas"]) is list
    assert found["optimizer"]["generator"]["lr"] == found["optimizer"]["lr"]


def test_names_in_the_header_are_short():
    config = settings(*SMALL)
    assert build.name_of(config.generator) == "dcgan" and build.name_of(config.loss) == "NonSaturating"


def test_too_few_numbers_in_a_list_are_refused_in_one_line(refused) -> None:
    assert refused("train", "optimizer.betas=[0.5]").startswith("optimizer.betas=[0.5]: must be 2 numbers; ")
