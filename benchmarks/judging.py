"""What each score says of images whose worth is known: `python -m benchmarks.judging --data ROOT [--run RUN ...]`.

Judges MNIST's test images against its training images (the floor of every score), the training images against
themselves, noise, blurred images, images of which a class is missing, a few images over and over, and trained runs.
Writes the table as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from omegaconf import OmegaConf
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
import contenders

from ganctl import build
from ganctl.contract import ImageStore
from ganctl.record.console import Console
from ganctl.trained import open_trained

NUMBER = 5000
MISSING = 7
COLUMNS = {
    "fd_digits": "fd",
    "kd_digits": "kd",
    "is_digits": "is",
    "confidence_digits": "confidence",
    "precision_digits": "precision",
    "recall_digits": "recall",
    "density_digits": "density",
    "coverage_digits": "coverage",
    "modes_digits": "modes",
    "reverse_kl_digits": "reverse KL",
    "class_accuracy_digits": "class accuracy",
    "copies_digits": "copies",
    "copies_pixels": "copies (pixels)",
    "duplicates_digits": "duplicates",
    "ssim_pairs": "SSIM",
    "ms_ssim_pairs": "MS-SSIM",
}


@dataclass(frozen=True)
class Candidate:
    """Images (NUMBER, 1, 28, 28) in [-1, 1] to be judged, and the classes asked for, if any."""

    name: str
    images: Tensor
    labels: Tensor | None = None


def candidates(train: ImageStore, test: ImageStore, runs: list[Path]) -> Iterator[Candidate]:
    """Everything that is judged, from the best to the worst, then the runs."""
    real, labels = as_images(test.images), torch.from_numpy(numpy.array(test.labels))
    yield Candidate("test images", real[:NUMBER], labels[:NUMBER])
    chosen = numpy.random.RandomState(1).permutation(len(train.images))[:NUMBER]
    yield Candidate("training images themselves", as_images(train.images[chosen]))
    kept = real[labels != MISSING][:NUMBER]
    yield Candidate(f"test images without the {MISSING}s", kept)
    yield Candidate("100 test images, 50 times each", real[:100].repeat(NUMBER // 100, 1, 1, 1))
    from torchvision.transforms.functional import gaussian_blur

    yield Candidate("test images, blurred (sigma 1 pixel)", gaussian_blur(real[:NUMBER], [7, 7], [1.0, 1.0]))
    generator = torch.Generator().manual_seed(0)
    noisy = real[:NUMBER] + 0.3 * torch.randn(NUMBER, 1, 28, 28, generator=generator)
    yield Candidate("test images with noise (sigma 0.3 of 2)", noisy.clamp(-1, 1))
    yield Candidate("uniform noise", torch.rand(NUMBER, 1, 28, 28, generator=generator) * 2 - 1)
    device = build.device(contenders.configuration(["device=cpu"]))
    for path in runs:
        trained = open_trained(path, "ema", device, [])
        asked = trained.drawer.task.asked_labels(0, NUMBER)
        yield Candidate(f"run {path.name}, step {trained.step:,}", trained.drawer.samples(0, 0, NUMBER), asked)


def as_images(pixels: numpy.ndarray) -> Tensor:
    return torch.from_numpy(numpy.ascontiguousarray(pixels)).float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds MNIST/raw, as torchvision lays it out")
    parser.add_argument("--run", type=Path, nargs="*", default=[], help="runs trained on MNIST, or their checkpoints")
    parser.add_argument("--output", type=Path, help="the Markdown file; default: only printed")
    arguments = parser.parse_args()
    overrides = ["dataset=mnist", f"dataset.root={arguments.data}", "metric=all", "device=cpu"]
    config = contenders.configuration(overrides)
    with Console(None) as console:
        train = build.dataset(config).load(console.progress)
        held_out = OmegaConf.merge(config, {"dataset": {"split": "test"}})
        test = build.dataset(held_out).load(console.progress)  # type: ignore[arg-type]
        judge = build.judge(config, build.device(config), console.progress)
        judge.extractor.check(train.spec)
        rows, protocol = [], {}
        for each in candidates(train, test, arguments.run):
            images = each.images
            found = judge.evaluate(
                lambda start, count, images=images: images[start : start + count],
                train,
                len(images),
                0,
                "ema" if each.name.startswith("run") else "none",
                labels=each.labels,
            )
            console.note(
                f"{each.name}: " + "  ".join(f"{key} {found.values.get(key, float('nan')):.4g}" for key in COLUMNS)
            )
            rows.append((each.name, found.values))
            protocol = found.protocol.to_plain()
    text = as_markdown(rows, protocol)
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


def as_markdown(rows: list[tuple[str, dict[str, float]]], protocol: Mapping[str, object]) -> str:
    """The table, its protocol, and how to make it again."""
    heads = ["images", *COLUMNS.values()]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, scores in rows:
        cells = [f"{scores[key]:.3g}" if key in scores else "" for key in COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    told = ("extractor", "weights_hash", "num_generated", "num_real", "split", "data_hash", "torch")
    said = ", ".join(f"{key} {str(protocol.get(key))[:12]}" for key in told)
    return INTRODUCTION + "\n".join(lines) + f"\n\nProtocol: {said}.\n"


INTRODUCTION = f"""\
# What the scores say

Each row is a set of {NUMBER:,} images judged by `feature=digits` against MNIST's 60,000 training images. The first row
is as good as it gets: real images that the judge has not been compared with before. Made by one command:

    python -m benchmarks.judging --data ROOT --run RUN ... --output docs/judging.md

Lower is better for fd, kd, reverse KL, copies and duplicates; SSIM and MS-SSIM are likeness within a set, to be
compared with the first row's; higher is better for the others. Copies are the share of images nearer to a training
image than 99 % of the training images are to one another.

"""


if __name__ == "__main__":
    main()
