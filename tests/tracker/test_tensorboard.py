from __future__ import annotations

import io
import subprocess
import sys

import numpy
import torch
from PIL import Image

from ganctl.contract import TrackedRun
from ganctl.record.image_grid import make_grid
from ganctl.tracker.tensorboard import TensorBoard


def opened(folder, settings=None, resumed_at=None) -> TensorBoard:
    board = TensorBoard()
    board.open(TrackedRun(folder, "", settings or {}, "fd", resumed_at))
    return board


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place = folder / "tensorboard" / folder.name
    return EventAccumulator(str(place), size_guidance={"images": 0}).Reload()


def text_of(read, name: str) -> bytes:
    return read.Tensors(f"{name}/text_summary")[0].tensor_proto.string_val[0]


def test_scalars_scores_and_the_grid_arrive_pixel_for_pixel(tmp_path):
    pixels = make_grid(torch.linspace(-1, 1, 4 * 784).view(4, 1, 28, 28)).repeat(3, axis=2)
    board = opened(tmp_path)
    board.scalars(10, {"loss/d": 0.5, "loss/g": 2})
    board.scores(20, {"loss/d": 0.25}, "extractor=digits")
    board.grid(20, "samples/generated", pixels)
    board.close({"status": "finished", "step": 20})
    read = events(tmp_path)
    assert [(event.step, event.value) for event in read.Scalars("loss/d")] == [(10, 0.5), (20, 0.25)]
    assert [(event.step, event.value) for event in read.Scalars("loss/g")] == [(10, 2.0)]
    (picture,) = read.Images("samples/generated")
    assert picture.step == 20
    assert (numpy.asarray(Image.open(io.BytesIO(picture.encoded_image_string))) == pixels).all()
    assert text_of(read, "protocol") == b"    extractor=digits" and text_of(read, "status") == b"finished"


def test_a_resumed_run_hides_what_was_written_of_later_steps(tmp_path):
    board = opened(tmp_path)
    for step in (10, 20, 30):
        board.scalars(step, {"loss": 1.0})
    board.close(None)
    board = opened(tmp_path, resumed_at=20)
    for step in (30, 40):
        board.scalars(step, {"loss": 2.0})
    board.close(None)
    points = [(event.step, event.value) for event in events(tmp_path).Scalars("loss")]
    assert points == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]


def test_settings_are_there_as_text_and_as_hyperparameters(tmp_path):
    opened(tmp_path, {"optimizer.lr": 0.5, "tag": "", "stop.target": None, "betas": [0, 0.9]}).close(None)
    read = events(tmp_path)
    assert b"    optimizer.lr: 0.5\n" in text_of(read, "settings")
    started = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"optimizer.lr" in started and b"stop.target" in started


def test_flushed_events_survive_a_kill(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from ganctl.tracker.tensorboard import TensorBoard\n"
        "from ganctl.contract import TrackedRun\n"
        "board = TensorBoard(); board.open(TrackedRun(Path(sys.argv[1]), '', {}, 'fd', None))\n"
        "board.scalars(1, {'loss': 3.0}); board.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=120)
    assert [event.value for event in events(tmp_path).Scalars("loss")] == [3.0]


def test_importing_trackers_imports_no_package_of_theirs():
    modules = [f"ganctl.tracker.{name}" for name in ("tensorboard", "wandb", "mlflow", "trackio")]
    names = ["torch", "tensorboard", "wandb", "mlflow", "trackio"]
    script = f"import sys, {', '.join(modules)}; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
