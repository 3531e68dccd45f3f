"""`ganctl data check`: what is said of pictures of one's own, and with which exit code."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

from tests.conftest import TINY, Answer, Command, Refusal


def pictures(folder: Path, count: int, *, size: tuple[int, int] = (64, 64), seed: int = 0, mode: str = "RGB") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = numpy.random.default_rng((seed, number)).integers(0, 256, (5, 5, 3), numpy.uint8)
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)
        picture.save(folder / f"{number:03}.png")


def said(answer: Answer) -> str:
    assert answer.err == ""
    return answer.out


def command_of(answer: Answer) -> list[str]:
    [line] = [line for line in answer.out.splitlines() if "ganctl train" in line]
    return shlex.split(line[line.index("ganctl train") :])[2:]


def test_good_pictures_need_nothing_and_the_command_to_train_is_understood(workplace: Path, ganctl: Command) -> None:
    pictures(workplace / "photos", 120)
    answer = ganctl("data", "check", "photos")
    assert answer.code == 0 and "120 (PNG 120)" in said(answer) and "\n- " not in answer.out
    words = command_of(answer)
    assert words == ["dataset=image_folder", "dataset.path=photos", "dataset.resolution=64"]
    assert ganctl("train", *words, "--cfg", "job").code == 0


def test_a_sheet_is_written_here_under_a_free_name_and_nothing_among_the_pictures(
    workplace: Path, ganctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(workplace / "photos", 3)
    before = sorted((workplace / "photos").iterdir())
    ganctl("data", "check", "photos")
    assert "contact_sheet-2.png" in said(ganctl("data", "check", "photos"))
    assert {path.name for path in workplace.iterdir()} == {"photos", "contact_sheet.png", "contact_sheet-2.png"}
    with Image.open(workplace / "contact_sheet.png") as sheet:
        sheet.load()
        assert sheet.width > 2 * 64 and sheet.height > 2 * 64
    monkeypatch.chdir(workplace / "photos")
    assert "not written, for this is the folder of the pictures" in said(ganctl("data", "check", "."))
    assert sorted((workplace / "photos").iterdir()) == before


def test_every_weakness_is_named_with_what_to_do(workplace: Path, ganctl: Command) -> None:
    pictures(workplace / "mixed" / "cat", 12)
    pictures(workplace / "mixed" / "dog", 2, size=(40, 20), seed=1)
    one = (workplace / "mixed" / "cat" / "000.png").read_bytes()
    (workplace / "mixed" / "cat" / "copy.png").write_bytes(one)
    with Image.open(workplace / "mixed" / "cat" / "001.png") as picture:
        picture.save(workplace / "mixed" / "cat" / "again.jpg", quality=70)
    (workplace / "mixed" / "cat" / "broken.png").write_bytes(one[:200])
    (workplace / "mixed" / "notes.txt").touch()
    answer = ganctl("data", "check", "mixed")
    text = said(answer)
    assert answer.code == 0
    for words in (
        "15 different pictures: so few are learned by heart",
        "2 of 16 are smaller than 64 pixels",
        "2 of 16 are not square: the middle is kept; dataset.fit=pad",
        "cat/000.png = cat/copy.png",
        "cat/001.png ~ cat/again.jpg",
        "cat 14, dog 2",
        "the classes are unequal: cat has 14, dog 2",
        "cat/broken.png ",
        "1 file cannot be read and will be left out",
        "1 file: notes.txt",
    ):
        assert words in text
    assert {"conditional=true", "training.flip=true", "training.batch_size=16"} <= set(command_of(answer))


def test_the_command_trains_on_few_pictures(workplace: Path, ganctl: Command) -> None:
    pictures(workplace / "few", 5)
    answer = ganctl("data", "check", "few", "resolution=16")
    assert "training.batch_size=4" in command_of(answer)
    sizes = ["evaluation.num_images=4", "evaluation.final_images=4", "evaluation.num_real=4", "feature=pixels"]
    trained = ganctl("train", *TINY, *sizes, *command_of(answer), "training.steps=1", "metric=[frechet]")
    assert trained.code == 0, trained


def test_grey_pictures_are_learned_in_one_channel_and_odd_paths_are_quoted(workplace: Path, ganctl: Command) -> None:
    pictures(workplace / "it's, grey", 3, mode="L")
    words = command_of(ganctl("data", "check", "it's, grey"))
    assert "dataset.channels=1" in words
    shown = ganctl("train", *words, "--cfg", "job", "--package", "dataset")
    assert shown.code == 0 and "it's, grey" in shown.out


def test_splits_are_not_taken_for_classes(workplace: Path, ganctl: Command) -> None:
    for number, name in enumerate(("train", "val")):
        pictures(workplace / "split" / name, 2, seed=number)
    answer = ganctl("data", "check", "split")
    assert "sub-folders called train and val: if they are no classes, take one as the path" in said(answer)
    assert "conditional=true" not in command_of(answer)


def test_what_a_training_would_refuse_is_exit_code_1(workplace: Path, ganctl: Command) -> None:
    (workplace / "texts").mkdir()
    (workplace / "texts" / "a.txt").touch()
    answer = ganctl("data", "check", "texts")
    assert answer.code == 1 and "there is no image: no file ends in .jpg" in answer.out
    (workplace / "texts" / "a.png").write_text("text")
    (workplace / "texts" / "b.png").write_text("text")
    answer = ganctl("data", "check", "texts")
    assert answer.code == 1 and "2 of 2 files cannot be read, more than dataset.max_broken=0.01" in answer.out
    assert "a.png is no image" in answer.out and "ganctl train" not in answer.out and "left out;" not in answer.out
    pictures(workplace / "same", 1)
    (workplace / "same" / "b.png").write_bytes((workplace / "same" / "000.png").read_bytes())
    answer = ganctl("data", "check", "same")
    assert answer.code == 1 and "all images are the same" in answer.out


def test_everything_found_is_in_the_json_file_with_all_names(workplace: Path, ganctl: Command) -> None:
    pictures(workplace / "photos", 5)
    for number in range(6):
        (workplace / "photos" / f"broken{number}.png").touch()
    assert ganctl("data", "check", "photos", "resolution=32", "--json", "all.json").code == 1
    record = json.loads((workplace / "all.json").read_text())
    assert len(record["broken"]) == 6 and len(record["images"]) == record["num_images"] == 5
    assert record["resolution"] == 32 and record["usable"] is False and record["advice"]
    assert record["images"]["000.png"]["width"] == 64


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ([], "ganctl data COMMAND: no such command; there is check, prepare"),
        (["chekc", "x"], "ganctl data chekc: no such command; did you mean check?"),
        (["check"], "PATH is missing: ganctl data check PATH"),
        (["check", "nowhere"], "nowhere: does not exist; give a folder or .zip of images"),
        (["check", "photos", "photos"], "photos: is one too many"),
        (["check", "photos", "resolution=2"], "resolution=2: is no whole number in [4, 1024]"),
        (["check", "photos", "resolution=big"], "resolution=big: is no whole number"),
        (["check", "photos", "resolutoin=64"], "resolutoin=64: no such key; did you mean resolution?"),
        (["check", "photos", "--jsno", "x"], "--jsno: no such option; did you mean --json?"),
        (["check", "photos", "--json", "x.txt"], "--json=x.txt: must end in .json"),
        (["check", "photos", "--json", "there.json"], "--json=there.json: is there already"),
        (["check", "photos", "--json", "no/x.json"], "--json=no/x.json: there is no folder no"),
        (["prepare", "photos"], "OUT.zip is missing: ganctl data prepare PATH OUT.zip"),
        (["prepare", "photos", "x.npz"], "OUT=x.npz: must end in .zip; try OUT=x.zip"),
        (["prepare", "photos", "there.zip"], "OUT=there.zip: is there already and is not overwritten"),
        (["prepare", "photos", "x.zip", "fit=squeeze"], "fit=squeeze: is none of crop, pad, stretch"),
        (["prepare", "photos", "x.zip", "channels=4"], "channels=4: is neither 3 (colour) nor 1 (grey)"),
        (["prepare", "nowhere", "x.zip"], "nowhere: does not exist"),
    ],
)
def test_wrong_words_are_refused_in_one_line(words: list[str], start: str, workplace: Path, refused: Refusal) -> None:
    pictures(workplace / "photos", 2)
    (workplace / "there.json").touch()
    (workplace / "there.zip").touch()
    assert refused("data", *words).startswith(start)
    assert {path.name for path in workplace.iterdir()} == {"photos", "there.json", "there.zip"}


def test_looking_at_pictures_imports_no_torch(workplace: Path) -> None:
    pictures(workplace / "photos", 2)
    for words in (["data", "check", "photos"], ["data", "prepare", "photos", "photos.zip"]):
        code = f"import sys; from ganctl.cli import main\nassert main({words!r}) == 0\nprint(*sys.modules, sep='\\n')"
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workplace)
        assert "PIL" in ended.stdout.split() and not {"torch", "hydra", "omegaconf"} & set(ended.stdout.split())


def test_two_collections_are_matched_by_name(workplace: Path, ganctl: Command) -> None:
    for folder, names in (("images", "abc"), ("sources", "abd"), ("same", "abc"), ("others", "xyz")):
        Path(folder).mkdir()
        for number, name in enumerate(names):
            size = (20, 20) if (folder, name) != ("same", "b") else (20, 30)
            Image.new("RGB", size, (90 * number, 0, 0)).save(f"{folder}/{name}.png")
    some = ganctl("data", "check", "images", "sources=sources").out
    assert "2 names in both" in some and "no source  1 name: c" in some and "no image   1 name: d" in some
    assert "some names have no partner" in some and "model=cut dataset=unpaired_folder" in some
    pairs = ganctl("data", "check", "images", "sources=same").out
    assert "3 names in both" in pairs and "1 pair of two sizes: b" in pairs
    assert "model=pix2pix dataset=paired_folder dataset.path=images dataset.sources=same" in pairs
    assert "no name is in both" in ganctl("data", "check", "images", "sources=others").out


def test_pictures_twice_as_wide_as_high_may_be_pairs(workplace: Path, ganctl: Command) -> None:
    Path("wide").mkdir()
    for number in range(3):
        Image.new("RGB", (40, 20), (90 * number, 0, 0)).save(f"wide/{number}.png")
    assert "if each holds a pair side by side, take dataset=paired_folder" in ganctl("data", "check", "wide").out
