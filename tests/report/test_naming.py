"""What a report calls a run: what was chosen, from its record, from Hydra's, from what was typed, or from classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ganctl.report.naming import presets, trained
from ganctl.report.recorded import read_run
from tests.report.records import run, written

CHOSEN = {"model": "cdcgan", "generator": "dcgan", "discriminator": "dcgan_minibatch", "dataset": "mnist"}


@pytest.mark.parametrize(
    ("overrides", "choices", "model"),
    [
        ([], {}, "dcgan"),
        (["model=cdcgan"], {}, "cdcgan"),
        (["experiment=demo"], CHOSEN, "cdcgan"),
        (["generator=mlp"], CHOSEN | {"generator": "mlp"}, "cdcgan with generator=mlp"),
        (
            ["generator=mlp", "discriminator=cnn"],
            CHOSEN | {"generator": "mlp", "discriminator": "cnn"},
            "mlp against cnn",
        ),
        (["model=cdcgan", "generator=mlp", "discriminator=cnn"], {}, "cdcgan with generator=mlp discriminator=cnn"),
    ],
)
def test_a_run_has_the_name_that_was_chosen(overrides: list[str], choices: dict[str, Any], model: str):
    made = run(overrides=overrides, choices=choices)
    assert trained(made)["model"] == model
    assert trained(made)["data"] == ("mnist" if choices else "mnist5k")


def test_a_folder_of_images_has_its_own_name_too():
    made = run(choices={"dataset": "image_folder"}, config={"dataset": {"path": "data/paintings"}})
    assert trained(made)["data"] == "image_folder paintings"


def test_the_loss_is_named_with_what_was_added_to_it():
    nodes = {"loss": {"_target_": "ganctl.loss.LeastSquares"}, "regularizer": {"r1": {}}, "augment": {"ada": {}}}
    assert trained(run(config=nodes))["loss"] == "least squares + r1, ada"
    assert trained(run(config=nodes | {"regularizer": None, "augment": {}}))["loss"] == "least squares"


def test_choices_are_read_from_the_record_else_from_hydras(tmp_path: Path):
    folder = written(tmp_path / "run")
    assert read_run(folder).choices == {}
    hydra = {"hydra": {"runtime": {"choices": {"model": "lsgan"}}}}
    (folder / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(hydra))
    assert read_run(folder).choices == {"model": "lsgan"}
    recorded = written(tmp_path / "recorded", run(environment={"choices": {"model": "sngan"}}))
    assert trained(read_run(recorded))["model"] == "sngan"


def test_a_preset_is_told_in_the_words_of_its_file_and_anothers_is_not():
    runs = [run(choices={"model": name}) for name in ("wgan_gp", "wgan_gp", "mine", "../dataset/mnist")]
    assert presets(runs) == [
        ("model=wgan_gp", "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028)")
    ]
    both = run(overrides=["generator=mlp", "discriminator=cnn"], choices={"model": "dcgan"})
    assert presets([both]) == [], "the sentence is of other networks"
