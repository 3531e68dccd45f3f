"""What each score says of images whose worth is known, as a section of docs/judging.md.

    python -m benchmarks.judging --data ROOT [--run RUN ...] --output docs/judging.md
    python -m benchmarks.judging --pictures cifar10.zip --other emoji [--feature NAME] --output docs/judging.md

Judges test images against training images (the floor of every score), the training images against themselves, images
of which a class is missing, a few images over and over, blurred and noisy ones, noise, other pictures, trained runs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from run import RESULTS, machine

from ganctl import build
from ganctl.contract import ImageStore
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import short
from ganctl.files import as_json, write_new
from ganctl.record.console import Console
from ganctl.trained import open_trained

MISSING = 7
DIGITS, PICTURES = 5000, 2000  # images of each set
SECTIONS = {"efficientnet": "Pictures in colour", "efficientnet_lite2": "A judge that is not the teacher"}
COLUMNS = {
    "fd_{}": "fd",
    "kd_{}": "kd",
    "is_{}": "is",
    "confidence_{}": "confidence",
    "precision_{}": "precision",
    "recall_{}": "recall",
    "density_{}": "density",
    "coverage_{}": "coverage",
    "modes_{}": "modes",
    "reverse_kl_{}": "reverse KL",
    "class_accuracy_{}": "class accuracy",
    "copies_{}": "copies",
    "copies_pixels": "copies (pixels)",
    "duplicates_{}": "duplicates",
    "ssim_pairs": "SSIM",
    "ms_ssim_pairs": "MS-SSIM",
}


@dataclass(frozen=True)
class Candidate:
    """Images (N, C, H, W) in [-1, 1] to be judged, the classes asked for, if any, and the weights that drew them."""

    name: str
    images: Tensor
    labels: Tensor | None = None
    weights: str = "none"


def real_and_damaged(train: ImageStore, test: ImageStore, number: int, noise: float) -> Iterator[Candidate]:
    """Real images, then what was done to them: `number` of each, the noise of standard deviation `noise`."""
    real, labels = as_images(test.images), torch.from_numpy(numpy.array(test.labels))
    yield Candidate("test images", real[:number], labels[:number])
    chosen = numpy.random.RandomState(1).permutation(len(train.images))[:number]
    yield Candidate("training images themselves", as_images(train.images[chosen]))
    missing = test.class_names[MISSING] if test.class_names else str(MISSING)
    yield Candidate(f"test images without the {missing}s", real[labels != MISSING][:number])
    repeats = number // 100
    yield Candidate(f"100 test images, {repeats} times each", real[:100].repeat(repeats, 1, 1, 1))
    yield Candidate("test images, blurred (sigma 1 pixel)", gaussian_blur(real[:number], [7, 7], [1.0, 1.0]))
    generator = torch.Generator().manual_seed(0)
    noisy = real[:number] + noise * torch.randn(real[:number].shape, generator=generator)
    yield Candidate(f"test images with noise (sigma {noise} of 2)", noisy.clamp(-1, 1))
    yield Candidate("uniform noise", torch.rand(real[:number].shape, generator=generator) * 2 - 1)


def drawn(runs: list[Path], number: int) -> Iterator[Candidate]:
    device = build.device(contenders.configuration(["device=cpu"]))
    for path in runs:
        trained = open_trained(path, "ema", device, [])
        asked = trained.drawer.task.asked_labels(0, number)
        images = trained.drawer.samples(0, 0, number)
        yield Candidate(f"run {path.name}, step {trained.step:,}", images, asked, "ema")


def as_images(pixels: numpy.ndarray) -> Tensor:
    return torch.from_numpy(numpy.ascontiguousarray(pixels)).float() / 127.5 - 1


def shuffled(store: ImageStore) -> ImageStore:
    """The same images in a random order: those of a folder come class by class."""
    order = numpy.random.RandomState(0).permutation(len(store.images))
    return replace(store, images=store.images[order], labels=store.labels[order])


def digits(root: str, runs: list[Path], console: Console) -> tuple[Judge, ImageStore, Iterable[Candidate]]:
    """MNIST's test images and what was done to them against its training images."""
    config = contenders.configuration(["dataset=mnist", f"dataset.root={root}", "metric=all", "device=cpu"])
    train = build.dataset(config).load(console.progress)
    held_out = OmegaConf.merge(config, {"dataset": {"split": "test"}})
    assert isinstance(held_out, DictConfig)
    test = build.dataset(held_out).load(console.progress)
    candidates = [*real_and_damaged(train, test, DIGITS, noise=0.3), *drawn(runs, DIGITS)]
    return build.judge(config, build.device(config), console.progress, train.spec), train, candidates


