"""A network, a loss and a data set of one's own, in a folder of one's own: no fork, no registration."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import TINY, Answer, Command, Refusal

MODULE = """
import numpy
import torch
from torch import nn

from ganctl.contract import DataSpec, ImageStore


class Generator(nn.Module):
    def __init__(self, *, latent_size, image_shape, num_classes, hidden):
        super().__init__()
        self.image_shape = image_shape
        size = image_shape[0] * image_shape[1] * image_shape[2]
        self.layers = nn.Sequential(nn.Linear(latent_size, hidden), nn.ReLU(), nn.Linear(hidden, size), nn.Tanh())

    def forward(self, latents, labels):
        return self.layers(latents).unflatten(1, self.image_shape)


class Discriminator(nn.Module):
    def __init__(self, *, image_shape, num_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(image_shape[0] * image_shape[1] * image_shape[2], 1))

    def forward(self, images, labels):
        return self.layers(images).squeeze(1)


class Squared:
    relativistic = False

    def __init__(self, weight):
        self.weight = weight

    def discriminator(self, real, fake):
        return self.weight * ((real - 1) ** 2 + fake**2)

    def generator(self, fake, real):
        return self.weight * (fake - 1) ** 2


class Noise:
    def __init__(self, count):
        self.count = count

    @property
    def spec(self):
        return DataSpec("noise", (1, 28, 28), None)

    def load(self, progress=None):
        images = numpy.random.default_rng(0).integers(0, 256, (self.count, 1, 28, 28), numpy.uint8)
        return ImageStore(self.spec, images, numpy.zeros(self.count, numpy.int64), "0" * 64)
"""

RULES = """
from ganctl.contract import ArgumentError

def even(image_shape):
    if image_shape[1] % 56:
        raise ArgumentError("image_shape", image_shape, "the net of mine needs multiples of 56")
