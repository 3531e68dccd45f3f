"""Walks as films: MP4 that every player shows, written by the ffmpeg that imageio-ffmpeg brings along."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy

from ganctl.files import atomic_path
from ganctl.record.image_grid import BACKGROUND, make_grid

if TYPE_CHECKING:
    from torch import Tensor


def save_mp4(frames: Iterable[Tensor], path: Path, *, fps: int = 25) -> None:
    """Writes an MP4 (H.264, yuv420p); each frame is the grid of images (N, C, H, W) in [-1, 1], `fps` of them a second.

    The format's chroma is of half the size, so that a side of an odd number of pixels gets one more of the background's
    grey. Raises ValueError, in one line, where ffmpeg cannot be run or fails.
    """
    film = None
    with atomic_path(path) as temporary:
        try:
            for frame in frames:
                pixels = _even(make_grid(frame))
                with _faults_of_ffmpeg():
                    film = film or _begun(temporary, pixels, fps)
                    film.send(pixels.tobytes())
            assert film is not None, "a film needs a frame"
            with _faults_of_ffmpeg():
                film.close()
        finally:
            if film is not None:
                film.close()


def _begun(path: Path, first: numpy.ndarray, fps: int) -> Generator[None, bytes, None]:
    """A film that takes frames of the size of `first`, as bytes."""
    import imageio_ffmpeg

    height, width, _ = first.shape
    film = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        fps=fps,
        codec="libx264",
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        macro_block_size=1,
        quality=8,
        ffmpeg_log_level="error",
        output_params=["-f", "mp4", "-movflags", "+faststart"],
    )
    film.send(None)
    return film


@contextmanager
def _faults_of_ffmpeg() -> Iterator[None]:
    """Inside, what keeps ffmpeg from its work is a ValueError of one line."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise ValueError(f"video=mp4: ffmpeg cannot write it ({said}); try video=gif") from error


def _even(pixels: numpy.ndarray) -> numpy.ndarray:
    """(H, W, C) uint8 as (H, W, 3), H and W even."""
    height, width, channels = pixels.shape
    padded = numpy.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=BACKGROUND)
    return numpy.ascontiguousarray(numpy.broadcast_to(padded, (*padded.shape[:2], 3)) if channels == 1 else padded)
