from __future__ import annotations

import numpy
import pytest
import torch
from PIL import Image

from ganctl.record.image_grid import (
    make_grid,
    save_gif,
    save_grid,
    save_images,
    save_npz,
    to_uint8,
)


def levels(shape):
    """uint8 images of `shape` and what a loader makes of them."""
    numbers = torch.arange(torch.Size(shape).numel())
    pixels = (numbers * 37 % 256).to(torch.uint8).view(shape)
    return pixels, pixels.float() / 127.5 - 1


def test_to_uint8_is_the_exact_inverse_of_loading_for_every_value():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(pixels.float() / 127.5 - 1), pixels)
    assert torch.equal(to_uint8(pixels.double() / 127.5 - 1), pixels)
    assert torch.equal(to_uint8(pixels.float() * (1 / 127.5) - 1), pixels)
    assert torch.equal(to_uint8(pixels), pixels)


def test_to_uint8_rounds_to_the_nearest_level_and_clips():
    levels = torch.tensor([0.49, 0.51, 1.49, 2.51, 127.5, 254.49, -3.0, 300.0], dtype=torch.float64)
    assert to_uint8(levels / 127.5 - 1).tolist() == [0, 1, 1, 3, 128, 254, 0, 255]


def test_to_uint8_takes_half_precision_and_draws_what_is_not_a_number_black():
    assert to_uint8(torch.tensor([-1, 0, 1], dtype=torch.bfloat16)).tolist() == [0, 128, 255]
    assert to_uint8(torch.tensor([torch.nan, torch.inf, -torch.inf])).tolist() == [0, 255, 0]


def test_to_uint8_leaves_the_network_s_output_alone():
    images = torch.zeros(1, 1, 2, 2, requires_grad=True)
    to_uint8(images)
    assert images.tolist() == [[[[0, 0], [0, 0]]]]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shows_every_pixel_of_every_image_in_its_place(tmp_path, channels):
    pixels, images = levels((6, channels, 28, 30))
    save_grid(images, tmp_path / "grid.png", columns=3)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.mode == {1: "L", 3: "RGB"}[channels]
        grid = numpy.asarray(picture).reshape(picture.height, picture.width, channels)
    scale = round(600 / (3 * 30))
    assert grid.shape == (2 * (28 * scale + 2) + 2, 3 * (30 * scale + 2) + 2, channels)
    for index in range(6):
        top, left = index // 3 * (28 * scale + 2) + 2, index % 3 * (30 * scale + 2) + 2
        tile = grid[top : top + 28 * scale, left : left + 30 * scale]
        shrunk = tile[::scale, ::scale]
        assert (shrunk.transpose(2, 0, 1) == pixels[index].numpy()).all()
        assert (tile == shrunk.repeat(scale, 0).repeat(scale, 1)).all()
    assert (grid[:2] == 64).all() and (grid[:, -2:] == 64).all()


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (10, 4, 3), (64, 8, 8), (100, 10, 10)]
)
def test_a_grid_is_nearly_square_by_itself(count, columns, rows):
    height, width, _ = make_grid(torch.zeros(count, 1, 28, 28)).shape
    scale = round(600 / (columns * 28))
    assert (height, width) == (rows * (28 * scale + 2) + 2, columns * (28 * scale + 2) + 2)


def test_large_images_are_not_enlarged_and_empty_places_are_background():
    grid = make_grid(torch.ones(3, 3, 256, 256), columns=2)
    assert grid.shape == (2 * 258 + 2, 2 * 258 + 2, 3)
    assert (grid[260:, 260:] == 64).all() and (grid[260:516, 2:258] == 255).all()


def test_more_columns_than_images_leave_no_empty_columns():
    assert make_grid(torch.zeros(2, 1, 300, 300), columns=5).shape == (304, 606, 1)


def test_single_images_keep_their_size_and_are_numbered(tmp_path):
    pixels, images = levels((3, 3, 8, 9))
    save_images(images[:2], tmp_path / "pngs")
    save_images(images[2:], tmp_path / "pngs", start=2)
    assert sorted(path.name for path in (tmp_path / "pngs").iterdir()) == ["000000.png", "000001.png", "000002.png"]
    for index in range(3):
        with Image.open(tmp_path / "pngs" / f"{index:06d}.png") as picture:
            assert (numpy.asarray(picture).transpose(2, 0, 1) == pixels[index].numpy()).all()


@pytest.mark.parametrize("labelled", [True, False])
def test_an_npz_is_read_without_pickle(tmp_path, labelled):
    pixels, images = levels((5, 1, 4, 4))
    save_npz(images, tmp_path / "samples.npz", torch.arange(5) if labelled else None)
    with numpy.load(tmp_path / "samples.npz", allow_pickle=False) as archive:
        assert archive.files == (["images", "labels"] if labelled else ["images"])
        assert archive["images"].dtype == numpy.uint8
        assert (archive["images"] == pixels.permute(0, 2, 3, 1).numpy()).all()
        if labelled:
            assert archive["labels"].dtype == numpy.int64 and archive["labels"].tolist() == [0, 1, 2, 3, 4]


def test_a_gif_holds_every_frame_grey_pixels_exactly_and_never_ends(tmp_path):
    frames = [levels((4, 1, 28, 28))[1].roll(k, dims=-1) for k in range(12)]
    save_gif(frames, tmp_path / "walk.gif", fps=20)
    with Image.open(tmp_path / "walk.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (12, 0, 50)
        for index, frame in enumerate(frames):
            gif.seek(index)
            assert (numpy.asarray(gif.convert("L")) == make_grid(frame)[..., 0]).all()


def test_a_gif_of_coloured_images_stays_near_them(tmp_path):
    ramp = torch.linspace(-1, 1, 64).expand(1, 64, 64)
    frames = [torch.stack([torch.cat([ramp, -ramp, ramp * k / 3])]) for k in range(3)]
    save_gif(iter(frames), tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as gif:
        assert gif.n_frames == 3
        gif.seek(2)
        difference = numpy.abs(numpy.asarray(gif.convert("RGB")).astype(int) - make_grid(frames[2]))
    assert difference.mean() < 4