"""

YAMLS = {
    "generator/homemade": "# A net of mine\n_target_: nets_of_mine.Generator\nhidden: 8   # units; in [1, 4096]\n",
    "discriminator/homemade": "# A judge of mine\n_target_: nets_of_mine.Discriminator\n",
    "loss/homemade": "# A loss of mine\n_target_: nets_of_mine.Squared\nweight: 1.0   # of it all; in (0, 10]\n",
    "dataset/homemade": "# Noise of mine\n_target_: nets_of_mine.Noise\ncount: 64   # images; in [1, inf)\n",
    "model/homemade": "# @package _global_\n# All of mine\ndefaults:\n  - override /generator: homemade\n"
    "  - override /discriminator: homemade\n  - override /loss: homemade\n",
}
CHOICE = ["model=homemade", "dataset=homemade"]


@pytest.fixture
def own(workplace: Path) -> Path:
    """A working directory with a module and a folder of YAML files."""
    (workplace / "nets_of_mine.py").write_text(MODULE)
    for name, text in YAMLS.items():
        file = workplace / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return workplace


def composed(answer: Answer) -> dict:
    assert answer.code == 0, answer.err
    return yaml.safe_load(answer.out)


def test_ones_own_yaml_files_compose(own: Path, ganctl: Command) -> None:
    config = composed(ganctl("train", "--config-dir", "conf", *CHOICE, "generator.hidden=9", "--cfg", "job"))
    assert config["generator"] == {"_target_": "nets_of_mine.Generator", "hidden": 9}
    assert config["loss"]["_target_"] == "nets_of_mine.Squared"


def test_they_are_checked_like_ganctls_own(own: Path, refused: Refusal) -> None:
    words = ["train", "--config-dir", "conf", *CHOICE]
    assert refused(*words, "generator.hidden=0").startswith("generator.hidden=0: must be in [1, 4096]")
    assert refused(*words, "loss.weight=heavy").startswith("loss.weight=heavy: must be a number")
    assert refused(*words, "generator.hiden=3").startswith(
        "generator.hiden=3: no such key; did you mean generator.hidden?"
    )
    assert refused(*words, "loss=homemad").startswith("loss=homemad: no such option; did you mean homemade?")


def test_a_preset_whose_settings_nothing_would_read_is_refused(own: Path, refused: Refusal) -> None:
    file = own / "conf" / "experiment" / "quiet.yaml"
    file.parent.mkdir()
    file.write_text("seed: 5\n")
    line = refused("train", "--config-dir", "conf", "experiment=quiet")
    assert line.startswith("experiment=quiet: ") and "begin the file with the line `# @package _global_`" in line


def test_they_train_and_are_sampled_evaluated_and_resumed(own: Path, ganctl: Command, refused: Refusal) -> None:
    by_hand = ["--config-dir", "conf"]
    settings = [word for word in TINY if not word.startswith(("generator=", "discriminator="))]
    trained = ganctl("train", *by_hand, *CHOICE, *settings, "training.batch_size=8")
    assert trained.code == 0, trained.err
    (run,) = own.glob("outputs/*/*")
    assert run.name.endswith("-homemade-homemade")
    assert json.loads((run / "summary.json").read_text())["step"] == 4
    unnamed = refused("sample", str(run), "num_images=4", "device=cpu")
    assert "add trust=[nets_of_mine], or give its YAML folder with --config-dir" in unnamed
    assert ganctl("sample", str(run), *by_hand, "num_images=4", "device=cpu").code == 0
    assert ganctl("sample", str(run), "trust=[nets_of_mine]", "num_images=4", "device=cpu").code == 0
    again = ganctl("train", *by_hand, "--resume", str(run), "training.steps=6")
    assert again.code == 0, again.err
    assert json.loads((run / "summary.json").read_text())["step"] == 6
    assert "give it again" in refused("train", "--resume", str(run), "training.steps=8")


def test_the_module_may_lie_beside_the_yaml_folder_instead(
    own: Path, monkeypatch: pytest.MonkeyPatch, ganctl: Command
) -> None:
    elsewhere = own / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    from ganctl.compose import Composer

    ganctl("train", "--config-dir", "../conf", "--cfg", "job")  # as a command, it finds modules beside the folder
    composer = Composer("train", config_dir="../conf")
    assert composer.check(composer.compose(CHOICE), CHOICE) == ["nets_of_mine"]


def test_without_a_folder_given_by_hand_the_package_must_be_trusted(
    own: Path, refused: Refusal, ganctl: Command
) -> None:
    from ganctl.compose import Composer

    line = refused("train", "loss._target_=nets_of_mine.Squared")
    assert line.startswith("loss._target_=nets_of_mine.Squared: loss builds classes of ganctl.loss only; ")
    assert "add trust=[nets_of_mine]" in line
    overrides = ["loss._target_=nets_of_mine.Squared", "trust=[nets_of_mine]"]
    composer = Composer("train")
    assert composer.check(composer.compose(overrides), overrides) == ["nets_of_mine"]


def test_installed_packages_are_not_trusted_for_being_in_a_yaml_file(own: Path, refused: Refusal) -> None:
    (own / "conf" / "loss" / "evil.yaml").write_text("# Evil\n_target_: subprocess.Popen\nargs: [echo]\n")
    line = refused("train", "--config-dir", "conf", "loss=evil")
    assert line.startswith("loss._target_=subprocess.Popen: loss builds classes of ganctl.loss only; ")


def test_a_wrong_module_or_class_is_named(own: Path, refused: Refusal) -> None:
    for target, said in {
        "nets_of_mine.Squarred": "nets_of_mine does not define Squarred; did you mean Squared?",
        "nets_of_yours.Squared": "loss builds classes of ganctl.loss only; ",
        "nets_of_mine.torch.load": "there is no module nets_of_mine.torch; ",
    }.items():
        (own / "conf" / "loss" / "homemade.yaml").write_text(f"# Mine\n_target_: {target}\nweight: 1.0\n")
        assert said in refused("train", "--config-dir", "conf", *CHOICE)


def test_a_shape_rule_of_ones_own_is_asked(own: Path, refused: Refusal) -> None:
    (own / "rules_of_mine.py").write_text(RULES)
    file = own / "conf" / "generator" / "homemade.yaml"
    file.write_text(file.read_text() + "shape_rule: rules_of_mine.even\n")
    line = refused("train", "--config-dir", "conf", *CHOICE)
    assert line == "dataset=noise: has images of 28x28 pixels: the net of mine needs multiples of 56"


def test_a_data_set_that_cannot_be_built_is_refused_in_one_line(own: Path, refused: Refusal) -> None:
    line = refused("train", "--config-dir", "conf", *CHOICE, "+dataset.colour=red")
    assert line.startswith("dataset._target_=nets_of_mine.Noise: ") and "colour" in line
    (own / "nets_of_mine.py").write_text("import a_module_that_is_nowhere\n" + MODULE)
    sys.modules.pop("nets_of_mine", None)
    line = refused("train", "--config-dir", "conf", *CHOICE)
    assert "cannot be imported: ModuleNotFoundError" in line and line.startswith("dataset._target_=")
