from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from ganctl.dataset.decode import decode, quiet_pillow
from ganctl.dataset.image_folder import FILTERS, FITS

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(image: Image.Image, kind: str = "PNG", side: int = 8, **options: Any) -> numpy.ndarray:
    settings = {"size": (side, side), "channels": 3, "fit": "crop", "resample": "lanczos"}
    settings.update({key: options.pop(key) for key in tuple(options) if key in settings})
    return decode(encoded(image, kind, **options), **settings)


@pytest.mark.parametrize(("fit", "left", "right"), [("crop", 40, 160), ("pad", 255, 255), ("stretch", 0, 200)])
def test_an_oblong_size_keeps_the_middle_pads_or_stretches(fit: str, left: int, right: int) -> None:
    image = Image.fromarray(numpy.tile(numpy.arange(0, 201, 10, numpy.uint8)[:, None], (1, 21)).T)  # 21x21, by column
    found = pixels(image, size=(10, 20) if fit == "pad" else (20, 10), fit=fit, resample="nearest")
    assert found.shape == (3, *((10, 20) if fit == "pad" else (20, 10)))
    assert abs(int(found[0, 5, 0]) - left) <= 20 and abs(int(found[0, 5, -1]) - right) <= 20


def psnr(one: numpy.ndarray, other: numpy.ndarray) -> float:
    return float(10 * numpy.log10(255**2 / ((one.astype(float) - other) ** 2).mean()))


def colours(array: numpy.ndarray) -> set[tuple[int, ...]]:
    return {tuple(colour) for colour in array.reshape(3, -1).T.tolist()}


def random_image(mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Image.Image:
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(numpy.random.RandomState(0).randint(0, 256, shape).astype(numpy.uint8))


def test_an_image_of_the_right_size_passes_untouched() -> None:
    for fit in FITS:
        image = random_image()
        assert (pixels(image, fit=fit) == numpy.asarray(image).transpose(2, 0, 1)).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "YCbCr"])
def test_every_mode_of_pixels_becomes_eight_bits_of_the_wanted_channels(mode: str, channels: int) -> None:
    grey = Image.new("L", (8, 8), 255)
    kind = "TIFF" if mode in ("CMYK", "YCbCr", "I") else "PNG"
    image = Image.new(mode, (8, 8), 65535) if mode in ("I;16", "I") else grey.convert(mode)
    with Image.open(io.BytesIO(encoded(image, kind))) as written:
        try:
            written.load()
        except OSError:  # YCbCr in Pillow 12.3
            pytest.skip("this Pillow cannot read what it has written")
    result = pixels(image, kind, channels=channels)
    assert result.shape == (channels, 8, 8) and result.dtype == numpy.uint8 and result.min() >= 254


def test_sixteen_bit_greys_keep_their_brightness() -> None:
    values = numpy.linspace(0, 65535, 64).reshape(8, 8).astype(numpy.uint16)
    result = pixels(Image.fromarray(values), channels=1)
    assert (result[0] == numpy.round(values / 257)).all()


def test_transparent_parts_show_white() -> None:
    assert colours(pixels(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))) == {WHITE}
    assert colours(pixels(Image.new("RGBA", (8, 8), (255, 0, 0, 255)))) == {RED}
    [half] = colours(pixels(Image.new("RGBA", (8, 8), (255, 0, 0, 128))))
    assert half == (255, 127, 127)
    assert pixels(Image.new("LA", (8, 8), (0, 0)), channels=1).min() == 255


def test_a_palette_keeps_its_colours_and_its_transparency() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*GREEN, *RED])
    assert colours(pixels(image)) == {RED}
    assert colours(pixels(image, transparency=1)) == {WHITE}
    assert colours(pixels(image, transparency=bytes([255, 0]))) == {WHITE}
    assert colours(pixels(image, "GIF")) == {RED}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int) -> None:
    upright = Image.new("RGB", (16, 16), WHITE)
    upright.paste(RED, (0, 0, 8, 8))
    upright.paste(BLUE, (8, 0, 16, 8))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that the camera has done
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = pixels(stored, exif=exif, side=16)
    assert (result == numpy.asarray(upright).transpose(2, 0, 1)).all()


