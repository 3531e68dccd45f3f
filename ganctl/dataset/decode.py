"""One image file to pixels of a given size: what is done with transparency, palettes, 16 bits, rotation and bombs."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy
from PIL import ExifTags, Image, ImageOps

from ganctl.dataset.size import Size
from ganctl.files import one_line

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte of RGB, Pillow's own bound
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # whatever the file is called; none runs a program
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # Pillow's modes without colour
_TRANSPARENT = ("RGBA", "RGBa", "LA", "La", "PA")
_DRAFT_GAP = 1.4
"""JPEGs are decoded at 1/2, 1/4 or 1/8 as long as this many times the size is left for the filter.

Photographs at 64 pixels then are 39 dB or more (PSNR) from what the filter makes of all pixels; the bilinear filter on
all pixels is 35 dB from Lanczos' on the same.
"""
_REDUCING_GAP = 3.0  # shrink cheaply as long as this many times the size is left for the filter
_BACKGROUND = (255, 255, 255)


def decode(content: bytes, *, size: Size | None, channels: int | None, fit: str, resample: str) -> numpy.ndarray:
    """The image in `content` as (channels, *size) uint8.

    The first frame counts, turned upright as its EXIF data say; transparent parts show white; 16-bit greys are scaled
    to 8 bits; grey comes from colour by ITU-R 601. `fit`: crop keeps the middle, pad adds white, stretch
    distorts. `resample` is the filter, which covers all pixels when shrinking (no aliasing). `size` None keeps the
    image's own, and `channels` None its own: 1 of a grey file, 3 of any other (a palette is one).
    Raises ValueError, without the file's name, where it is no image, damaged, or too large.
    """
    with _image(content) as file:
        if channels is None:
            channels = 1 if file.mode in _GREY else 3
        whole, is_turned = file.size, file.getexif().get(ExifTags.Base.Orientation, 1) > 4
        if size is not None:
            wanted = max(size) * _DRAFT_GAP / min(file.size)
            file.draft(None, (int(file.width * wanted) + 1, int(file.height * wanted) + 1))
        ImageOps.exif_transpose(file, in_place=True)
        plain, mode = _opaque(file), "L" if channels == 1 else "RGB"
        plain = plain if plain.mode == mode else plain.convert(mode)  # a copy costs as much as a third of decoding
        if size is not None:
            whole = (whole[1], whole[0]) if is_turned else whole
            plain = _resized(plain, whole, size, fit, Image.Resampling[resample.upper()])
        pixels = numpy.asarray(plain)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def scaled(image: numpy.ndarray, side: int) -> numpy.ndarray:
    """A square image (C, H, H) uint8 as (C, side, side), by Lanczos' filter."""
    if side == image.shape[1]:
        return image
    channels = [Image.fromarray(numpy.ascontiguousarray(channel)) for channel in image]
    return numpy.stack([numpy.asarray(each.resize((side, side), Image.Resampling.LANCZOS)) for each in channels])


def opened(content: bytes) -> tuple[numpy.ndarray, numpy.ndarray | None]:
    """Pixels (H, W, 3) or (H, W), and the transparency (H, W) where there is one, uint8, at the image's own size.

    Raises ValueError as `decode` does, and for more than 8 bits a channel.
    """
    with _image(content) as file:
        if file.mode.startswith("I") or file.mode == "F":
            raise ValueError("has more than 8 bits a channel; convert it to 8")
        upright = ImageOps.exif_transpose(file)
        if upright.mode in _TRANSPARENT or "transparency" in upright.info:
            pixels = numpy.asarray(upright.convert("RGBA"))
            return pixels[..., :3], pixels[..., 3]
        return numpy.asarray(upright.convert("L" if upright.mode in _GREY else "RGB")), None


def half_of(content: bytes, *, half: str, decode: Callable[[bytes], numpy.ndarray]) -> numpy.ndarray:
    """What `decode` gives of the left or the right half of the image in `content`, turned upright.

    Raises ValueError as `decode` does, and where the image is one pixel wide.
    """
    with _image(content) as file:
        upright = ImageOps.exif_transpose(file)
        middle = upright.width // 2
        if not middle:
            raise ValueError("is one pixel wide and has no halves")
        box = (
            (0, 0, middle, upright.height)
            if half == "left"
            else (upright.width - middle, 0, upright.width, upright.height)
        )
        plain = _opaque(upright)
        part = (plain if plain.mode in ("L", "RGB") else plain.convert("RGB")).crop(box)
        buffer = io.BytesIO()
        part.save(buffer, "PPM")
    return decode(buffer.getvalue())


