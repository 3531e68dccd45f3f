"""Judges the runs of a page on pictures from pictures, and puts their pictures and scores into it.

    python docs/make_translation.py pairs WITH CONTENT
    python docs/make_translation.py unpaired ONE TWO
    python docs/make_translation.py enlargement CONTENT WITH

The runs are those of the page's commands. They are judged anew, so that all of a page are judged alike; what was typed,
how long it took and what came of it is written to benchmarks/results as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch
import yaml
from blocks import put
from PIL import Image
from torch import Tensor

import ganctl
from ganctl.files import as_json, write_new
from ganctl.record.image_grid import save_grid

DOCS = Path(__file__).resolve().parent
PICTURES, RESULTS = DOCS / "pictures", DOCS.parent / "benchmarks" / "results"
LABELS = {
    "pairs": ("with adversary", "game=content"),
    "unpaired": ("one generator", "two generators"),
    "enlargement": ("game=content", "with adversary"),
}
JUDGES = {
    "pairs": ("metric=[frechet,kid,likeness,perceptual,style]",),
    "unpaired": ("metric=[frechet,kid,style]",),
    "enlargement": ("metric=[frechet,kid,likeness,perceptual]", "feature=efficientnet_lite2"),
}
PLACES = (
    "dataset.path=",
    "dataset.sources=",
    "dataset.test_path=",
    "hydra.run.dir=",
    "start=",
    "output.root=",
    "device.",
)
KEPT = ("status", "step", "seconds", "best_step")
ROWS = 8  # of a page's picture
SHORT_SIDE = 128  # pixels of the photographs that a page shows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", choices=LABELS)
    parser.add_argument("runs", type=Path, nargs=2)
    arguments = parser.parse_args()
    page, runs = arguments.page, dict(zip(LABELS[arguments.page], arguments.runs, strict=True))
    records = {label: judged(run, *JUDGES[page]) for label, run in runs.items()}
    {"pairs": draw_pairs, "unpaired": draw_unpaired, "enlargement": draw_enlargement}[page](list(runs.values()))
    put(DOCS / f"{page}.md", {"scores": table(records)})
    print(write_new(RESULTS / f"{date.today()}-{page}.json", as_json(records).encode()))


def judged(run: Path, *words: str) -> dict[str, object]:
    """What was typed for a run, how it ended, and its scores beside the untouched sources'."""
    command = [sys.executable, "-m", "ganctl", "evaluate", str(run), *words, "device.type=cpu"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    record = json.loads(sorted(run.glob("scores-*.json"))[-1].read_text())
    overrides = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
    summary, environment = (json.loads((run / f"{name}.json").read_text()) for name in ("summary", "environment"))
    (draw,) = record["draws"]
    return {
        "command": " ".join(["ganctl train", *(word for word in overrides if not word.startswith(PLACES))]),
        "machine": {key: environment[key] for key in ("python", "packages", "platform", "cpu", "device")},
        **{key: summary[key] for key in KEPT if key in summary},
        "scores": draw["scores"],
        "protocol": draw["protocol"],
        "untouched": record["beside"]["scores"],
    }


def table(records: dict[str, dict[str, object]]) -> str:
    """A line for each score, a column for each run, and the untouched sources."""
    columns = {label: record["scores"] for label, record in records.items()}
    first = next(iter(records.values()))
    columns["untouched"] = first["untouched"]
    names = [name for name in first["scores"] if not name.startswith("perceptual_pairs")]
    lines = [" ".join([" " * 30, *(f"{label:>16}" for label in columns)])]
    lines += [" ".join([f"{name:30}", *(f"{values[name]:>16.4g}" for values in columns.values())]) for name in names]
    return "\n".join(line.rstrip() for line in lines)


def draw_pairs(runs: list[Path]) -> None:
    for run, name in zip(runs, ("pairs", "pairs_content"), strict=True):
        webp(Image.open(run / "samples" / "best.png"), name)


def draw_unpaired(runs: list[Path]) -> None:
    """Photographs that come with scikit-learn, and what each run makes of them."""
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(image) for image in load_sample_images().images]
    size = [SHORT_SIDE * side // min(photographs[0].size) for side in photographs[0].size]
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for number, photograph in enumerate(photographs):
            photograph.resize(size, Image.Resampling.LANCZOS).save(home / f"{number}.png")
        files = [str(home / f"{number}.png") for number in range(len(photographs))]
        for place, run in enumerate(runs):
            command = [sys.executable, "-m", "ganctl", "translate", str(run), *files, f"output={home / f'run{place}'}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        folders = [home, *(home / f"run{place}" for place in range(len(runs)))]
        shown = [Image.open(folder / Path(name).name).convert("RGB") for name in files for folder in folders]
        width, height = shown[0].size
        sheet = Image.new("RGB", (len(folders) * width, len(files) * height), "white")
        for place, picture in enumerate(shown):
            sheet.paste(picture, (place % len(folders) * width, place // len(folders) * height))
    webp(sheet, "unpaired")


def draw_enlargement(runs: list[Path]) -> None:
    """Small, by bicubic interpolation, by each run, true: two of them in a row."""
    drawers = [ganctl.load(run, device="cpu").drawer for run in runs]
    task = drawers[0].task
    given = task.samples(0, 0, 2 * ROWS)
    small = torch.nn.functional.interpolate(given["source"], size=task.spec.image_shape[1:], mode="nearest")
    outputs = [drawer.draw(given) for drawer in drawers]
    truths = torch.from_numpy(task.truths[: 2 * ROWS].copy()).float() / 127.5 - 1
    columns = [small, task.untouched(given["source"]), *outputs, truths]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "grid.png"
        save_grid(side_by_side(columns), path, columns=2 * len(columns))
        webp(Image.open(path), "enlargement")


def side_by_side(columns: list[Tensor]) -> Tensor:
    """Pictures (N, C, H, W) of each column, row by row: (K N, C, H, W)."""
    return torch.stack(columns, dim=1).flatten(0, 1)


def webp(picture: Image.Image, name: str) -> None:
    picture.convert("RGB").save(PICTURES / f"{name}.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