def test_crop_keeps_the_middle_pad_adds_white_and_stretch_keeps_all() -> None:
    image = Image.new("RGB", (24, 8), GREEN)
    image.paste(RED, (0, 0, 8, 8))
    image.paste(BLUE, (16, 0, 24, 8))
    assert colours(pixels(image, fit="crop")) == {GREEN}
    padded = pixels(image, fit="pad", side=24, resample="nearest")
    assert colours(padded[:, :8]) == colours(padded[:, 16:]) == {WHITE}
    assert colours(padded[:, 8:16]) == {RED, GREEN, BLUE}
    assert colours(pixels(image, fit="stretch", side=24, resample="nearest")) == {RED, GREEN, BLUE}


@pytest.mark.parametrize("resample", sorted(set(FILTERS) - {"nearest"}))
@pytest.mark.parametrize("side", [512, 2000])
def test_shrinking_averages_over_all_pixels(resample: str, side: int) -> None:
    """A fine chequered pattern becomes even grey: any filter that skips pixels shows it as black, white or bands."""
    pattern = (numpy.indices((side, side)).sum(0) % 2 * 255).astype(numpy.uint8)
    result = pixels(Image.fromarray(pattern), channels=1, resample=resample)
    assert abs(result.astype(int) - 127).max() <= 3


def test_a_large_jpeg_is_shrunk_like_its_pixels() -> None:
    ramp = numpy.broadcast_to(numpy.linspace(0, 255, 1600), (1200, 1600)).astype(numpy.uint8)
    image = Image.fromarray(ramp)
    quick = pixels(image, "JPEG", quality=95, channels=1, side=32)
    exact = pixels(image, "PNG", channels=1, side=32)
    assert abs(quick.astype(int) - exact).max() <= 2


@pytest.mark.parametrize("height", [320, 360, 427])
def test_a_photo_is_decoded_small_no_further_than_the_filter_can_make_good(height: int) -> None:
    """As near to Lanczos on all pixels as 37 dB, which the bilinear filter on all pixels is not."""
    photo = Image.fromarray(load_sample_image("china.jpg")).resize((round(height * 1.5), height))
    content = encoded(photo, "JPEG", quality=90)
    with Image.open(io.BytesIO(content)) as file:
        whole = encoded(file.convert("RGB"))
    wanted = {"size": (64, 64), "channels": 3, "fit": "crop"}
    exact = decode(whole, resample="lanczos", **wanted)
    assert psnr(decode(content, resample="lanczos", **wanted), exact) > 37
    assert psnr(decode(whole, resample="bilinear", **wanted), exact) < 37


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    assert colours(pixels(frames[0], "GIF", save_all=True, append_images=frames[1:])) == {RED}


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that claim to be a huge image."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no image"),
        (b"hello, I am a text", "is no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "is no image"),
        (encoded(random_image(size=(64, 64)))[:500], "cannot be decoded"),
        (encoded(random_image(size=(64, 64)), "JPEG")[:500], "cannot be decoded"),
        (encoded(Image.new("F", (8, 8), 0.5), "TIFF"), "floating-point"),
        (encoded(Image.new("I", (8, 8), 70000), "TIFF"), "32-bit"),
        (png_of_size(10000, 10000), "pixels"),
        (png_of_size(60000, 60000), "pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(content: bytes, words: str) -> None:
    with quiet_pillow(), pytest.raises(ValueError, match=words) as caught:
        decode(content, size=(8, 8), channels=3, fit="crop", resample="lanczos")
    assert "\n" not in str(caught.value)


def test_damaged_bytes_end_in_pixels_or_a_reason_and_nothing_else() -> None:
    random = numpy.random.RandomState(0)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        sound = encoded(random_image(size=(32, 32)), kind)
        for _ in range(40):
            content = bytearray(sound)
            for place in random.randint(0, len(content), 4):
                content[place] = random.randint(256)
            with quiet_pillow():
                try:
                    result = decode(bytes(content), size=(8, 8), channels=3, fit="crop", resample="lanczos")
                except ValueError:
                    continue
            assert result.shape == (3, 8, 8)


def test_the_warning_filters_are_as_before_afterwards() -> None:
    before = list(warnings.filters)
    with quiet_pillow():
        assert warnings.filters != before
    assert warnings.filters == before
