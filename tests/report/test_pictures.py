"""Sample grids in a report's page: a sensible number of them, not too large, and none that is broken."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from ganctl.report.pictures import WIDEST, embed, evenly, timeline
from ganctl.report.recorded import read_run
from tests.report.records import written


def test_grids_are_chosen_evenly_shrunk_and_broken_ones_counted(tmp_path: Path):
    folder = written(tmp_path / "run", grids=100)
    Image.new("RGB", (1300, 650), "red").save(folder / "samples" / f"step-{100:08d}.png")
    (folder / "samples" / f"step-{10000:08d}.png").write_bytes(b"no picture")
    line = timeline(read_run(folder))
    assert (line.num_grids, len(line.pictures), line.unreadable) == (100, 39, 1)
    assert (line.pictures[0].width, line.pictures[0].height) == (WIDEST, WIDEST // 2)
    assert evenly(list(range(100)), 3) == [0, 50, 99]
    assert embed(folder / "samples" / "none.png") is None


def test_a_small_picture_comes_through_bit_by_bit(tmp_path: Path):
    picture = Image.radial_gradient("L").resize((40, 30))
    picture.save(tmp_path / "small.png")
    found = embed(tmp_path / "small.png")
    assert found is not None and (found.width, found.height) == (40, 30)
    data = base64.b64decode(found.uri.partition(",")[2])
    with Image.open(io.BytesIO(data)) as again:
        assert again.convert("L").tobytes() == picture.tobytes()


def test_noise_is_kept_small(tmp_path: Path):
    Image.effect_noise((600, 600), 100).save(tmp_path / "noise.png")
    found = embed(tmp_path / "noise.png")
    assert found is not None and len(found.uri) < 120_000 < (tmp_path / "noise.png").stat().st_size


def test_the_newest_picture_of_samples_over_their_nearest_real_images_is_taken(tmp_path: Path):
    folder = written(tmp_path / "run")
    assert timeline(read_run(folder)).nearest is None
    for name, width in (("scores-2026-01-01_00-00-00", 40), ("scores-2026-01-02_00-00-00", 50)):
        Image.new("L", (width, 10)).save(folder / f"{name}.png")
    found = timeline(read_run(folder)).nearest
    assert found is not None and found.width == 50
