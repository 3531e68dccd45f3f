"""Pictures from pictures, from the command line: training, exact resume, scores, and `ganctl translate`."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy
import pytest
import torch
from PIL import Image

from ganctl import checkpoint
from tests.conftest import Command, Refusal

SETTINGS = (
    *("device=cpu", "device.threads=1", "training.batch_size=4", "training.steps=4", "tracker=[]"),
    *("output.log_every=1", "output.sample_every=2", "output.evaluate_every=2", "output.checkpoint_every=2"),
    *("output.grid=9", "final_fid.enabled=false", "feature=pixels", "training.flip=true"),
    *("discriminator.width=4", "discriminator.halvings=1"),
)
TRANSLATOR = ("generator=resnet_translator", "generator.width=4", "generator.blocks=1")
GAP = 2  # pixels between the pictures of a grid
MODELS = {
    "pix2pix": ("dataset=paired_folder", "dataset.path=pairs", "generator.width=4"),
    "cyclegan": (
        "dataset=unpaired_folder",
        "dataset.path=small",
        "dataset.sources=large",
        *TRANSLATOR,
        "game.pool_size=3",
    ),
    "cut": (
        "dataset=unpaired_folder",
        "dataset.path=small",
        "dataset.sources=large",
        *TRANSLATOR,
        "generator.projection=8",
    ),
    "srgan": (
        "dataset=image_folder",
        "dataset.path=small",
        "generator.width=4",
        "generator.blocks=1",
        "term=[l1,perceptual]",
    ),
}


@pytest.fixture
def pictures(workplace: Path) -> Path:
    random = numpy.random.default_rng(0)
    for folder, size in (("pairs", (16, 32)), ("small", (16, 16)), ("large", (20, 24))):
        (workplace / folder).mkdir()
        for number in range(20):
            pixels = random.integers(0, 256, (*size, 3), numpy.uint8)
            Image.fromarray(pixels).save(workplace / folder / f"{number:02d}.png")
    return workplace


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def train(ganctl: Command, model: str, folder: str, *words: str) -> dict:
    answer = ganctl(
        "train", f"model={model}", *MODELS[model], *SETTINGS, "dataset.resolution=16", *words, f"hydra.run.dir={folder}"
    )
    assert answer.code == 0, answer.err
    return json.loads(Path(folder, "summary.json").read_text())


@pytest.mark.parametrize(("model", "words"), [*((model, []) for model in MODELS), ("srgan", ["task=restoration"])])
def test_a_run_goes_on_exactly_from_where_it_stopped(
    model: str, words: list[str], pictures: Path, ganctl: Command
) -> None:
    whole = train(ganctl, model, "whole", *words)
    assert whole["scores"]["fd_pixels"] >= 0 and whole["protocol"]["split"] == "held out"
    assert whole["held_out"]["name"] == "untouched sources"
    assert whole["held_out"]["scores"].keys() == whole["scores"].keys()
    train(ganctl, model, "part", "training.steps=2", *words)
    again = ganctl("train", "--resume", "part", "training.steps=4")
    assert again.code == 0, again.err
    states = [checkpoint.load(Path(run, "checkpoints", "last.pt"))["state"] for run in ("whole", "part")]
    for kind in ("networks", "averages", "memories"):
        for name, content in states[0][kind].items():
            for key, value in content.items():
                assert torch.equal(value, states[1][kind][name][key]), (kind, name, key)
    assert json.loads(Path("part", "summary.json").read_text())["scores"] == whole["scores"]


def test_grids_show_source_output_and_truth_side_by_side(pictures: Path, ganctl: Command) -> None:
    train(ganctl, "pix2pix", "run")
    grid = numpy.asarray(opened(Path("run/samples/step-00000004.png")).convert("RGB")).astype(int)
    held_out = numpy.asarray(opened(Path("pairs/09.png"))).astype(int)  # the tenth of twenty is the first held out
    scale = (grid.shape[1] - 4 * GAP) // (3 * 16)
    tiles = [
        grid[GAP : GAP + 16 * scale : scale, left : left + 16 * scale : scale]
        for left in (GAP + column * (16 * scale + GAP) for column in range(3))
    ]
    assert (tiles[0] == held_out[:, :16]).all() and (tiles[2] == held_out[:, 16:]).all()
    assert (tiles[1] != tiles[0]).any() and (tiles[1] != tiles[2]).any()
    answer = ganctl("sample", "run", "output=drawn", "device=cpu")
    assert answer.code == 0, answer.err
    assert Path("drawn/grid.png").read_bytes() == Path("run/samples/best.png").read_bytes(), "the same pairs, all shown"


def test_scores_compare_with_the_true_images_and_bicubic_interpolation(pictures: Path, ganctl: Command) -> None:
    summary = train(ganctl, "srgan", "run")
    scores, bicubic = summary["scores"], summary["held_out"]
    assert {"psnr_y", "ssim_y", "l1", "perceptual_efficientnet_lite2"} <= set(scores)
    assert abs(scores["psnr_y"] - bicubic["scores"]["psnr_y"]) < 1, "it begins with the bicubic enlargement"
    assert bicubic["what"] == "sources enlarged by bicubic interpolation"
    assert summary["protocol"]["sources"] == "made smaller by 4, bicubic"
    answer = ganctl("evaluate", "run", "metric=[likeness]", "metric.likeness.channel=rgb", "device=cpu")
    assert answer.code == 0, answer.err
    assert f"(untouched sources: {bicubic['scores']['l1']:.4g})" in answer.out
    (file,) = Path("run").glob("scores-*.json")
    (draw,) = (record := json.loads(file.read_text()))["draws"]
    assert record["beside"]["scores"]["l1"] == pytest.approx(bicubic["scores"]["l1"], rel=1e-6)
    assert {"psnr_rgb", "l1"} <= set(draw["scores"]) and draw["protocol"]["likeness.channel"] == "rgb"
    assert draw["scores"]["l1"] == pytest.approx(scores["l1"], rel=1e-6)


def test_a_restoration_is_judged_beside_its_own_degraded_sources(pictures: Path, ganctl: Command) -> None:
    words = ("task=restoration", "optimizer.lr=1e-12")
    summary = train(ganctl, "srgan", "run", *words)
    scores, protocol = summary["scores"], summary["protocol"]
    for name in ("psnr_y", "ssim_y", "l1"):  # it begins with the bicubic enlargement, and does not move
        assert scores[name] == pytest.approx(summary["held_out"]["scores"][name], rel=0.02)
    plain = train(ganctl, "srgan", "plain", "optimizer.lr=1e-12")
    assert scores["l1"] > plain["scores"]["l1"]
    assert protocol["sources"].startswith("degraded: factor 4, kernel random, blur [0.2, 3.0]")
    answer = ganctl("evaluate", "run", "device=cpu")
    assert answer.code == 0, answer.err
    (file,) = Path("run").glob("scores-*.json")
    (draw,) = json.loads(file.read_text())["draws"]
    assert draw["protocol"]["sources"] == protocol["sources"]
    assert draw["scores"]["psnr_y"] == pytest.approx(scores["psnr_y"])
    assert ganctl("translate", "run", "large/03.png", "output=out", "device=cpu").code == 0
    assert opened(Path("out/03.png")).size == (96, 80)


def test_a_run_begins_with_another_runs_generator(pictures: Path, ganctl: Command, refused: Refusal) -> None:
    train(ganctl, "srgan", "content", "game=content", "metric=[frechet,likeness]")
    train(ganctl, "srgan", "run", "start=content", "training.steps=1", "optimizer.lr=1e-12")
    first, second = (
        checkpoint.load(Path(run, "checkpoints", "best.pt"))["state"]["averages"] for run in ("content", "run")
    )
    for key, value in first["generator"].items():
        torch.testing.assert_close(value, second["generator"][key], atol=1e-6, rtol=1e-5)
    words = [*MODELS["srgan"], *SETTINGS, "dataset.resolution=16", "generator.width=6", "hydra.run.dir=other"]
    line = refused("train", "model=srgan", *words, "start=content")
    assert line.startswith("start=content: its generator is of another architecture")


def test_pictures_of_any_size_keep_their_size_name_and_transparency(pictures: Path, ganctl: Command) -> None:
    train(ganctl, "pix2pix", "run")
    (pictures / "mine" / "deep").mkdir(parents=True)
    Image.new("RGB", (37, 21), (200, 10, 10)).save("mine/deep/photo.jpg")
    Image.new("RGBA", (16, 16), (10, 200, 10, 90)).save("mine/glass.png")
    Image.new("L", (5, 70), 99).save("mine/grey.png")
    with ZipFile("more.zip", "w") as archive:
        archive.write("small/00.png", "zipped.png")
    answer = ganctl("translate", "run", "mine", "more.zip", "small/01.png", "output=out", "tile=64", "device=cpu")
    assert answer.code == 0, answer.err
    found = {path.relative_to("out").as_posix(): opened(path) for path in Path("out").rglob("*.png")}
    sizes = {name: image.size for name, image in found.items()}
    assert sizes == {
        "deep/photo.png": (37, 21),
        "glass.png": (16, 16),
        "grey.png": (5, 70),
        "zipped.png": (16, 16),
        "01.png": (16, 16),
    }
    assert found["glass.png"].mode == "RGBA" and set(numpy.asarray(found["glass.png"])[..., 3].ravel()) == {90}


def test_an_enlargement_makes_pictures_larger(pictures: Path, ganctl: Command) -> None:
    train(ganctl, "srgan", "run")
    assert ganctl("translate", "run", "large/03.png", "output=out", "device=cpu").code == 0
    assert opened(Path("out/03.png")).size == (96, 80)


def test_what_cannot_be_translated_is_named_and_left_out(pictures: Path, ganctl: Command, refused: Refusal) -> None:
    train(ganctl, "pix2pix", "run")
    Path("mixed").mkdir()
    Image.new("RGB", (16, 16)).save("mixed/good.png")
    Image.fromarray(numpy.zeros((16, 16), numpy.uint16)).save("mixed/deep.png")
    Path("mixed/bad.png").write_bytes(b"text")
    answer = ganctl("translate", "run", "mixed", "output=out", "device=cpu")
    assert answer.code == 1
    assert "deep.png has more than 8 bits a channel" in answer.err + answer.out
    assert "bad.png is no image" in answer.err + answer.out
    assert [path.name for path in Path("out").iterdir()] == ["good.png"]
    assert "output=out: is there already and not empty" in refused("translate", "run", "small", "output=out")
    assert refused("translate", "run").startswith("IMAGES is missing: ")
    assert refused("translate", "run", "nowhere").startswith("nowhere: does not exist")
    Path("twice").mkdir()
    for ending in ("png", "jpg"):
        Image.new("RGB", (16, 16)).save(f"twice/a.{ending}")
    assert "would be written to a.png as twice/a.jpg would" in refused("translate", "run", "twice")


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        (["model=pix2pix", "dataset=image_folder", "dataset.path=small"], "task=translation: "),
        (
            ["model=pix2pix", *MODELS["pix2pix"], "conditional=true"],
            "conditional=true: pairs has no labels",
        ),
        (["model=cut", *MODELS["cut"], "term=[l1]"], "term=[l1]: the sources of these data belong to no image"),
        (
            ["model=cut", *MODELS["cut"], "generator.projection=0"],
            "term=[contrastive]: needs generator.projection above 0",
        ),
        (["dataset=image_folder", "dataset.path=small", "term=[l1]"], "term=[l1]: task=noise has no true image"),
        (["model=cyclegan", *MODELS["cyclegan"], "term=[l1]"], "term=[l1]: the sources of these data"),
        (["model=cyclegan", *MODELS["cyclegan"], "dataset.source_channels=1", "term=[]"], "game=cycle: goes there and"),
        (
            ["model=cut", *MODELS["cut"], "dataset.source_channels=1", "term=[identity]"],
            "term=[identity]: needs sources of the images' shape, and task=translation has none",
        ),
        (["model=cut", *MODELS["cut"], "term=[cycle]"], "game=adversarial: cannot take cycle, which asks a generator"),
        (["model=cyclegan", *MODELS["cyclegan"], "augment=ada"], "game=cycle: cannot take ada, which changes what"),
        (
            ["model=cyclegan", *MODELS["cyclegan"], "game.cycle=5"],
            "game.cycle=5: no such key; did you mean term.cycle?",
        ),
        (
            ["model=pix2pix", *MODELS["pix2pix"], "regularizer=[mode_seeking]"],
            "regularizer=[mode_seeking]: task=translation starts from no latents",
        ),
        (
            ["model=pix2pix", *MODELS["pix2pix"], "game=content", "term=[l1,feature_matching]"],
            "game=content: cannot take feature_matching, which asks a discriminator",
        ),
        (["model=pix2pix", *MODELS["pix2pix"], "generator=dcgan"], "generator=dcgan: starts from latents, and task=tr"),
        (["model=srgan", *MODELS["srgan"], "task.factor=3"], "task.factor=3: not one of 2, 4, 8"),
        (["model=srgan", *MODELS["srgan"], "task=restoration", "task.jpeg=[95,30]"], "task.jpeg=[95,30]: begins above"),
        (
            ["model=srgan", *MODELS["srgan"], "task=restoration", "task.blur=[0,99]"],
            "task.blur=[0, 99]: must be in [0, 10]",
        ),
        (["model=srgan", *MODELS["srgan"], "dataset.resolution=18"], "task.factor=4: does not divide 18x18"),
        (
            [
                "model=pix2pix",
                *MODELS["pix2pix"],
                "feature=efficientnet",
                "term=[perceptual]",
                "discriminator.halvings=2",
            ],
            "feature=efficientnet: is what term=[perceptual]",
        ),
    ],
)
def test_what_lacks_its_input_is_refused_in_one_line(
    words: list[str], beginning: str, pictures: Path, refused: Refusal
) -> None:
    assert refused("train", "dataset.resolution=16", *words).startswith(beginning)
