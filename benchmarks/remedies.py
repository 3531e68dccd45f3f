"""Small trainings that suffer from each known trouble, and each remedy beside: `python -m benchmarks.remedies`.

Every run is one `ganctl train` on digits, about a minute of one core; it differs from the one that suffers by the words
of its remedy alone. A trouble has a sign that can be counted in the records; beside it stands the judge's distance to
all 5,000 digits. With --runs the runs are kept, and what is there is not run again; broken off, it goes on. Figures,
tables and pictures of docs/remedies.md are written anew after each trouble.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from blocks import put
from kept import train
from run import RESULTS, machine

from ganctl import build, checkpoint
from ganctl.dataset.mnist5k import Mnist5k
from ganctl.files import as_json, atomic_write_text, write_new
from ganctl.record.jsonl import read_metrics
from ganctl.report.health import SURE_OF_FAKE, SURE_OF_REAL
from ganctl.trained import data_spec

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURES = ROOT / "docs" / "remedies.md", ROOT / "docs" / "pictures"
COMMON = (
    "training.batch_size=64 training.steps=400 generator.width=16 discriminator.width=16 feature=digits "
    "metric=[frechet,inception_score,class_shares] evaluation.num_images=2000 evaluation.final_images=2000 "
    "output.log_every=10 output.evaluate_every=80 output.sample_every=100 output.checkpoint_every=80 "
    "tracker=[] final_fid.enabled=false device.type=cpu device.threads=1"
)
SIDE, GRID = 3, 8  # samples a side of a run's picture, and of the grid that it is cut from
GAP = 8  # pixels between the pictures of two runs
FEW = 20  # digits to overfit to


def sure(folder: Path) -> float:
    """Share of the lines in which the discriminator is sure of real and generated images alike."""
    lines = records(folder, "losses")
    return statistics.fmean(line["d_real"] >= SURE_OF_REAL and line["d_fake"] <= SURE_OF_FAKE for line in lines)


def largest_loss(folder: Path) -> float:
    losses = [line[name] for line in records(folder, "losses") for name in ("d_loss", "g_loss")]
    return max((abs(loss) if math.isfinite(loss) else math.inf for loss in losses), default=math.nan)


def classes(folder: Path) -> float:
    """exp of the entropy of the classes' shares among the last step's samples, of ten."""
    last = records(folder, "scores")[-1]
    shares = [last[f"share_{digit}_digits"] for digit in range(10)]
    return math.exp(-sum(share * math.log(share) for share in shares if share))


def largest_rise(folder: Path) -> float:
    """How many times as far from the digits as the one before an evaluation is at most."""
    distances = [record["fd_digits"] for record in records(folder, "scores")]
    return max(after / before for before, after in itertools.pairwise(distances))


def gap(folder: Path) -> float:
    """Mean D(real) of the images it learned from, less that of the other digits of mnist5k."""
    content = checkpoint.load(checkpoint.find(folder, "last"))
    config = {**content["config"], "trust": []}
    task = build.task(config, data_spec(content["spec"])).restored(content["task"])
    D = build.network(config, "discriminator", task).eval()
    D.load_state_dict(content["state"]["networks"]["discriminator"])
    images = torch.from_numpy(Mnist5k().load().images).float() / 127.5 - 1
    with torch.inference_mode():
        probabilities = D(images, torch.zeros(len(images), dtype=torch.int64)).sigmoid().flatten()
    known = torch.zeros(len(images), dtype=torch.bool)
    known[:: len(images) // FEW] = True
    return float(probabilities[known].mean() - probabilities[~known].mean())


@dataclass(frozen=True)
class Trouble:
    """What is made to suffer, how that is counted, and what is tried against it: words of the command line."""

    name: str
    sign: str
    count: Callable[[Path], float]
    words: str
    remedies: dict[str, str]


TROUBLES = (
    Trouble(
        "vanishing gradients",
        "sure",
        sure,
        "dataset=mnist5k model=dcgan_2016 loss=minimax discriminator.batch_norm=false optimizer.lr=0.001 "
        "training.discriminator_steps=4",
        {
            "non-saturating loss": "loss=non_saturating",
            "least squares": "loss=least_squares",
            "relativistic loss": "loss=relativistic",
            "wasserstein, gradient penalty": "loss=wasserstein regularizer=[gradient_penalty]",
            "R1": "regularizer=[lazy_r1]",
            "instance noise": "regularizer=[instance_noise]",
            "spectral norm": "discriminator.spectral_norm=true",
            "one update a step": "training.discriminator_steps=1",
        },
    ),
    Trouble(
        "exploding gradients",
        "largest loss",
        largest_loss,
        "dataset=mnist5k model=dcgan_2016 loss=wasserstein discriminator.batch_norm=false optimizer.lr=0.01",
        {
            "clipped gradients": "training.clip_norm=1",
            "gradient penalty": "regularizer=[gradient_penalty]",
            "DRAGAN penalty": "regularizer=[dragan]",
            "clipped weights": "regularizer=[weight_clipping]",
            "spectral norm": "discriminator.spectral_norm=true",
            "orthogonal regularization": "regularizer=[orthogonal]",
            "lower rate": "optimizer.lr=0.0002",
            "bounded loss": "loss=hinge",
        },
    ),
    Trouble(
        "mode collapse",
        "classes of 10",
        classes,
        "dataset=mnist5k model=dcgan_2016 discriminator.batch_norm=false optimizer.generator.lr=0.004 "
        "optimizer.discriminator.lr=0.001 optimizer.betas=[0.9,0.999] training.ema_half_life_kimg=0",
        {
            "minibatch discrimination": "discriminator.minibatch_kernels=32",
            "minibatch deviation": "discriminator.minibatch_deviation=true",
            "feature matching": "term=[feature_matching]",
            "mode seeking": "regularizer=[mode_seeking]",
            "packs of two": "discriminator.pack=2",
            "energy distance": "regularizer=[energy_distance]",
            "instance noise": "regularizer=[instance_noise]",
            "R1": "regularizer=[lazy_r1]",
            "less momentum": "optimizer.betas=[0.5,0.999]",
            "equal rates": "optimizer.generator.lr=0.001",
        },
    ),
    Trouble(
        "instability",
        "largest rise",
        largest_rise,
        "dataset=mnist5k model=dcgan_2016 optimizer.lr=0.002 optimizer.betas=[0.9,0.999] training.ema_half_life_kimg=0",
        {
            "averaged weights": "training.ema_half_life_kimg=10",
            "less momentum": "optimizer.betas=[0.5,0.999]",
            "lower rate": "optimizer.lr=0.0002",
            "falling rate": "scheduler=cosine",
            "two rates": "optimizer.generator.lr=0.0005",
            "R1": "regularizer=[lazy_r1] discriminator.batch_norm=false",
            "spectral norm": "discriminator.spectral_norm=true discriminator.batch_norm=false",
            "orthogonal regularization": "regularizer=[orthogonal]",
            "top-k": "regularizer=[top_k] regularizer.top_k.epoch_kimg=0.5",
        },
    ),
    Trouble(
        "overfitting",
        "D(known) - D(new)",
        gap,
        "dataset=image_folder dataset.path=FEW dataset.resolution=28 dataset.channels=1 model=dcgan_2016 "
        "discriminator.batch_norm=false optimizer.lr=0.001 training.batch_size=20 training.steps=1200 "
        "output.evaluate_every=240 output.checkpoint_every=240",
        {
            "augmentation": "augment=[diffaugment] augment.diffaugment.policy=[translation,cutout]",
            "adaptive augmentation": "augment=[ada]",
            "consistency": "regularizer=[consistency] regularizer.consistency.policy=[translation]",
            "dropout": "discriminator.dropout=0.3",
            "weight decay": "optimizer=adamw",
            "LeCam": "regularizer=[lecam]",
            "R1": "regularizer=[lazy_r1]",
            "instance noise": "regularizer=[instance_noise]",
        },
    ),
)


def few_digits(folder: Path) -> Path:
    """A folder of a few digits of mnist5k, as many of each class, as files."""
    if not folder.exists():
        store = Mnist5k(cache=None).load()
        folder.mkdir(parents=True)
        for number in range(0, len(store.images), len(store.images) // FEW):
            Image.fromarray(store.images[number, 0]).save(folder / f"{number:04}.png")
    return folder


def records(folder: Path, kind: str) -> list[dict]:
    return [record for record in read_metrics(folder / "metrics.jsonl") if record["kind"] == kind]


def distance(folder: Path, output: Path) -> float:
    """The digits' Frechet distance between samples of the last step's averaged generator and all 5,000 digits."""
    if not output.exists():
        words = ["fid", str(folder), "mnist5k", "feature=digits", "num_images=2000", f"output={output}"]
        subprocess.run([sys.executable, "-m", "ganctl", *words], check=True)
    return json.loads(output.read_text())["scores"]["fd_digits"]


def row_of(trouble: Trouble, folder: Path) -> dict[str, object]:
    if not (folder / "summary.json").exists():
        return {"status": "failed"}
    summary = json.loads((folder / "summary.json").read_text())
    row = {"status": summary["status"], trouble.sign: trouble.count(folder), "seconds": summary["seconds"]}
    if summary["status"] == "diverged":
        return row
    course = {str(record["step"]): record["fd_digits"] for record in records(folder, "scores")}
    return row | {"course": course, "fd_digits": distance(folder, folder / "fid.json")}


def picture(folders: Sequence[Path], path: Path) -> None:
    """The first samples of each run's last grid, run by run from left to right, as a WebP at `path`."""
    tiles = []
    for folder in folders:
        grids = sorted((folder / "samples").glob("step-*.png"))
        if grids:
            with Image.open(grids[-1]) as grid:
                side = round(grid.width / GRID * SIDE)
                tiles.append(grid.convert("L").crop((0, 0, side, side)))
    sheet = Image.new("L", (sum(tile.width + GAP for tile in tiles) - GAP, tiles[0].height), 255)
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number * (tile.width + GAP), 0))
    sheet.save(path, quality=20, method=6)


