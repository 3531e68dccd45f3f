"""Another set of grey 28x28 images than digits: `python -m benchmarks.letters FONTS OUT`.

The letters A to J of every font file (.otf, .ttf, .pfb) below the folder FONTS, as notMNIST has them: white on black,
the larger side 22 pixels, in the middle. Fonts that lack a letter, draw two of them alike, or are drawn the same as one
before are left out; an eighth, whole families by the first four letters of the file's name, are the test images. OUT
gets the files of Fashion-MNIST's format, so that `dataset=fashion_mnist dataset.root=OUT` reads them.

A list of Debian packages that have such fonts: `apt-cache search ^fonts-`, and texlive-fonts-extra.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFont

from ganctl.files import write_new

LETTERS = "ABCDEFGHIJ"
SIZE, SIDE = 28, 22  # pixels of an image, and of a letter's larger side
_DRAWN = 64  # points that a letter is drawn at before it is shrunk
_FAINTEST = 3  # mean of an image's pixels
Labelled = tuple[bytes, int]  # the pixels of an image, and its class


def letter(font: ImageFont.FreeTypeFont, text: str) -> bytes | None:
    """The pixels of `text`, row by row; None where the font draws nothing that one could see."""
    left, top, right, bottom = font.getbbox(text)
    width, height = round(right - left), round(bottom - top)
    if not (2 < width <= 600 and 2 < height <= 600):
        return None
    drawn = Image.new("L", (width, height), 0)
    ImageDraw.Draw(drawn).text((-left, -top), text, font=font, fill=255)
    scale = SIDE / max(width, height)
    small = drawn.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    image = Image.new("L", (SIZE, SIZE), 0)
    image.paste(small, ((SIZE - small.width) // 2, (SIZE - small.height) // 2))
    return image.tobytes() if numpy.asarray(image).mean() >= _FAINTEST else None


def alphabets(fonts: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """Each font file that draws ten different letters which none before it drew, with their pixels."""
    seen: set[bytes] = set()
    for path in sorted(path for path in fonts.rglob("*") if path.suffix in (".otf", ".ttf", ".pfb") and path.is_file()):
        try:
            font = ImageFont.truetype(str(path), _DRAWN)
            drawn = [letter(font, text) for text in LETTERS]
        except (OSError, ValueError):  # no font, or one that Pillow cannot draw with
            continue
        images = [pixels for pixels in drawn if pixels is not None]
        if len(set(images)) == len(LETTERS) and b"".join(images) not in seen:
            seen.add(b"".join(images))
            yield path, images


def write(folder: Path, name: str, rows: Sequence[Labelled]) -> None:
    """The two IDX files of a split, with its images in an order of chance."""
    images, labels = folder / f"{name}-images-idx3-ubyte", folder / f"{name}-labels-idx1-ubyte"
    write_new(images, struct.pack(">IIII", 2051, len(rows), SIZE, SIZE) + b"".join(pixels for pixels, _ in rows))
    write_new(labels, struct.pack(">II", 2049, len(rows)) + bytes(label for _, label in rows))
    print(f"{images}: {len(rows):,} images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fonts", type=Path, help="folder of font files, to any depth")
    parser.add_argument("out", type=Path, help="folder to make, for dataset.root")
    arguments = parser.parse_args()
    folder = arguments.out / "FashionMNIST" / "raw"
    if folder.exists():
        sys.exit(f"{folder}: exists already; name another folder")
    splits: dict[str, list[Labelled]] = {"train": [], "t10k": []}
    for path, images in alphabets(arguments.fonts):
        family = hashlib.sha1(path.stem[:4].lower().encode()).hexdigest()
        splits["train" if int(family, 16) % 8 else "t10k"] += [(pixels, each) for each, pixels in enumerate(images)]
    if not all(splits.values()):
        sys.exit(f"{arguments.fonts}: too few fonts for images of both splits; name a folder that has more")
    folder.mkdir(parents=True)
    for name, rows in splits.items():
        random.Random(0).shuffle(rows)
        write(folder, name, rows)


if __name__ == "__main__":
    main()
