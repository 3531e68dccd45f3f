"""What a single run finds when it begins, and what is left when it is refused late."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import TINY, Command, Refusal


def test_a_run_gets_a_folder_named_by_its_choices(ganctl: Command, workplace: Path) -> None:
    answer = ganctl("train", *TINY, "tag=first try", "output.root=else where/runs")
    assert answer.code == 0, answer.err
    (folder,) = (workplace / "else where" / "runs").glob("*/*")
    assert folder.name.endswith("-mnist5k-dcgan-mlp-strided_cnn-first-try")
    assert yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text())[:1] == ["generator=mlp"]
    choices = json.loads((folder / "environment.json").read_text())["choices"]
    assert choices["model"] == "dcgan" and choices["generator"] == "mlp" and choices["regularizer"] == ["light_r1"]
    assert "  model          dcgan, but with generator=mlp, discriminator=strided_cnn\n" in answer.out
    assert "\n  preset         model=dcgan sets latent_size=32, optimizer.lr=0.001, " in answer.out
    assert (folder / "train.log").is_file() and not (workplace / "outputs").exists()


def test_what_only_the_run_itself_can_refuse_leaves_no_folder_either(refused: Refusal) -> None:
    assert refused("train", *TINY, "training.batch_size=5001").startswith("training.batch_size=5001: mnist5k has 5000")


def test_a_folder_of_ones_choice_keeps_what_is_in_it(refused: Refusal, workplace: Path) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    refused("train", *TINY, "training.batch_size=5001", "hydra.run.dir=mine")
    assert (workplace / "mine" / "notes.txt").read_text() == "keep"


def test_bad_company_is_warned_of_before_training_and_a_typed_optimizer_has_its_own_rate(
    ganctl: Command, workplace: Path
) -> None:
    answer = ganctl("train", *TINY, "loss=wasserstein", "training.discriminator_steps=5", "optimizer=sgd")
    (folder,) = (workplace / "outputs").glob("*/*")
    text = "warning: the Wasserstein loss without its constraint: it needs a 1-Lipschitz discriminator"
    assert answer.out.count("warning: the Wass") == 1 and text in answer.out.partition("\nstep ")[0]
    assert text in (folder / "train.log").read_text()
    assert yaml.safe_load((folder / "config.yaml").read_text())["optimizer"]["lr"] == 0.01
    saved = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text())
    assert saved[-1] == "++optimizer.lr=0.01"
    shown = ganctl("train", *TINY, "loss=wasserstein", "optimizer=sgd", "--cfg", "job")
    assert "warning" not in shown.out + shown.err and yaml.safe_load(shown.out)["optimizer"]["lr"] == 0.01


@pytest.mark.parametrize("subdir", ["null", "../elsewhere", "settings"])
def test_the_settings_that_a_run_is_resumed_from_are_in_one_place(subdir: str, refused: Refusal) -> None:
    for words in ([], ["-m", "seed=1,2"]):
        line = refused("train", *TINY, *words, f"hydra.output_subdir={subdir}")
        assert line.startswith(f"hydra.output_subdir={subdir}: a run keeps its settings in .hydra")
