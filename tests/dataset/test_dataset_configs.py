"""Every YAML of the group against the class it names."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

import ganctl
from ganctl.contract import Dataset

ROOT = Path(ganctl.__file__).parents[1]
FILES = sorted((ROOT / "configs" / "dataset").glob("*.yaml"))
CHOSEN = {
    "image_folder": {"path": "."},
    "paired_folder": {"path": "."},
    "unpaired_folder": {"path": ".", "sources": "."},
}
SHAPES = {"mnist5k": (1, 28, 28), "mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "kmnist": (1, 28, 28)}
NATURAL = {"mnist5k": "digits", "mnist": "digits", "stacked_mnist": "stacked_digits"}
NATURAL |= {"fashion_mnist": "classifier", "kmnist": "classifier"}  # efficientnet for all others
SHAPES |= {"cifar10": (3, 32, 32), "image_folder": (3, 64, 64), "crops": (3, 64, 64), "stacked_mnist": (3, 28, 28)}
SHAPES |= {"paired_folder": (3, 64, 64), "unpaired_folder": (3, 64, 64)}

CHEAP = """
import json, sys
for path, options in json.loads(sys.argv[1]):
    module, _, name = path.rpartition(".")
    __import__(module)
    print(getattr(sys.modules[module], name)(**options).spec.image_shape)
assert not {"torch", "torchvision", "PIL", "mlxtend"} & set(sys.modules)
"""


def settings(file: Path) -> tuple[str, dict[str, Any]]:
    node = yaml.safe_load(file.read_text())
    node.pop("defaults", None)
    return node.pop("_target_"), {**node, **CHOSEN.get(file.stem, {})}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "one.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_that_is_promised_is_there() -> None:
    assert {file.stem for file in FILES} == set(SHAPES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_yaml_builds_its_class_and_names_each_of_its_options(file: Path, here: Path) -> None:
    target, options = settings(file)
    module, _, name = target.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    assert set(options) == set(inspect.signature(kind).parameters)
    dataset = kind(**options)
    assert isinstance(dataset, Dataset) and dataset.spec.image_shape == SHAPES[file.stem]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_defaults_of_yaml_and_class_agree(file: Path) -> None:
    target, _ = settings(file)
    module, _, name = target.rpartition(".")
    node = yaml.safe_load(file.read_text())
    for key, parameter in inspect.signature(getattr(importlib.import_module(module), name)).parameters.items():
        expected = file.stem if key == "name" else parameter.default
        assert node[key] == (list(expected) if isinstance(expected, tuple) else expected), key


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_yaml_says_what_it_is_and_explains_each_option(file: Path) -> None:
    first, *lines = file.read_text().splitlines()
    assert first.startswith("# ") and len(first) < 121
    keys = [line for line in lines if line[0] not in " _" and not line.startswith("defaults:")]
    assert keys and all(" # " in line for line in keys)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_digits_are_judged_by_digits_and_the_user_has_the_last_word(file: Path) -> None:
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        natural = compose("train", overrides=[f"dataset={file.stem}", "model=dcgan"]).feature
        chosen = {
            name: compose("train", overrides=[f"dataset={file.stem}", f"feature={name}"]).feature
            for name in ("efficientnet", *NATURAL.values())
        }
    assert natural == chosen[NATURAL.get(file.stem, "efficientnet")]
    assert chosen["digits"] != chosen["efficientnet"]


def test_the_facts_of_every_data_set_are_known_without_importing_torch(here: Path) -> None:
    nodes = json.dumps([settings(file) for file in FILES])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", CHEAP, nodes]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(SHAPES[file.stem]) for file in FILES]
