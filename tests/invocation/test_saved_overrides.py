"""`--resume` takes a run's settings from its folder as data: what is taken over, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ganctl.compose import Composer
from ganctl.invocation.resume import merge, resume
from tests.conftest import Command, Refusal
from tests.report import hostile


@pytest.fixture
def run(workplace: Path) -> Path:
    """A run folder with a checkpoint (not a real one) and what it was started with."""
    folder = workplace / "outputs" / "day" / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "step-00000004.pt").write_bytes(b"not real")
    save(folder / ".hydra", ["loss=hinge", "training.steps=4"])
    return folder


def save(subdir: Path, overrides: object) -> None:
    subdir.mkdir(exist_ok=True)
    (subdir / "overrides.yaml").write_text(yaml.safe_dump(overrides))


def test_new_settings_come_over_the_saved_ones(run: Path) -> None:
    found = resume(str(run), ["training.steps=8", "seed=1"])
    assert found.overrides == ["loss=hinge", "training.steps=8", "seed=1"]
    assert found.folder == run and found.checkpoint.name == "step-00000004.pt"
    assert found.for_hydra()[1] == "hydra.output_subdir='.hydra-resume-1'"


def test_a_run_keeps_the_model_that_it_began_with_whatever_the_default_is_now(run: Path) -> None:
    facts = {"hydra": {"runtime": {"choices": {"model": "dcgan", "dataset": "crops"}}}}
    (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(facts))
    save(run / ".hydra", ["dataset=crops"])
    assert resume(str(run), ["seed=1"]).overrides == ["model=dcgan", "dataset=crops", "seed=1"]
    assert resume(str(run), ["model=sngan"]).overrides == ["dataset=crops", "model=sngan"]
    save(run / ".hydra", ["~model"])
    assert resume(str(run), []).overrides == ["~model"]


@pytest.mark.parametrize("choice", ["x y", "${oc.env:HOME}", ["a"], None, "", "a,b", 3])
def test_a_model_that_is_no_name_of_one_is_not_taken_over(run: Path, choice: object) -> None:
    facts = {"hydra": {"runtime": {"choices": {"model": choice}}}}
    (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(facts))
    assert resume(str(run), []).overrides == ["loss=hinge", "training.steps=4"]


def test_a_checkpoint_file_names_its_run_as_well(run: Path) -> None:
    file = run / "checkpoints" / "step-00000004.pt"
    assert resume(str(file), []).folder == run
    assert resume(str(file.relative_to(Path.cwd())), []).checkpoint == file


def test_what_was_changed_at_the_last_resume_stays_changed(run: Path) -> None:
    for number in (1, 2, 10):
        save(run / f".hydra-resume-{number}", [f"training.steps={number}"])
    found = resume(str(run), [])
    assert found.overrides == ["training.steps=10"] and found.subdir == ".hydra-resume-11"


def test_a_saved_value_with_signs_of_its_own_is_quoted() -> None:
    saved = ["tag=a=b", "output.root='x,y'", "stop.score=fd digits"]
    config = Composer("train").compose(merge(saved, []))
    assert (config.tag, config.output.root, config.stop.score) == ("a=b", "x,y", "fd digits")


def test_additions_and_deletions_are_taken_over_in_order() -> None:
    saved = ["+optimizer.generator.amsgrad=true", "~generator.dropout"]
    merged = merge(saved, ["optimizer.generator.amsgrad=false"])
    config = Composer("train").compose(merged)
    assert config.optimizer.generator.amsgrad is False and "dropout" not in config.generator


def test_trust_is_not_inherited() -> None:
    assert merge(["trust=[somebody]", "seed=1"], []) == ["seed=1"]


@pytest.mark.parametrize(
    "text",
    [
        "generator._target_=os.system",
        "+training.x={_target_:os.system}",
        "hydra.run.dir=/elsewhere",
        "+hydra.callbacks.x={a:1}",
        "hydra/launcher=joblib",
        "tag=${oc.env:HOME}",
        "generator.shape_rule=mine.rule",
    ],
)
def test_saved_overrides_that_could_run_code_are_refused(text: str, run: Path, refused: Refusal) -> None:
    save(run / ".hydra", [text])
    line = refused("train", "--resume", str(run))
    assert "not taken from a run folder" in line and line.startswith(text[:5])


def test_what_is_given_anew_may_be_anything_the_command_line_may_be() -> None:
    assert merge(["tag=${oc.env:HOME}"], ["tag=mine"]) == ["tag=mine"]


@pytest.mark.parametrize("content", ["5", "{a: 1}", "[1, 2]", "[unclosed", "!!python/object/apply:os.system [echo]"])
def test_a_damaged_list_of_overrides_is_refused(content: str, run: Path, refused: Refusal) -> None:
    (run / ".hydra" / "overrides.yaml").write_text(content)
    assert "overrides.yaml: " in refused("train", "--resume", str(run))


OVERRIDES = st.lists(st.sampled_from(hostile.STRANGE) | hostile.VALUES, max_size=3).map(hostile.text_of)
SOURCES = b'{"hydra": {"runtime": {"config_sources": [{"path": "x", "provider": "command-line"}]}}}'
TEXTS = st.sampled_from(hostile.FRAGMENTS).map(str.encode)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    overrides=OVERRIDES | hostile.other_bytes(b"- seed=1\n- tag=x\n") | TEXTS,
    hydra=hostile.other_values(SOURCES, "hydra.yaml") | TEXTS,
)
def test_whatever_is_saved_is_taken_or_refused_in_one_line(
    overrides: bytes, hydra: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for place in ("checkpoints", ".hydra"):
        (folder / place).mkdir()
    (folder / "checkpoints" / "step-00000004.pt").write_bytes(b"not real")
    (folder / ".hydra" / "overrides.yaml").write_bytes(overrides)
    (folder / ".hydra" / "hydra.yaml").write_bytes(hydra)
    try:
        resumed = resume(str(folder), [])
    except ValueError as error:
        assert len(str(error).splitlines()) == 1 and str(error).isprintable()
    else:
        assert all(len(text.splitlines()) <= 1 for text in resumed.overrides)


@pytest.mark.parametrize("content", ['["seed=[[[["]', '["a"]', '["tag=a\\nb"]', '["seed=' + "[" * 3000 + '"]'])
def test_a_saved_override_that_cannot_be_parsed_is_named(content: str, run: Path, refused: Refusal) -> None:
    (run / ".hydra" / "overrides.yaml").write_text(content)
    assert refused("train", "--resume", str(run))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_of_overrides_is_refused(make, run: Path, refused: Refusal) -> None:
    file = run / ".hydra" / "overrides.yaml"
    file.unlink()
    make(file)
    assert f"{file}: cannot be read" in refused("train", "--resume", str(run))


def test_a_folder_that_is_no_run_is_refused(run: Path, refused: Refusal, workplace: Path) -> None:
    (workplace / "empty").mkdir()
    assert refused("train", "--resume=empty").startswith("empty: is no run's folder; runs lie in outputs/<date>/")
    (run / ".hydra" / "overrides.yaml").unlink()
    assert "is not a run folder of ganctl train" in refused("train", f"--resume={run}")


def test_a_run_that_had_yaml_files_of_its_own_asks_for_them_again(run: Path, refused: Refusal) -> None:
    save(run / ".hydra", ["loss=mine"])
    sources = [{"path": "/some/where", "schema": "file", "provider": "command-line"}]
    (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"config_sources": sources}}}))
    assert refused("train", "--resume", str(run)).endswith("was started with --config-dir=/some/where: give it again")


@pytest.mark.parametrize("words", [["-m", "seed=1,2"], ["hydra.run.dir=elsewhere"], ["hydra.mode=MULTIRUN"]])
def test_a_resumed_run_stays_one_run_in_its_folder(words: list[str], run: Path, refused: Refusal) -> None:
    line = refused("train", "--resume", str(run), *words)
    assert line.startswith(
        (f"--resume={run}: is no sweep that can go on; ", "hydra.run.dir=elsewhere: a resumed run stays")
    )


def test_a_resumed_run_is_checked_before_anything_is_written(run: Path, refused: Refusal) -> None:
    assert refused("train", "--resume", str(run), "training.steps=0").startswith("training.steps=0: must be in")


def test_a_checkpoint_that_cannot_be_read_leaves_the_run_as_it_was(run: Path, refused: Refusal) -> None:
    assert "step-00000004.pt: not a checkpoint" in refused("train", "--resume", str(run), "device=cpu")


def test_what_undid_a_preset_for_one_part_does_not_hold_for_another() -> None:
    saved = ["optimizer=sgd", "seed=1", "++optimizer.lr=0.01", "~optimizer.betas"]
    assert merge(saved, ["seed=2"]) == ["optimizer=sgd", "++optimizer.lr=0.01", "~optimizer.betas", "seed=2"]
    assert merge(saved, ["optimizer=rmsprop"]) == ["seed=1", "optimizer=rmsprop"]
    assert merge(saved, ["optimizer.lr=1"]) == ["optimizer=sgd", "seed=1", "~optimizer.betas", "optimizer.lr=1"]


def test_a_run_from_before_presets_gave_way_keeps_its_configuration(run: Path, ganctl: Command) -> None:
    save(run / ".hydra", ["optimizer=sgd", "training.steps=4"])
    rates = [
        yaml.safe_load(ganctl("train", "--resume", str(run), *words, "--cfg", "job").out)["optimizer"]["lr"]
        for words in ([], ["seed=1"], ["optimizer=rmsprop"])
    ]
    assert rates == [0.001, 0.001, 5e-05]


@pytest.mark.parametrize(("saved", "trackers"), [("false", "[]"), ("true", "[tensorboard]")])
def test_a_run_from_before_there_were_other_trackers_keeps_what_it_had(
    saved: str, trackers: str, run: Path, refused: Refusal
) -> None:
    text = f"output.tensorboard={saved}"
    assert merge([text], []) == [f"tracker={trackers}"]
    assert merge([text], ["tracker=[mlflow]"]) == ["tracker=[mlflow]"]
    assert list(Composer("train").compose(merge([text], [])).tracker) == [
        name for name in ["tensorboard"] if name in trackers
    ]
    assert refused("train", text).startswith(f"{text}: no such key; ")
