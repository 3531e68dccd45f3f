"""A walk as MP4: every frame, at its speed, at a size that every player takes, and whole or not there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy
import pytest
import torch
from torch import Tensor

from ganctl.record.image_grid import make_grid
from ganctl.record.video import save_mp4


def frames(path: Path) -> tuple[str, list[numpy.ndarray]]:
    """What ffmpeg says of the file, and its frames (H, W, 3) uint8."""
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    ended = subprocess.run(words, capture_output=True, check=True)
    said = ended.stderr.decode()
    size = re.search(r", (\d+)x(\d+)", said)
    assert size, said
    width, height = int(size[1]), int(size[2])
    return said, list(numpy.frombuffer(ended.stdout, numpy.uint8).reshape(-1, height, width, 3))


def ramp(channels: int, height: int, width: int, shift: float) -> Tensor:
    """One smooth image (1, C, H, W), another for each shift."""
    return torch.linspace(-1 + shift, shift, width).clamp(-1, 1).expand(1, channels, height, width)


@pytest.mark.parametrize(("channels", "size"), [(1, (301, 297)), (3, (300, 300))])
def test_an_mp4_holds_every_frame_at_an_even_size(channels: int, size: tuple[int, int], tmp_path: Path) -> None:
    images = [ramp(channels, *size, number / 10) for number in range(10)]
    save_mp4(iter(images), tmp_path / "walk.mp4", fps=10)
    said, found = frames(tmp_path / "walk.mp4")
    assert "h264" in said and "yuv420p" in said and "10 fps" in said, said
    assert len(found) == 10 and not any(side % 2 for side in found[0].shape[:2])
    for image, frame in zip(images, found, strict=True):
        grid = make_grid(image)
        height, width, _ = grid.shape
        difference = numpy.abs(frame[:height, :width].astype(int) - grid)
        assert difference.mean() < 4, "a format that loses a little"
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    def broken():
        yield ramp(1, 40, 40, 0.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_mp4(broken(), tmp_path / "walk.mp4")
    assert list(tmp_path.iterdir()) == []


def test_where_ffmpeg_is_not_there_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match=r"video=mp4: ffmpeg cannot write it .*try video=gif"):
        save_mp4(iter([ramp(1, 40, 40, 0.0)]), tmp_path / "walk.mp4")
