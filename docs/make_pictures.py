"""Trains the demo as a newcomer would and puts its pictures and printed words into first_run.md: `make docs-pictures`.

What stands in first_run.md between `<!-- NAME -->` and `<!-- end -->` is replaced; the explanations around it stay.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

import matplotlib
from blocks import put
from newcomer import Newcomer
from PIL import Image, ImageDraw, ImageFont

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS = Path(__file__).resolve().parent
PAGE, PICTURES = DOCS / "first_run.md", DOCS / "pictures"
GRIDS = 5  # grids below each other, from the first to the last
CLASSES = 10  # columns of a grid
CAPTION = 26  # pixels above each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=700, help="of training; the demo itself has 2800")
    steps = parser.parse_args().steps
    line = f"ganctl train experiment=demo training.steps={steps} evaluation.num_images=2000"
    line += f" output.evaluate_every={max(1, steps // 4)} output.sample_every={max(1, steps // 8)}"
    with tempfile.TemporaryDirectory() as home:
        newcomer = Newcomer(Path(home) / "you")
        answer = newcomer.type(line)
        if answer.code:
            raise SystemExit(answer.text)
        (run,) = newcomer.folder.glob("outputs/*/*")
        PICTURES.mkdir(exist_ok=True)
        metrics = [json.loads(entry) for entry in (run / "metrics.jsonl").read_text().splitlines()]
        draw_grids(run, metrics)
        draw_curves(metrics)
    put(PAGE, parts(f"$ {line}\n{answer.text}"))
    print(f"written: {PAGE.name}, {', '.join(path.name for path in sorted(PICTURES.iterdir()))}")


def parts(text: str) -> dict[str, str]:
    """The printed words in three parts: what is printed before training, during it (some lines), and at the end."""
    lines = text.rstrip().splitlines()
    steps = [number for number, line in enumerate(lines) if re.match(r"step \d", line)]
    during = lines[steps[0] : steps[-1] + 1]
    if len(during) > 12:
        during = [*during[:4], "...", *during[-5:]]
    return {
        "before": "\n".join(lines[: steps[0]]),
        "during": "\n".join(during),
        "after": "\n".join(lines[steps[-1] + 1 :]),
    }


def draw_grids(run: Path, metrics: list[dict]) -> None:
    """The first two rows of five sample grids, below each other: the same latents, each under its step and score."""
    grids = sorted((run / "samples").glob("step-*.png"))
    chosen = [grids[round(place * (len(grids) - 1) / (GRIDS - 1))] for place in range(GRIDS)]
    scores = {entry["step"]: entry["fd_digits"] for entry in metrics if "fd_digits" in entry}
    rows = [Image.open(path).convert("L") for path in chosen]
    width, height = rows[0].width, 2 * rows[0].width // CLASSES
    sheet = Image.new("L", (width, GRIDS * (height + CAPTION)), 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, (path, grid) in enumerate(zip(chosen, rows, strict=True)):
        step, top = int(path.stem.partition("-")[2]), place * (height + CAPTION)
        score = f", fd_digits {scores[step]:.3g}" if step in scores else ""
        pen.text((2, top + 4), f"step {step:,}{score}", fill=0, font=font)
        sheet.paste(grid.crop((0, 0, width, height)), (0, top + CAPTION))
    sheet.save(PICTURES / "first_run_grids.webp", quality=85)


def draw_curves(metrics: list[dict]) -> None:
    """D(real), D(fake) and the Frechet distance by step, with a word at what to look for."""
    losses = [entry for entry in metrics if "d_real" in entry]
    scores = [entry for entry in metrics if "fd_digits" in entry]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for name, label in (("d_real", "D(real)"), ("d_fake", "D(fake)")):
        left.plot([entry["step"] for entry in losses], [entry[name] for entry in losses], label=label)
    left.axhline(0.5, color="grey", linestyle=":")
    left.annotate(
        "0.5: cannot tell them apart", (0.98, 0.5), xycoords=("axes fraction", "data"), ha="right", va="bottom"
    )
    left.set(ylim=(0, 1), xlabel="step", title="what the discriminator believes: probability of real")
    left.legend(loc="upper right")
    right.plot([entry["step"] for entry in scores], [entry["fd_digits"] for entry in scores], marker="o")
    right.annotate("real test digits: 0.12", (0.02, 0.12), xycoords=("axes fraction", "data"), va="bottom")
    right.axhline(0.12, color="grey", linestyle=":")
    right.set(yscale="log", xlabel="step", title="fd_digits: lower is better")
    figure.savefig(PICTURES / "first_run_curves.png", dpi=90)


if __name__ == "__main__":
    main()