@dataclass(frozen=True)
class Look:
    """What an image file is. `width` and `height` are those of the image upright, `channels` 1 of a grey file, else 3.

    `traits` are what decoding has to deal with. `pixels` is equal for equal pixels in RGB; `likeness` is a perceptual
    hash of 64 bits (see `duplicates`), None where all pixels are alike.
    """

    format: str
    width: int
    height: int
    channels: int
    traits: tuple[str, ...]
    pixels: str
    likeness: int | None


def look(content: bytes) -> Look:
    """Decodes the whole image. Raises ValueError as `decode` does."""
    from imagehash import phash

    with _image(content) as file:
        format, mode = file.format or "", file.mode
        present = {
            "animated": getattr(file, "is_animated", False),
            "turned by EXIF": file.getexif().get(ExifTags.Base.Orientation, 1) != 1,
            "palette": mode in ("P", "PA"),
            "CMYK": mode == "CMYK",
            "16 bit": mode.startswith("I"),
            "transparent": mode in _TRANSPARENT or "transparency" in file.info,
        }
        plain = _opaque(ImageOps.exif_transpose(file)).convert("RGB")
        is_flat = plain.getcolors(1) is not None  # of one colour
        return Look(
            format=format,
            width=plain.width,
            height=plain.height,
            channels=1 if mode in _GREY else 3,
            traits=tuple(name for name, is_present in present.items() if is_present),
            pixels=hashlib.sha256(f"{plain.size}".encode() + plain.tobytes()).hexdigest(),
            likeness=None if is_flat else int(str(phash(plain)), 16),
        )


@contextmanager
def _image(content: bytes) -> Iterator[Image.Image]:
    """The image, not decoded yet; inside, what goes wrong is the file's fault: a ValueError without the file's name."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(f"has {file.width}x{file.height} pixels, more than {MAX_PIXELS:,}")
            yield file
    except Image.UnidentifiedImageError:
        raise ValueError("is no image in any format known") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"has more than {MAX_PIXELS:,} pixels") from None
    except ValueError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them into
        raise ValueError(f"cannot be decoded ({one_line(error)})") from error


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Turns Pillow's warning about bombs into an error, and hides those about odd but readable metadata.

    The filters are the whole process's: enter once, around all threads that decode.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _opaque(image: Image.Image) -> Image.Image:
    """Eight bits a channel, and white where it was transparent."""
    if image.mode == "F":
        raise ValueError("has floating-point pixels; convert it to 8 or 16 bits")
    if image.mode.startswith("I"):
        values = numpy.asarray(image).astype(numpy.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("has 32-bit pixels; convert it to 8 or 16 bits")
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(numpy.uint8))
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        front = image.convert("RGBA")
        back = Image.new("RGBA", front.size, (*_BACKGROUND, 255))
        return Image.alpha_composite(back, front)
    return image


def _resized(
    image: Image.Image, whole: tuple[int, int], size: Size, fit: str, resample: Image.Resampling
) -> Image.Image:
    """The image at `size`. `whole` is its width and height before it was decoded at a part of them."""
    (height, width), (whole_width, whole_height) = size, whole
    smaller = round(whole_width / image.width)  # 1, 2, 4 or 8; the last column may be a part of a pixel

    def shrunk(left: int, top: int, wide: int, tall: int, target: tuple[int, int]) -> Image.Image:
        right, bottom = min((left + wide) / smaller, image.width), min((top + tall) / smaller, image.height)
        box = (left / smaller, top / smaller, right, bottom)
        return image.resize(target, resample, box=box, reducing_gap=_REDUCING_GAP)

    if fit == "pad":
        scale = min(height / whole_height, width / whole_width)
        inner = max(1, round(whole_width * scale)), max(1, round(whole_height * scale))
        canvas = Image.new(image.mode, (width, height), _BACKGROUND if image.mode == "RGB" else _BACKGROUND[0])
        canvas.paste(shrunk(0, 0, *whole, inner), ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return canvas
    wide, tall = whole
    if fit == "crop":
        wide = min(whole_width, max(1, round(whole_height * width / height)))
        tall = min(whole_height, max(1, round(whole_width * height / width)))
    return shrunk((whole_width - wide) // 2, (whole_height - tall) // 2, wide, tall, (width, height))
