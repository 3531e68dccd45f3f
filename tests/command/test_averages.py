"""Several averages of one run, of which one is chosen afterwards."""

from __future__ import annotations

from pathlib import Path

from ganctl import load
from tests.command.conftest import Train
from tests.conftest import Command


def test_a_run_keeps_averages_of_several_lengths_and_each_can_be_drawn_from(
    ganctl: Command, train: Train, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    train("training.ema_lengths=[0.05,0.2]", "optimizer.lr=0.01")
    drawn = [load(folder, weights=name, device="cpu").draw(4) for name in ("ema", "ema_0.05", "ema_0.2", "raw")]
    assert len({float(images.sum()) for images in drawn}) == 4
    sampled = ganctl("sample", str(folder), "weights=ema_0.2", "num_images=4", "device=cpu")
    assert (sampled.code, sampled.err) == (0, "") and "ema_0.2 weights" in sampled.out
    words = ("num_images=20", "num_real=50", "feature=pixels", "metric=[kid]", "device=cpu")
    scored = ganctl("evaluate", str(folder), "weights=ema_0.05", *words)
    assert (scored.code, scored.err) == (0, "") and "weights=ema_0.05" in scored.out
    exported = ganctl("export", str(folder), "weights=ema_0.2", f"output={tmp_path / 'exported'}", "onnx=false")
    assert (exported.code, exported.err) == (0, ""), exported
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "an average of the generator's over a share of 0.2 of the run" in card
    judged = ganctl("fid", str(folder), "mnist5k", "weights=ema_0.2", "num_images=20", "num_real=50", *words[2:])
    assert judged.code == 0 and "weights=ema_0.2" in judged.out
    refused = ganctl("sample", str(folder), "weights=ema_0.1", "device=cpu")
    assert refused.code == 2 and refused.err.count("\n") == 1
    assert "weights=ema_0.1: " in refused.err
    assert refused.err.endswith("has ema, ema_0.05, ema_0.2, raw; try weights=ema\n")
