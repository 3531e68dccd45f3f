"""Sample grids in a report's page: a sensible number of them, not too large, and none that is broken."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganctl.report.pictures import LARGEST, TALLEST, WIDEST, embed, evenly, timeline
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
    picture_in_page = embed(tmp_path / "small.png")
    assert picture_in_page is not None and (picture_in_page.width, picture_in_page.height) == (40, 30)
    data = base64.b64decode(picture_in_page.uri.partition(",")[2])
    with Image.open(io.BytesIO(data)) as again:
        assert again.convert("L").tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("size", "mode", "kind"),
    [
        ((1, 20_000), "L", "PNG"),  # taller than WebP can be
        ((20_000, 1), "RGB", "PNG"),
        ((5, 5), "I;16", "PNG"),
        ((5, 5), "P", "PNG"),
        ((1, 1), "1", "PNG"),
        ((9_000, 9_000), "1", "PNG"),  # more pixels than any grid
        ((9, 9), "RGB", "GIF"),  # which ganctl never writes
    ],
)
def test_pictures_of_any_kind_are_small_in_the_page_or_left_out(size, mode: str, kind: str, tmp_path: Path):
    Image.new(mode, size).save(tmp_path / "any.png", kind)
    picture_in_page = embed(tmp_path / "any.png")
    if kind == "GIF" or size[0] * size[1] > LARGEST:
        assert picture_in_page is None
    else:
        assert picture_in_page is not None
        assert picture_in_page.width <= WIDEST and picture_in_page.height <= TALLEST


@settings(max_examples=60, deadline=None, derandomize=True)
@given(place=st.integers(0, 300), byte=st.integers(1, 255), end=st.integers(0, 300))
def test_damaged_pictures_are_left_out(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, end: int):
    path = tmp_path_factory.mktemp("pictures") / "damaged.png"
    Image.effect_noise((8, 8), 100).save(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= byte
    path.write_bytes(content if end % 2 else content[:end])
    embed(path)


def test_what_is_no_file_is_no_picture(tmp_path: Path):
    folder = written(tmp_path / "run", grids=1) / "samples"
    (folder / "step-5.png").mkdir()
    os.mkfifo(folder / "step-6.png")
    (folder / "step-7.png").symlink_to("/dev/zero")
    (folder / "step-²3.png").write_bytes(b"")
    line = timeline(read_run(tmp_path / "run"))
    assert (line.steps, line.num_grids, line.unreadable) == ([100], 4, 3)


def test_noise_is_kept_small(tmp_path: Path):
    Image.effect_noise((600, 600), 100).save(tmp_path / "noise.png")
    picture_in_page = embed(tmp_path / "noise.png")
    assert picture_in_page is not None and len(picture_in_page.uri) < 120_000 < (tmp_path / "noise.png").stat().st_size


def test_the_newest_picture_of_samples_over_their_nearest_real_images_is_taken(tmp_path: Path):
    folder = written(tmp_path / "run")
    assert timeline(read_run(folder)).nearest is None
    for name, width in (("scores-2026-01-01_00-00-00", 40), ("scores-2026-01-02_00-00-00", 50)):
        Image.new("L", (width, 10)).save(folder / f"{name}.png")
    picture_in_page = timeline(read_run(folder)).nearest
    assert picture_in_page is not None and picture_in_page.width == 50
