"""`ganctl sample` with walks and truncation: what the words do to what is written."""

from __future__ import annotations

import json
from pathlib import Path

import imageio_ffmpeg
import numpy
import pytest
import torch
from PIL import Image

import ganctl as package
from ganctl.job.sample_inputs import truncated, within
from tests.conftest import Command, Refusal
from tests.settings import SMALL, settings, torch_untouched


def test_a_walk_as_a_film_in_either_format(unconditional: Path, ganctl: Command) -> None:
    words = ("sample", str(unconditional), "device=cpu", "num_images=4", "grid=false", "interpolate=8", "seed=1")
    assert ganctl(*words, "video=both", "fps=20", "output=both").code == 0
    assert sorted(path.name for path in Path("both").iterdir()) == [
        "interpolation.gif",
        "interpolation.mp4",
        "sample.json",
    ]
    assert imageio_ffmpeg.count_frames_and_secs("both/interpolation.mp4") == (8, pytest.approx(0.4))
    with Image.open("both/interpolation.gif") as gif:
        assert gif.info["duration"] % 50 == 0
    assert ganctl(*words, "video=mp4", "walk=linear", "output=film").code == 0
    assert sorted(path.name for path in Path("film").iterdir()) == ["interpolation.mp4", "sample.json"]
    assert json.loads(Path("film/sample.json").read_text())["walk"] == "linear"


def test_a_straight_walk_is_another_than_the_one_on_circles(unconditional: Path) -> None:
    drawer = package.load(unconditional, device="cpu").drawer
    stops = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(1))
    labels = torch.zeros(1, dtype=torch.int64)
    curved, straight = (list(drawer.walk(stops, labels, 4, straight=way)) for way in (False, True))
    torch.testing.assert_close(curved[0], straight[0])
    middle = drawer.draw({"latents": stops.mean(0), "labels": labels})
    torch.testing.assert_close(straight[2], middle)
    assert not torch.allclose(curved[2], middle)


def test_truncated_latents_are_a_normal_s_within_the_limit_in_their_order() -> None:
    latents = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    inside = within(latents, 0.5)
    assert inside.abs().max() <= 0.5
    again = latents[latents.abs() <= 0.5]  # what drawing again leaves
    assert abs(float(inside.std() - again.std())) < 0.01 and inside.dtype == latents.dtype
    for share in (0.1, 0.3, 0.8):
        assert abs(float(inside.quantile(share) - again.quantile(share))) < 0.02
    order = latents.argsort()
    assert (inside[order].diff() >= 0).all()
    torch.testing.assert_close(within(latents, 30.0), latents)


def test_truncation_changes_the_pictures_and_is_written_down(unconditional: Path, ganctl: Command) -> None:
    words = ("sample", str(unconditional), "device=cpu", "num_images=20", "grid=false", "npz=true", "seed=1")
    pictures = []
    for name, more in (("all", []), ("wide", ["truncation=9"]), ("near", ["truncation=0.1"])):
        assert ganctl(*words, *more, f"output={name}").code == 0
        with numpy.load(f"{name}/images.npz", allow_pickle=False) as archive:
            pictures.append(archive["images"].astype(float))
    whole, wide, near = pictures
    assert numpy.abs(whole - wide).max() <= 1 and near.std(axis=0).mean() < 0.5 * whole.std(axis=0).mean()
    assert json.loads(Path("near/sample.json").read_text())["truncation"] == 0.1


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, Path]:
    """Runs whose latents mean something else: a mixture, and a sphere."""
    from ganctl.job.train import train_once

    folder = tmp_path_factory.mktemp("others")
    kinds = {
        "mixture": ["generator.mixture=5"],
        "sphere": ["generator=fastgan", "generator.width=4", "generator.max_width=8"],
    }
    small = [word for word in SMALL if not word.startswith("generator")]
    for name, words in kinds.items():
        own = SMALL if name == "mixture" else small
        with torch_untouched():
            train_once(settings(*own, f"dataset.cache={cache}", "generator.initialisation=he", *words), folder / name)
    return {name: folder / name for name in kinds}


def test_truncation_leaves_every_part_of_a_mixture(others: dict[str, Path]) -> None:
    trained = package.load(others["mixture"], device="cpu")
    given = trained.drawer.task.samples(0, 0, 50)
    near = truncated(given, 0.1, trained)["latents"]
    assert torch.equal(near[:, 0], given["latents"][:, 0]) and near[:, 1:].abs().max() <= 0.1


def test_truncation_of_latents_that_are_brought_to_one_length_is_refused(
    others: dict[str, Path], refused: Refusal
) -> None:
    line = refused("sample", str(others["sphere"]), "device=cpu", "truncation=0.5")
    assert line.startswith("truncation=0.5: this generator brings all latents to one length")


@pytest.mark.parametrize("word", ["truncation=0", "truncation=-1", "fps=0", "fps=60", "video=avi", "walk=round"])
def test_values_out_of_range_are_refused(word: str, unconditional: Path, refused: Refusal) -> None:
    assert refused("sample", str(unconditional), "interpolate=4", word).startswith(word.partition("=")[0] + "=")
