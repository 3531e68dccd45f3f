from __future__ import annotations

import io
import subprocess
import sys
from contextlib import closing

import numpy
import pytest
import torch
from PIL import Image

from ganctl.record.image_grid import make_grid
from ganctl.record.tensorboard import TensorBoard


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def test_scalars_and_the_grid_arrive_pixel_for_pixel(tmp_path):
    images = torch.linspace(-1, 1, 4 * 784).view(4, 1, 28, 28)
    with closing(TensorBoard(tmp_path)) as board:
        board.scalars(10, {"loss/d": torch.tensor(0.5), "loss/g": 2})
        board.scalars(20, {"loss/d": 0.25})
        board.grid(20, images)
    read = events(tmp_path)
    assert [(event.step, event.value) for event in read.Scalars("loss/d")] == [(10, 0.5), (20, 0.25)]
    assert [(event.step, event.value) for event in read.Scalars("loss/g")] == [(10, 2.0)]
    (picture,) = read.Images("samples/generated")
    pixels = numpy.asarray(Image.open(io.BytesIO(picture.encoded_image_string)).convert("L"))
    assert picture.step == 20 and (pixels == make_grid(images)[..., 0]).all()


def test_a_resumed_run_hides_what_was_written_of_later_steps(tmp_path):
    with closing(TensorBoard(tmp_path)) as board:
        for step in (10, 20, 30):
            board.scalars(step, {"loss": 1.0})
    with closing(TensorBoard(tmp_path, resumed_at=20)) as board:
        for step in (30, 40):
            board.scalars(step, {"loss": 2.0})
    points = [(event.step, event.value) for event in events(tmp_path).Scalars("loss")]
    assert points == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]


def test_settings_are_there_as_text_and_as_hyperparameters(tmp_path):
    with closing(TensorBoard(tmp_path)) as board:
        board.hyperparameters({"optimizer.lr": 0.5, "tag": "", "stop.target": None, "betas": [0, 0.9]}, "scores/fd")
    read = events(tmp_path)
    (text,) = read.Tensors("settings/text_summary")
    assert b"    optimizer.lr: 0.5\n" in text.tensor_proto.string_val[0]
    started = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"optimizer.lr" in started and b"stop.target" in started


def test_flushed_events_survive_a_kill(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from ganctl.record.tensorboard import TensorBoard\n"
        "board = TensorBoard(Path(sys.argv[1])); board.scalars(1, {'loss': 3.0}); board.flush()\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=120)
    assert [event.value for event in events(tmp_path).Scalars("loss")] == [3.0]


def test_a_missing_tensorboard_is_one_line_with_a_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match=r"^output\.tensorboard=true: [^\n]*output\.tensorboard=false$"):
        TensorBoard(tmp_path)


def test_importing_the_module_does_not_import_tensorboard():
    script = "import sys, ganctl.record.tensorboard; print('tensorboard' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]
