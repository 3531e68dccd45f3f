"""A checkpoint of format 1 is read, drawn from and gone on with.

tests/data/format_1.pt was written before there was a format 2, after the second of four steps, by

    ganctl train generator=mlp generator.hidden=8 generator.label_size=3 discriminator=strided_cnn \\
        discriminator.width=2 latent_size=6 conditional=true regularizer=[lazy_r1,mode_seeking] device=cpu \\
        device.threads=1 training.batch_size=16 training.steps=4 output.checkpoint_every=2

and the losses below are those of the two steps that followed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganctl import checkpoint
from ganctl.job.session import Session
from ganctl.trained import open_trained
from tests.settings import settings, torch_untouched
from tests.training.helpers import CPU

FILE = Path(__file__).parent / "data" / "format_1.pt"
SETTINGS = (
    *("generator=mlp", "generator.hidden=8", "generator.label_size=3", "discriminator=strided_cnn"),
    *("discriminator.width=2", "latent_size=6", "conditional=true", "regularizer=[lazy_r1,mode_seeking]"),
    *("device=cpu", "device.threads=1", "training.batch_size=16", "training.steps=4", "scheduler=cosine"),
)
LOSSES = [
    {"d_loss": 1.3030818700790405, "d_penalty": 0.0, "g_loss": 0.6932045817375183, "g_penalty": 41.37593078613281},
    {"d_loss": 1.2836107015609741, "d_penalty": 0.0, "g_loss": 0.6907480955123901, "g_penalty": 37.422386169433594},
]


def test_a_run_goes_on_from_it(workplace: Path):
    with torch_untouched():
        session = Session(settings(*SETTINGS), FILE)
        session.read(lambda what, done, total: None)
        assert session.first_step == 2
        logs = list(session.steps())
    for log, losses in zip(logs, LOSSES, strict=True):
        assert {name: float(log[name]) for name in losses} == pytest.approx(losses, rel=1e-4)


def test_its_average_is_drawn_from():
    content = checkpoint.load(FILE)
    assert content["task"] == {"class_counts": [500] * 10} and content["state"]["attempt"] == 0
    averaged, raw = (open_trained(FILE, weights, CPU) for weights in ("ema", "raw"))
    images = averaged.drawer.samples(0, 0, 4)
    assert images.shape == (4, 1, 28, 28) and images.isfinite().all()
    assert not torch.equal(images, raw.drawer.samples(0, 0, 4))
