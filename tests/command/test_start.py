"""What a single run finds when it begins, and what is left when it is refused late."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.conftest import TINY, Command, Refusal


def test_a_run_gets_a_folder_named_by_its_choices(ganctl: Command, workplace: Path) -> None:
    answer = ganctl("train", *TINY, "tag=first try", "output.root=else where/runs")
    assert answer.code == 0, answer.err
    (folder,) = (workplace / "else where" / "runs").glob("*/*")
    assert folder.name.endswith("-mnist5k-dcgan-first-try")
    assert yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text())[:1] == ["generator=mlp"]
    assert (folder / "train.log").is_file() and not (workplace / "outputs").exists()


def test_what_only_the_run_itself_can_refuse_leaves_no_folder_either(refused: Refusal) -> None:
    assert refused("train", *TINY, "training.batch_size=5001").startswith("training.batch_size=5001: mnist5k has 5000")


def test_a_folder_of_ones_choice_keeps_what_is_in_it(refused: Refusal, workplace: Path) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    refused("train", *TINY, "training.batch_size=5001", "hydra.run.dir=mine")
    assert (workplace / "mine" / "notes.txt").read_text() == "keep"
