"""The benchmarks still fit the package: what they import of it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))

pytestmark = pytest.mark.skipif(not NAMES, reason="the tests lie outside a checkout")


def test_every_benchmark_can_be_imported() -> None:
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(f'benchmarks.{name}')"
    ended = subprocess.run(
        [sys.executable, "-c", program, *NAMES], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr


def in_benchmarks(program: str) -> None:
    """Runs it in a process of its own whose path has the benchmarks."""
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import torch; torch.manual_seed(0)\n"
    ended = subprocess.run(
        [sys.executable, "-c", path + program], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_the_steps_of_pictures_from_pictures_race_on_small_networks() -> None:
    in_benchmarks(
        "import translation\ntranslation.SIZE, translation.WIDTH = 32, 4\n"
        "for model in translation.BATCH_SIZES:\n"
        "    found = translation.race(model, ['fp32'], rounds=2, steps=1)['cpu']\n"
        "    assert all(seconds > 0 for seconds in found['seconds'].values())\n"
        "    first, middle, last = found['theirs to ours']['ours, fp32']\n"
        "    assert first <= middle <= last\n"
    )


def test_the_contrastive_loss_by_hand_is_ours() -> None:
    in_benchmarks(
        "import reference_steps\n"
        "from ganctl.model.resnet_translator import Generator\n"
        "from ganctl.term import Contrastive\n"
        "reference_steps.PATCHES = 1024\n"  # all places, so that their order does not matter
        "shapes, options = dict.fromkeys(('image_shape', 'source_shape'), (3, 16, 16)), {'initialisation': 'normal'}\n"
        "options |= {'width': 4, 'blocks': 2, 'norm': 'instance', 'upsampling': 'resize', 'projection': 8}\n"
        "G = Generator(**shapes, **options)\n"
        "output, source = torch.rand(2, 2, 3, 16, 16) * 2 - 1\n"
        "own = Contrastive(patches=1024).told_apart(G, output, source).mean()\n"
        "torch.testing.assert_close(reference_steps.patches_lost(G, output, source), own)\n"
    )


def test_the_table_of_modes_has_a_line_for_each_run_and_one_for_real_images() -> None:
    in_benchmarks(
        "import stacked_mnist as page\n"
        "assert {'dcgan', 'pacgan', 'wgan_gp', 'house recipe'} <= {*page.known_arms()} <= {*page.ARMS}\n"
        "row = {'arm': 'dcgan', 'seed': 0, 'images': 5120, 'modes': 99.0, 'reverse_kl': 3.4}\n"
        "row |= {'real_modes': 1000.0, 'real_reverse_kl': 0.0235}\n"
        "lines = page.table([row, {'arm': 'pacgan', 'seed': 1, 'images': 5120, 'status': 'failed'}]).splitlines()\n"
        "assert [line.split() for line in lines[1:]] == [['dcgan', '0', '5,120', '99', '3.4000'],\n"
        "    ['pacgan', '1', '5,120', 'failed'], ['real', 'images', '1000', '0.0235']]\n"
    )


def test_every_method_by_name_can_be_raced() -> None:
    in_benchmarks(
        "import contenders, run\n"
        "named = [[f'model={model}'] for model in run.METHODS]\n"
        "for words in [*named, *([words] for words in run.ADDED)]:\n"
        "    config = contenders.configuration(['dataset=mnist5k', *words])\n"
        "    assert config.generator\n"
    )
