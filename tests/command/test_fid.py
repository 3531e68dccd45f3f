"""`ganctl fid`: every kind of source on either side, pytorch-fid's values, what is kept and written, and refusals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from tests.command.conftest import Fid
from tests.command.pictures import AS_DIGITS, AS_PIXELS, digits, folder_of, noise
from tests.conftest import Command, Refusal
from tests.settings import torch_untouched


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with torch_untouched():
        yield


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
    assert fid(a, b, *AS_PIXELS, "resolution=[12,16]")["protocol"]["resolution"] == "[12,16]"


def test_a_data_set_in_colour_whose_model_a_training_would_choose_is_called_by_its_name(fid: Fid) -> None:
    found = fid("mnist5k", "crops", "feature=pixels", "num_images=20", "num_real=20")
    assert found["protocol"]["num_real"] == 20


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


def test_what_a_killed_process_left_is_swept_up_and_what_a_live_one_makes_is_not(
    fid: Fid, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    from ganctl.job.fid import passing_cache

    folder = tmp_path / "cache" / "datasets"
    with passing_cache(OmegaConf.create({"cache": str(tmp_path / "cache")})) as passing:
        assert Path(passing).parent == folder
    made = folder / Path(passing).name
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        left = folder / made.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    for path in (made, left):
        (path / "datasets").mkdir(parents=True)
    fid(*pair, *AS_PIXELS, f"cache={tmp_path / 'cache'}")
    assert made.exists() and not left.exists()


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


def test_the_last_line_is_not_a_score_of_real_images_alone(fid: Fid, trained: Path) -> None:
    found = fid(trained, "mnist5k", "feature=digits", "metric=[class_accuracy]", "num_images=20", "num_real=40")
    assert list(found["scores"]) == ["real_class_accuracy_digits", "class_accuracy_digits"]
    assert fid.said.splitlines()[-1].startswith("class_accuracy_digits ")  # type: ignore[attr-defined]


def test_the_batch_size_changes_no_score(fid: Fid, pair: tuple[Path, Path]) -> None:
    one, other = (fid(*pair, *AS_DIGITS, f"batch_size={size}")["scores"] for size in (3, 50))
    assert one == pytest.approx(other, rel=1e-6)


def test_several_metrics_share_the_features(fid: Fid, pair: tuple[Path, Path]) -> None:
    found = fid(*pair, *AS_DIGITS, "metric=[frechet,kid,inception_score]", "metric.kid.subsets=7")
    assert {"fd_digits", "kd_digits", "kd_digits_low", "is_digits"} <= found["scores"].keys()
    assert found["protocol"]["kid.subsets"] == 7 and found["made_by"]["kd_digits"] == "kid"
    assert "95 % within" in fid.said  # type: ignore[attr-defined]


def test_a_data_set_of_ones_own_is_called_by_its_name(fid: Fid, pair: tuple[Path, Path], workplace: Path) -> None:
    (workplace / "mine" / "dataset").mkdir(parents=True)
    (workplace / "mine" / "dataset" / "ours.yaml").write_text(
        f"# Ours\n_target_: ganctl.dataset.image_folder.ImageFolder\npath: {pair[1]}\nresolution: 28\nchannels: 1\n"
    )
    found = fid(pair[0], "ours", "--config-dir", "mine", *AS_DIGITS)
    assert found["scores"] == fid(*pair, *AS_DIGITS)["scores"]


def test_a_run_is_judged_against_its_own_data_where_no_other_is_named(fid: Fid, trained: Path) -> None:
    by_default = fid(str(trained), "num_images=50", "num_real=50", "feature=digits")
    named = fid(str(trained), "mnist5k", "num_images=50", "num_real=50", "feature=digits")
    assert by_default["scores"] == named["scores"] and by_default["scores"]["fd_digits"] > 0
