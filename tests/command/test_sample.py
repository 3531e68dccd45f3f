"""`ganctl sample`: what it writes, what decides the pictures, and the checkpoints it refuses."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image, ImageSequence
from safetensors.torch import save_file

from ganctl import checkpoint
from tests.conftest import Answer, Command, Refusal
from tests.settings import torch_untouched

Sample = Callable[..., Path]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


@pytest.fixture
def sample(ganctl: Command, tmp_path: Path) -> Sample:
    """Draws from a run into a folder of its own, which is returned."""
    numbers = iter(range(100))

    def call(run: Path, *words: str) -> Path:
        folder = tmp_path / f"drawn {next(numbers)}"
        answer = ganctl("sample", str(run), "device=cpu", f"output='{folder}'", *words)
        assert answer.code == 0, answer.err
        return folder

    return call


def pixels(folder: Path) -> numpy.ndarray:
    with numpy.load(folder / "images.npz", allow_pickle=False) as archive:
        return archive["images"]


def seconds(walk: Image.Image) -> float:
    """How long a GIF lasts; frames that are the same are stored as one that lasts longer."""
    return sum(frame.info["duration"] for frame in ImageSequence.Iterator(walk)) / 1000


# What is written


def test_by_default_a_grid_that_is_not_there_yet_in_a_new_folder_of_the_run(unconditional: Path, ganctl: Command):
    before = set(unconditional.iterdir())
    answers = [ganctl("sample", str(unconditional), "device=cpu", "num_images=9") for _ in range(2)]
    assert [answer.code for answer in answers] == [0, 0]
    new = sorted(set(unconditional.iterdir()) - before)
    assert len(new) == 2 and all(
        sorted(path.name for path in folder.iterdir()) == ["grid.png", "sample.json"] for folder in new
    )
    assert all(str(new[number] / "grid.png") in answer.out for number, answer in enumerate(answers))
    seeds = [json.loads((folder / "sample.json").read_text())["seed"] for folder in new]
    assert seeds[1] == seeds[0] + 1 > 1, "the run itself has drawn with seed 0"
    assert all(f"seed={seed}" in answer.out for seed, answer in zip(seeds, answers, strict=True))
    pictures = {(new[0] / "grid.png").read_bytes(), (new[1] / "grid.png").read_bytes()}
    assert len(pictures) == 2
    ganctl("sample", str(unconditional), "device=cpu", "num_images=9", f"seed={seeds[0]}", "output=again")
    assert Path("again/grid.png").read_bytes() in pictures


def test_everything_at_once(trained: Path, sample: Sample):
    folder = sample(trained, "seed=0", "num_images=12", "images=true", "npz=true", "interpolate=8")
    assert len(list((folder / "images").glob("*.png"))) == 12
    drawn = pixels(folder)
    assert drawn.shape == (12, 28, 28, 1) and drawn.dtype == numpy.uint8
    for number in (0, 11):
        with Image.open(folder / "images" / f"{number:06d}.png") as image:
            assert (numpy.asarray(image) == drawn[number, :, :, 0]).all()
    with Image.open(folder / "grid.png") as grid:
        assert grid.mode == "L" and min(grid.size) >= 28 * 2
    with Image.open(folder / "interpolation.gif") as walk:
        assert seconds(walk) == pytest.approx(8 * 0.04) and walk.info["loop"] == 0
    facts = json.loads((folder / "sample.json").read_text())
    assert (facts["weights"], facts["seed"], facts["num_images"], facts["classes"]) == ("ema", 0, 12, list(range(10)))
    assert facts["checkpoint"] == str(trained / "checkpoints" / "best.pt")


def test_a_number_of_pictures_above_a_batch_is_drawn_in_parts(unconditional: Path, sample: Sample):
    many, few = (sample(unconditional, f"num_images={count}", "npz=true", "grid=false") for count in (1003, 3))
    assert len(pixels(many)) == 1003
    assert numpy.abs(pixels(many)[:3].astype(int) - pixels(few)).max() <= 1, "the same but for rounding"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_walk_needs_no_more_pictures_than_one(count: int, unconditional: Path, sample: Sample):
    folder = sample(unconditional, f"num_images={count}", "interpolate=4")
    with Image.open(folder / "interpolation.gif") as walk:
        assert seconds(walk) == pytest.approx(4 * 0.04)


# What decides the pictures


def test_the_seed_decides_the_pictures(unconditional: Path, sample: Sample):
    first, again, other = (sample(unconditional, "num_images=4", "npz=true", f"seed={seed}") for seed in (5, 5, 6))
    assert (pixels(first) == pixels(again)).all() and (pixels(first) != pixels(other)).any()


def test_one_picture_of_each_of_several_seeds(unconditional: Path, sample: Sample):
    several = pixels(sample(unconditional, "seeds=5-8", "npz=true"))
    mixed = sample(unconditional, "seeds=[8,2,5-6]", "npz=true", "interpolate=8")
    assert numpy.abs(several[[3, 0, 1]].astype(int) - pixels(mixed)[[0, 2, 3]]).max() <= 1
    for seed in (5, 7):
        first = pixels(sample(unconditional, f"seed={seed}", "num_images=2", "npz=true"))[0]
        assert numpy.abs(first.astype(int) - several[seed - 5]).max() <= 1
    assert json.loads((mixed / "sample.json").read_text())["seeds"] == [8, 2, 5, 6]
    with Image.open(mixed / "interpolation.gif") as walk:
        assert seconds(walk) == pytest.approx(8 * 0.04)


@pytest.mark.parametrize("words", ["seeds=9-3", "seeds=many", "seeds=[]", "seeds=0-4294967296", "seeds=0-1000000"])
def test_what_is_no_range_of_seeds_is_refused(words: str, unconditional: Path, refused: Refusal):
    line = refused("sample", str(unconditional), "device=cpu", words)
    assert line.startswith("seeds=") and "try seeds=0-63" in line


def test_one_seed_and_several_exclude_each_other(unconditional: Path, refused: Refusal):
    assert refused("sample", str(unconditional), "device=cpu", "seeds=0-3", "seed=1").startswith("seed=1: seeds=0-3 ")


def test_safetensors_are_as_good_as_the_checkpoint_but_for_raw_weights(
    trained: Path, sample: Sample, refused: Refusal, tmp_path: Path
):
    alone = shutil.copy(trained / "checkpoints" / "best.safetensors", tmp_path / "weights.safetensors")
    ours, theirs = (pixels(sample(path, "seed=4", "num_images=12", "npz=true")) for path in (trained, alone))
    assert (ours == theirs).all()
    assert refused("sample", str(alone), "weights=raw", "device=cpu").startswith("weights=raw: ")


def test_averaged_weights_and_those_of_the_last_step_differ(unconditional: Path, sample: Sample):
    ema, raw = (sample(unconditional, "num_images=4", "npz=true", f"weights={name}") for name in ("ema", "raw"))
    assert (pixels(ema) != pixels(raw)).any()
    assert json.loads((raw / "sample.json").read_text())["weights"] == "raw"


def test_a_checkpoint_file_is_as_good_as_its_run(unconditional: Path, sample: Sample, tmp_path: Path):
    moved = shutil.copy(unconditional / "checkpoints" / "best.pt", tmp_path / "best of all.pt")
    places = (unconditional, unconditional / "checkpoints" / "best.pt", moved)
    run, file, alone = (pixels(sample(place, "num_images=4", "npz=true", "seed=3")) for place in places)
    assert (run == file).all() and (run == alone).all()


def test_the_classes_asked_for_are_drawn_in_turn(trained: Path, sample: Sample):
    by_number = sample(trained, "num_images=5", "npz=true", "classes=[3,7]")
    with numpy.load(by_number / "images.npz", allow_pickle=False) as archive:
        assert archive["labels"].tolist() == [3, 7, 3, 7, 3]
    by_default = sample(trained, "num_images=11", "npz=true")
    with numpy.load(by_default / "images.npz", allow_pickle=False) as archive:
        assert archive["labels"].tolist() == [*range(10), 0]
    other = pixels(sample(trained, "num_images=5", "npz=true", "classes=4"))
    assert (pixels(by_number) != other).any(), "labels change the picture of a latent"


def test_a_class_may_be_named(trained: Path, sample: Sample, tmp_path: Path):
    content = checkpoint.load(trained / "checkpoints" / "best.pt")
    content["class_names"] = ["zero", "one", "two", "three", "4", "5", "6", "7", "eight", "3"]
    checkpoint.save(tmp_path / "named.pt", content)
    folder = sample(tmp_path / "named.pt", "num_images=4", "npz=true", "classes=[three,8,3]")
    with numpy.load(folder / "images.npz", allow_pickle=False) as archive:
        assert archive["labels"].tolist() == [3, 8, 9, 3], "a name goes before a number"


# What is refused


def test_classes_that_are_not_there_are_refused(trained: Path, unconditional: Path, refused: Refusal):
    assert refused("sample", str(trained), "classes=10").startswith(
        "classes=10: there is no such class; choose from 0, "
    )
    assert refused("sample", str(trained), "classes=[1,cat]").startswith("classes=cat: there is no such class; ")
    line = refused("sample", str(unconditional), "classes=3")
    assert line.startswith("classes=3: ") and line.endswith("train with conditional=true")


def test_a_folder_with_something_in_it_is_not_written_to(unconditional: Path, refused: Refusal, workplace: Path):
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    (workplace / "file").write_text("keep")
    for place in ("mine", "file"):
        line = refused("sample", str(unconditional), f"output={place}")
        assert line.startswith(f"output={place}: is there already and not empty")
    assert refused("sample", str(unconditional), "output=file/below").startswith("output=file/below: cannot be made (")


def test_to_write_nothing_is_no_wish(unconditional: Path, refused: Refusal):
    assert refused("sample", str(unconditional), "grid=false").startswith("grid=false: nothing is left to write; ")


def test_a_run_without_a_checkpoint_is_refused(refused: Refusal, workplace: Path):
    (workplace / "early" / "checkpoints").mkdir(parents=True)
    assert refused("sample", "early").startswith("early: no checkpoint in this run; ")


class Bomb:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_files_that_are_no_sound_checkpoints_are_refused_and_not_run(
    command: str, unconditional: Path, refused: Refusal, workplace: Path, tmp_path: Path
):
    whole = (unconditional / "checkpoints" / "best.pt").read_bytes()
    (workplace / "half.pt").write_bytes(whole[: len(whole) // 2])
    (workplace / "text.pt").write_text("hello")
    torch.save({"weights": torch.ones(2)}, workplace / "foreign.pt")
    torch.save({"format": checkpoint.FORMAT, "bomb": Bomb(tmp_path / "exploded")}, workplace / "bomb.pt")
    save_file({"weights": torch.ones(2)}, workplace / "weights.safetensors")
    for name in ("half.pt", "text.pt", "foreign.pt", "bomb.pt", "weights.safetensors"):
        assert refused(command, name).startswith(f"{name}: ")
    assert not (tmp_path / "exploded").exists()


def changed(run: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """A copy of a run's checkpoint with something in it changed."""
    content = checkpoint.load(run / "checkpoints" / "best.pt")
    change(content)
    checkpoint.save(path, content)
    return path.name


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["config"].update(tag="${oc.env:HOME}"), "an interpolation at tag; nothing of it was run"),
        (lambda c: c["config"]["generator"].update(width="${oc.create:1}"), "an interpolation at generator.width"),
        (lambda c: c["config"]["optimizer"].update(betas=[0, "${x}"]), "an interpolation at optimizer.betas[1]"),
        (
            lambda c: c["config"]["generator"].update(_target_="os.system"),
            "generator builds classes of ganctl.model only",
        ),
        (lambda c: c["config"]["generator"].update(_target_="ganctl.model.dcgan.torch.load"), "there is no module"),
        (lambda c: c["config"]["generator"].update(_partial_=True), "cannot be built"),
        (lambda c: c["config"]["generator"].update(width=5), "its networks cannot be rebuilt"),
        (
            lambda c: c["config"].update(trust=["os"], generator={"_target_": "os.mkdir", "path": "x"}),
            "generator builds",
        ),
        (lambda c: c["config"].pop("generator"), "its networks cannot be rebuilt"),
        (lambda c: c.update(config=[]), "its networks cannot be rebuilt"),
        (lambda c: c["spec"].pop("image_shape"), "its networks cannot be rebuilt"),
        (lambda c: c["state"].pop("averages"), "its networks cannot be rebuilt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_checkpoint_whose_configuration_was_tampered_with_is_refused(
    command: str,
    change: Callable[[dict[str, Any]], None],
    said: str,
    unconditional: Path,
    refused: Refusal,
    workplace: Path,
):
    assert said in refused(command, changed(unconditional, workplace / "tampered.pt", change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda c: c["config"]["feature"].update(_target_="os.system"),
            "feature builds classes of ganctl.feature only",
        ),
        (lambda c: c["config"]["dataset"].update(_target_="builtins.open"), "dataset builds classes of ganctl.dataset"),
        (lambda c: c["config"]["metric"]["frechet"].update(_target_="os.system"), "metric builds classes of "),
        (lambda c: c["config"].pop("dataset"), "dataset"),
    ],
    ids=["feature", "dataset", "metric", "no dataset"],
)
def test_evaluate_builds_nothing_foreign_either(
    change: Callable[[dict[str, Any]], None], said: str, unconditional: Path, refused: Refusal, workplace: Path
):
    tampered = changed(unconditional, workplace / "tampered.pt", change)
    assert said in refused("evaluate", tampered, "metric=[]", "device=cpu")


def test_a_trusted_package_of_the_checkpoint_is_named_on_the_command_line_only(
    unconditional: Path, ganctl: Command, workplace: Path
):
    (workplace / "mynet.py").write_text(
        "from ganctl.model.dcgan import Generator as Parent\n\nclass Generator(Parent):\n    pass\n"
    )

    def own(content: dict[str, Any]) -> None:
        content["config"]["generator"]["_target_"] = "mynet.Generator"
        content["config"]["trust"] = ["mynet"]

    name = changed(unconditional, workplace / "own.pt", own)
    answers: list[Answer] = [ganctl("sample", name, "device=cpu", *words) for words in ([], ["trust=[mynet]"])]
    assert [answer.code for answer in answers] == [2, 0]
    assert "add trust=[mynet]" in answers[0].err
