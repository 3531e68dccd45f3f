"""`ganctl fid`: every mistake is answered in one line, with exit code 2, and nothing is run or left behind."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from tests.command.conftest import Fid
from tests.command.pictures import AS_DIGITS, AS_PIXELS, folder_of, noise
from tests.conftest import Refusal
from tests.settings import torch_untouched


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


@pytest.fixture
def here(workplace: Path) -> Path:
    """A working directory with a folder of images, a data set's namesake, and files that are something else."""
    folder_of(noise(), workplace / "a")
    folder_of(noise(seed=1), workplace / "b")
    folder_of(noise(seed=2), workplace / "mnist5k")
    folder_of(noise(1), workplace / "lonely")
    (workplace / "empty").mkdir()
    (workplace / "text.pt").write_text("text")
    (workplace / "text.txt").write_text("text")
    (workplace / "text.npz").write_text("text")
    (workplace / "there.json").write_text("text")
    numpy.savez(workplace / "float.npz", images=noise() / 255)
    numpy.savez(workplace / "wide.npz", mu=numpy.zeros(3), sigma=numpy.eye(3))
    numpy.savez(workplace / "wider.npz", mu=numpy.zeros(4), sigma=numpy.eye(4))
    numpy.savez(workplace / "fits.npz", mu=numpy.zeros(128), sigma=numpy.eye(128))
    numpy.savez(workplace / "same.npz", noise()[..., 0])
    shutil.copytree(workplace / "b", workplace / "torn")
    (workplace / "torn" / "003.png").write_bytes((workplace / "b" / "003.png").read_bytes()[:60])
    shutil.copytree(workplace / "b", workplace / "mixed")
    Image.new("L", (30, 28)).save(workplace / "mixed" / "004.png")
    return workplace


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "A or B is missing: ganctl fid A B [KEY=VALUE ...], each a folder, "),
        (["a"], "A or B is missing: "),
        (["a", "b", "c"], "c: not an override KEY=VALUE; "),
        (["a", "minst"], "minst: there is no such path, and no data set of that name; did you mean mnist?"),
        (["a", "minst:test"], "minst:test: there is no such path, and no data set of that name; did you mean mnist:"),
        (["a", "nowhere/at/all"], "nowhere/at/all: there is no such path, and no data set of that name; "),
        (["a", "mnist:valid"], "mnist:valid: valid is no split; try mnist:train or mnist:test"),
        (["a", "mnist5k:test"], "mnist5k:test: mnist5k has no splits; leave out :test"),
        (["a", "mnist5k"], "mnist5k: is a data set and a path here; write ./mnist5k or mnist5k:train"),
        (["a", "image_folder"], "image_folder: is no data set until it has a path; give the folder or .zip of "),
        (["a", "empty"], "empty: holds no file that ends in "),
        (["a", "lonely"], "lonely: holds one image only; statistics need at least 2 images"),
        (["a", "a"], "a and a: are the same, at distance 0; name two sets of images"),
        (["a", "b/../a"], "a and b/../a: are the same, "),
        (["mnist5k:train", "mnist5k:train"], "mnist5k:train and mnist5k:train: are the same, "),
        (["a", "same.npz"], "a and same.npz: hold the same images, at distance 0; "),
        (["a", "text.txt"], "text.txt: is none of a folder or .zip of images, an .npz, a run, a checkpoint; "),
        (["a", "text.npz"], "text.npz: is no .npz file "),
        (["a", "text.pt"], "text.pt: not a checkpoint, or a damaged one "),
        (["a", "float.npz"], "float.npz: its array images is float64, and images must be uint8 "),
        (["a", "torn"], "torn: 003.png cannot be decoded ("),
        (["a", "mixed"], "mixed: 000.png has 28x28 pixels and 004.png 30x28; bring all to one size with resolution=28"),
        (["a", "wide.npz"], "wide.npz: statistics of 3 dimensions, and digits gives 128; "),
        (["wide.npz", "wider.npz"], "wide.npz: statistics of 3 dimensions, and wider.npz of 4; "),
        (["a", "wide.npz", "save=c.npz"], "save=c.npz: wide.npz holds statistics already; leave it out"),
        (["fits.npz", "b", "metric=[kid]"], "metric=kid: the features of generated images are not kept "),
        (["a", "b", "metric=[]"], "metric=[]: nothing is to be scored; try metric=[frechet]"),
        (["a", "long" * 100], f"{'long' * 100}: "),
        (["a", "b", "num_images=13"], "num_images=13: a has 12 images; try num_images=null for all"),
        (["a", "b", "num_real=13"], "num_real=13: b has 12 images; "),
        (["a", "b", "num_real=1"], "num_real=1: must be in [2, "),
        (["a", "b", "num_imagse=5"], "num_imagse=5: no such key; did you mean num_images?"),
        (["a", "b", "weights=best"], "weights=best: must be ema, raw or an average such as ema_0.05; "),
        (["a", "b", "feature=digit"], "feature=digit: no such option; did you mean digits?"),
        (["a", "b", "output=there.json"], "output=there.json: is there already and is not overwritten; "),
        (["a", "b", "output=scores.txt"], "output=scores.txt: must end in .json; try output=scores.json"),
        (["a", "b", "save=c.zip"], "save=c.zip: must end in .npz; "),
        (["a", "b", "save=no/c.npz"], "save=no/c.npz: there is no folder no; "),
        (["a", "b", "resolution=8"], "feature=digits: judges grey 28x28 images, and those of "),
        (["a", "b", "-m"], "--multirun: `ganctl fid` takes one pair at a time"),
        (["a", "b", "feature=inception", "feature.weights=text.pt"], "feature.weights=text.pt: "),
        (["a", "mnist", "root=none", "device=cpu"], "root=none: "),
        (["a", "mnist", "root='~nobody-of-that-name'"], "root=~nobody-of-that-name: there is no such home folder; "),
        (
            ["a", "b", "feature=pixels", "feature.size=32"],
            "feature.size=32: a has images of 28 pixels a side; try feature",
        ),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    words: list[str], said: str, here: Path, refused: Refusal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ganctl.dataset import published

    def unreachable(*arguments: object, **options: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(published, "fetch", unreachable)
    choice = [] if any(word.startswith("feature=") for word in words) else ["feature=digits"]
    assert refused("fid", *words, *choice, f"cache={tmp_path / 'cache'}").startswith(said)
    assert not list((tmp_path / "cache").rglob("*.unfinished"))


def test_statistics_of_another_extractor_are_refused(fid: Fid, pair: tuple[Path, Path], refused: Refusal) -> None:
    fid(*pair, *AS_DIGITS, "save=b.npz")
    line = refused("fid", str(pair[0]), "b.npz", *AS_PIXELS)
    assert line.startswith("b.npz: are statistics of digits (") and "; choose the other with feature=" in line


def test_truncated_weights_are_refused(here: Path, refused: Refusal, weights_file: Path) -> None:
    (here / "weights.pth").write_bytes(weights_file.read_bytes()[:1_000_000])
    line = refused("fid", "a", "b", "feature=inception", "feature.weights=weights.pth", "device=cpu")
    assert line.startswith("feature.weights=weights.pth: ")


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_in_any_disguise_is_not_run(here: Path, refused: Refusal, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    objects = numpy.empty(5, object)
    objects[:] = Payload(witness)
    numpy.savez(here / "images.npz", images=objects)
    numpy.savez(here / "statistics.npz", mu=objects, sigma=numpy.eye(5))
    (here / "plain.npz").write_bytes(pickle.dumps(Payload(witness)))
    torch.save(Payload(witness), here / "run.pt")
    for name in ("images.npz", "statistics.npz", "plain.npz", "run.pt"):
        assert refused("fid", "a", name, *AS_DIGITS).startswith(f"{name}: ")
        assert refused("fid", name, "b", *AS_DIGITS).startswith(f"{name}: ")
    assert not witness.exists()


@pytest.mark.parametrize("words", [["a", "minst"], ["a", "a"], ["a", "b", "num_real=1"], ["a", "float.npz"]])
def test_a_refusal_imports_no_torch(words: list[str], here: Path) -> None:
    code = (
        "import sys; from ganctl.cli import main\n"
        f"code = main(['fid', *{words!r}])\n"
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