def table(trouble: Trouble, rows: dict[str, dict[str, object]]) -> str:
    """A line a run: its sign, how the distance moved, where it ended."""
    lines = [f"{'':32}{trouble.sign:>18}{'fd_digits':>11}   its course"]
    for name, row in rows.items():
        sign = row.get(trouble.sign)
        shown = f"{name:32}{'' if sign is None else f'{sign:.3g}':>14}"
        if "fd_digits" not in row:
            lines.append(f"{shown}  {row['status']}")
            continue
        course = " ".join(f"{value:.0f}" for value in row["course"].values())
        lines.append(f"{shown}{row['fd_digits']:>11.1f}   {course}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [trouble.name for trouble in TROUBLES]
    parser.add_argument("--troubles", nargs="+", choices=names, default=names)
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    parser.add_argument("--no-page", action="store_true", help="leave the page of the documentation as it is")
    arguments = parser.parse_args()
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    path = write_new(RESULTS / f"{date.today().isoformat()}-remedies.json", as_json(found).encode())
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        few = few_digits(root / "few")
        for trouble in (trouble for trouble in TROUBLES if trouble.name in arguments.troubles):
            rows: dict[str, dict[str, object]] = {}
            tried = {"nothing": "", **trouble.remedies}
            folders = {name: root / f"{trouble.name} {name}".replace(",", "").replace(" ", "_") for name in tried}
            for name, more in tried.items():
                words = [*COMMON.split(), *trouble.words.replace("FEW", str(few)).split(), *more.split()]
                train(words, folders[name])
                rows[name] = {"words": more} | row_of(trouble, folders[name])
            found[trouble.name] = {"words": trouble.words, "runs": rows}
            atomic_write_text(path, as_json(found))
            if not arguments.no_page:
                word = trouble.name.replace(" ", "_")
                put(PAGE, {trouble.name: table(trouble, rows)})
                picture(list(folders.values()), PICTURES / f"remedies_{word}.webp")
            print(table(trouble, rows))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
