"""Trains dcgan, fastgan and projected on folders of pictures, equal minutes of one core each, and scores them alike.

    python -m benchmarks.art --pictures paintings emoji --size 64 --minutes 6 --seeds 0 1 2 --runs runs

First the speed of each is measured, in turn, on one thread; each then trains for as many images as it would see in the
minutes at that speed, so that a machine that is busy later on decides nothing. What is in the folder of runs is not
done again. Every run is judged at its best checkpoint by `feature=efficientnet_lite2`, which taught none of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from kept import train
from run import RESULTS, machine, race

from ganctl import build
from ganctl.files import as_json, write_new

ARMS = ("dcgan", "fastgan", "projected")
METRICS = "[frechet,kid,precision_recall,memorisation]"
KEPT = ("fd", "kd", "precision", "recall", "density", "coverage", "copies", "duplicates")


def words(arm: str, pictures: Path, size: int) -> list[str]:
    """What follows `ganctl train` for every run of an arm."""
    data = ["dataset=image_folder", f"dataset.path={pictures}", f"dataset.resolution={size}"]
    return [*data, f"model={arm}", "training.flip=true", "feature=pixels", "device=cpu", "device.threads=1"]


def steps(arm: str, pictures: Path, size: int) -> Iterator[None]:
    """One training step a `next`."""
    config = contenders.configuration(words(arm, pictures, size))
    for _ in contenders.steps(config, build.dataset(config).load()):
        yield


def speeds(pictures: Path, size: int, path: Path) -> dict[str, float]:
    """Images a second of each arm on one thread; measured once, then read from `path`."""
    if not path.exists():
        torch.set_num_threads(1)
        batches = {arm: contenders.configuration([f"model={arm}"]).training.batch_size for arm in ARMS}
        least = min(batches.values())
        entrants = {arm: several(steps(arm, pictures, size), -(-128 // batches[arm])) for arm in ARMS}
        assert 128 % least == 0
        found = race(entrants, 128, rounds=3, steps=2)["images_per_second"]
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def several(entrant: Iterator[None], count: int) -> Iterator[None]:
    """`count` steps a `next`, so that every arm shows 128 images."""
    while True:
        for _ in range(count):
            next(entrant)
        yield


def trained(arm: str, pictures: Path, size: int, seed: int, images: int, root: Path) -> tuple[Path, list[str]]:
    """The run's folder, and what was typed for it; trains unless it is there."""
    batch = contenders.configuration([f"model={arm}"]).training.batch_size
    folder = root / f"{pictures.name}-{size}-{arm}-{seed}"
    settings = [f"training.images={images}", "training.steps=null", f"seed={seed}", "final_fid.enabled=false"]
    often = max(1, images // batch // 4)
    settings += [f"output.{what}_every={often}" for what in ("evaluate", "sample", "checkpoint")]
    settings += ["evaluation.num_images=2000", "evaluation.final_images=2000"]
    typed = [*words(arm, pictures, size), *settings]
    train(typed, folder)
    return folder, typed


def scored(folder: Path, typed: list[str]) -> dict[str, object]:
    """The run's scores with their protocol, and how it ended; judges unless that is done."""
    summary = json.loads((folder / "summary.json").read_text())
    if not list(folder.glob("scores-*.json")):
        judge = ("feature=efficientnet_lite2", "num_images=2000", "device.threads=1")
        call("evaluate", str(folder), *judge, f"metric={METRICS}")
    (path,) = sorted(folder.glob("scores-*.json"))[-1:]
    (draw,) = json.loads(path.read_text())["draws"]
    scores = {name: value for name, value in draw["scores"].items() if name.partition("_")[0] in KEPT}
    shown = [word for word in typed if not word.startswith("dataset.path=")]
    kept = {key: summary[key] for key in ("step", "images", "best_step", "status") if key in summary}
    return {"command": " ".join(["ganctl", "train", *shown]), **kept, "scores": scores, "protocol": draw["protocol"]}


def call(*command: str) -> None:
    """Runs ganctl as a user would."""
    subprocess.run([sys.executable, "-m", "ganctl", *command], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders of pictures")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--minutes", type=float, default=6, help="of one core, for each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument(
        "--runs", type=Path, required=True, help="folder for the runs, kept; what is there is not redone"
    )
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    root = arguments.runs.absolute()
    rates = speeds(arguments.pictures[0].absolute(), arguments.size, root / f"speeds-{arguments.size}.json")
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine(), "minutes": arguments.minutes}
    found["images_per_second"] = rates
    runs = {
        f"{pictures.name} {arm} seed {seed}": trained(
            arm, pictures.absolute(), arguments.size, seed, int(rates[arm] * arguments.minutes * 60), root
        )
        for seed in arguments.seeds
        for pictures in arguments.pictures
        for arm in arguments.arms
    }
    found |= {name: scored(*run) for name, run in runs.items()}
    path = write_new(RESULTS / f"{date.today().isoformat()}-art-{arguments.size}.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