def pictures(root: str, other: str, feature: str, console: Console) -> tuple[Judge, ImageStore, Iterable[Candidate]]:
    """Pictures of the folder or zip `root`, its test against its train, and pictures of something else."""
    stores = []
    for path in (f"{root}/train", f"{root}/test", other):
        words = ["dataset=image_folder", f"dataset.path={path}", "dataset.resolution=32", "metric=all"]
        config = contenders.configuration([*words, "device=cpu", f"feature={feature}", "evaluation.num_real=5000"])
        stores.append(build.dataset(config).load(console.progress))
    train, test, others = stores
    candidates = list(real_and_damaged(train, shuffled(test), PICTURES, noise=0.12))
    candidates.append(Candidate(f"{Path(other).stem}, other pictures", as_images(shuffled(others).images[:PICTURES])))
    return build.judge(config, build.device(config), console.progress, train.spec), train, candidates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder that holds MNIST/raw, as torchvision lays it out: judges digits")
    parser.add_argument("--run", type=Path, nargs="*", default=[], help="runs trained on MNIST, or their checkpoints")
    parser.add_argument("--pictures", help="folder or zip with train and test, a folder a class: judges pictures")
    parser.add_argument("--other", help="folder or zip of other pictures, to be judged beside those")
    parser.add_argument("--feature", choices=SECTIONS, default="efficientnet", help="who judges the pictures")
    parser.add_argument("--output", type=Path, help="the Markdown file to put the section into; default: only printed")
    arguments = parser.parse_args()
    if bool(arguments.data) == bool(arguments.pictures) or bool(arguments.pictures) != bool(arguments.other):
        parser.error("give --data, or --pictures and --other")
    with Console(None) as console:
        if arguments.data:
            title, (judge, train, candidates) = "Digits", digits(arguments.data, arguments.run, console)
        else:
            title = SECTIONS[arguments.feature]
            judge, train, candidates = pictures(arguments.pictures, arguments.other, arguments.feature, console)
        rows, protocol = judged(judge, train, candidates, console)
    text = as_markdown(rows, protocol, judge.extractor.name)
    print(text)
    found = {"date": date.today().isoformat(), "machine": machine(), "protocol": protocol, "scores": dict(rows)}
    path = write_new(RESULTS / f"{date.today().isoformat()}-judging.json", as_json(found).encode())
    print(f"written to {path}")
    if arguments.output:
        page = arguments.output.read_text(encoding="utf-8")
        arguments.output.write_text(with_table(page, title, text), encoding="utf-8")


def with_table(page: str, title: str, table: str) -> str:
    """The page with the table of the section `title`, which ends the section, replaced."""
    section = re.compile(rf"(?s)(?<=\n## {title}\n\n)(.*?\n\n)\|.*?(?=\n## |\Z)")
    assert section.search(page), f"there is no table below ## {title}"
    return section.sub(lambda found: found[1] + table, page)


def judged(
    judge: Judge, train: ImageStore, candidates: Iterable[Candidate], console: Console
) -> tuple[list[tuple[str, dict[str, float]]], Mapping[str, object]]:
    """All candidates' scores against the training images, by name, and their protocol."""
    judge.extractor.check(train.spec)
    rows: list[tuple[str, dict[str, float]]] = []
    protocol: Mapping[str, object] = {}
    for each in candidates:
        images, number = each.images, len(each.images)
        draw = lambda start, count, images=images: images[start : start + count]  # noqa: E731
        found = judge.evaluate(draw, train, number, 0, each.weights, labels=each.labels)
        rows.append((each.name, found.values))
        console.note(f"{each.name}: {found.values}")
        protocol = found.protocol.to_plain()
    return rows, protocol


def as_markdown(rows: list[tuple[str, dict[str, float]]], protocol: Mapping[str, object], extractor: str) -> str:
    """The table without the columns that nothing has a value in, and its protocol."""
    columns = {key.format(extractor): head for key, head in COLUMNS.items()}
    columns = {key: head for key, head in columns.items() if any(key in scores for _, scores in rows)}
    heads = ["images", *columns.values()]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, scores in rows:
        cells = [f"{scores[key]:.3g}" if key in scores else "" for key in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    keys = ("extractor", "weights_hash", "resizing", "num_generated", "num_real", "split", "data_hash", "torch")
    values = ", ".join(f"{key} {short(protocol.get(key))}" for key in keys)  # type: ignore[arg-type]
    return "\n".join(lines) + f"\n\nProtocol: {values}.\n"


if __name__ == "__main__":
    main()
