"""Pictures from pictures with parts of one's own, from the command line: nothing of ganctl is touched for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganctl import checkpoint
from tests.conftest import Command

HERE = Path(__file__).parent
DATA = """
from tasks_of_mine import SPEC, pairs


class Pairs:
    def __init__(self, *, paired):
        self.spec, self.paired = SPEC, paired

    def load(self, progress=None):
        return pairs(24, paired=self.paired)
"""
NETWORKS = """
from torch import nn

from tasks_of_mine import Patches as PlainPatches
from tasks_of_mine import Translator


class Generator(Translator):
    def __init__(self, *, image_shape, source_shape):
        super().__init__(source_shape[0])
        self.layers[2] = nn.Conv2d(4, image_shape[0], 3, 1, 1)


class Discriminator(PlainPatches):
    def __init__(self, *, image_shape, source_shape, sees_source):
        super().__init__(image_shape[0] + (source_shape[0] if sees_source else 0))
"""
YAMLS = {
    "dataset/pairs": "# Pairs of mine\n_target_: data_of_mine.Pairs\npaired: true   # sources belong to images\n",
    "task/own_translation": "# A translation of mine\n_target_: tasks_of_mine.TranslationFromNode\n",
    "generator/own_unet": "# A translator of mine\n_target_: networks_of_mine.Generator\n",
    "discriminator/patch": "# Patches\n_target_: networks_of_mine.Discriminator\nsees_source: true  # too\n",
    "regularizer/distance": "# Distance to the truth\ndistance:\n  _target_: tasks_of_mine.Distance\n"
    "  weight: 100.0   # in [0, inf)\n",
    "experiment/own_pix2pix": "# @package _global_\n# Pictures from pictures, of mine\ndefaults:\n"
    + "".join(
        f"  - override /{group}: {option}\n"
        for group, option in {
            "dataset": "pairs",
            "task": "own_translation",
            "generator": "own_unet",
            "discriminator": "patch",
            "regularizer": "[distance]",
            "feature": "pixels",
            "scheduler": "constant",
        }.items()
    ),
}
FROM_NODE = """


class TranslationFromNode(Translation):
    '''As a configuration builds it; a checkpoint keeps the sources, so that it can be drawn from.'''

    def __init__(self, *, spec, latent_size, conditional, world, sources=None):
        super().__init__(spec, sources)

    def fitted(self, store):
        return TranslationFromNode(spec=self.spec, latent_size=0, conditional=False, world=None, sources=store.sources)

    def facts(self):
        return {"sources": self.sources.tolist()}

    def restored(self, facts):
        return self.fitted(ImageStore(self.spec, None, None, "", sources=numpy.array(facts["sources"], numpy.uint8)))
"""
SETTINGS = (
    *("--config-dir", "conf", "experiment=own_pix2pix", "metric=[frechet]", "device=cpu", "device.threads=1"),
    *("training.batch_size=4", "training.steps=6", "training.flip=true", "tracker=[]", "output.grid=4"),
    *("output.log_every=1", "output.sample_every=3", "output.evaluate_every=3", "output.checkpoint_every=3"),
    *("evaluation.num_images=20", "evaluation.final_images=20", "evaluation.num_real=20", "final_fid.enabled=false"),
)


@pytest.fixture
def own(workplace: Path) -> Path:
    (workplace / "tasks_of_mine.py").write_text((HERE / "training" / "tasks.py").read_text() + FROM_NODE)
    (workplace / "data_of_mine.py").write_text(DATA)
    (workplace / "networks_of_mine.py").write_text(NETWORKS)
    for name, text in YAMLS.items():
        file = workplace / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return workplace


def losses(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in ("step", "d_loss", "g_penalty")} for line in lines if line["kind"] == "losses"]


@pytest.mark.slow
def test_a_translation_trains_resumes_is_drawn_from_and_judged(own: Path, ganctl_process: Command) -> None:
    whole = ganctl_process("train", *SETTINGS, "hydra.run.dir=whole")
    assert whole.code == 0, whole.err
    assert json.loads((own / "whole" / "summary.json").read_text())["scores"]["fd_pixels"] > 0
    assert losses(own / "whole")[0]["g_penalty"] > 10
    part = ganctl_process("train", *SETTINGS, "training.steps=3", "hydra.run.dir=part")
    assert part.code == 0, part.err
    again = ganctl_process("train", "--config-dir", "conf", "--resume", "part", "training.steps=6")
    assert again.code == 0, again.err
    assert losses(own / "part") == losses(own / "whole")
    first, second = (checkpoint.load(own / run / "checkpoints" / "last.pt")["state"] for run in ("whole", "part"))
    for name, weights in first["averages"]["generator"].items():
        assert torch.equal(weights, second["averages"]["generator"][name])
    walk = ganctl_process("sample", "whole", "--config-dir", "conf", "interpolate=8", "device=cpu")
    assert walk.code == 2 and walk.err == "interpolate=8: this generator has no latents to walk through\n"
    drawn = ganctl_process("sample", "whole", "--config-dir", "conf", "num_images=6", "images=true", "output=drawn")
    assert drawn.code == 0, drawn.err
    assert len(list((own / "drawn" / "images").iterdir())) == 6
    scored = ganctl_process("evaluate", "whole", "--config-dir", "conf", "num_images=20", "num_real=20", "device=cpu")
    assert scored.code == 0, scored.err
