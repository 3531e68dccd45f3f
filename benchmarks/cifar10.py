"""CIFAR-10 by several models under equal minutes, scored by one judge: `python -m benchmarks.cifar10 --pictures ZIP`.

A machine that does other work as well would decide a race by the clock. So each model's speed is measured first, in
turn, on one core in a quiet moment, for some seconds each; each then gets as many images as it makes in the stated
minutes at that speed, however long that takes, and one judge scores all. The row of a model that learned from the
judge's own network says so in a remark. With --runs the runs are kept, and what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kept import speeds, train
from run import RESULTS, machine

import ganctl
from ganctl.compose import Composer
from ganctl.files import as_json, atomic_write_text, write_new

ARMS = {
    "dcgan of its paper": ["model=dcgan_2016"],
    "sngan": ["model=sngan"],
    "dcgan": ["model=dcgan"],
    "projected": ["model=projected"],
    "cdcgan": ["model=cdcgan"],
    "sngan, conditional": ["model=sngan", "conditional=true"],
    "projected, conditional": ["model=projected", "conditional=true"],
}
"""What follows `ganctl train`, by the name of the row; the last three draw the class that is asked for."""
ALIKE = ("training.flip=true", "device.threads=1", "device.type=cpu", "tracker=[]")
UNJUDGED = (
    *("output.evaluate_every=null", "feature=pixels", "metric=[frechet]", "final_fid.enabled=false"),
    *("evaluation.final_images=2", "evaluation.num_real=2"),
)
TAUGHT = ("model=projected", "efficientnet", "learned from the judge's own network: its scores rank nothing")
"""The word of a model, the judge whose network taught it, and what is remarked of its row then."""
JUDGES = ("efficientnet_lite2", "efficientnet")


def default_judge() -> str:
    """The first of `JUDGES` that there is."""
    return next(name for name in JUDGES if name in Composer("train").options()["feature"])


def quiet(most_load: float, minutes: float) -> float:
    """Waits until the machine has little to do, for so many minutes at most; the load that it then has."""
    end = time.monotonic() + 60 * minutes
    while (load := os.getloadavg()[0]) > most_load and time.monotonic() < end:
        time.sleep(5)
    return load


def speed_of(words: Sequence[str], seconds: float) -> float:
    """Images a second on one core, the median over the steps of so many seconds of training."""
    brief = [f"stop.max_minutes={seconds / 60}", "output.log_every=1", "output.sample_early=false", "output.grid=1"]
    with tempfile.TemporaryDirectory() as folder:
        train([*words, *brief], run := Path(folder) / "run")
        each = speeds(run)
    return statistics.median(each[1:] or each)  # the first step makes what the others have


def scored(folder: Path, judge: str, num_images: int, *, is_conditional: bool) -> dict[str, object]:
    """The scores of the last step's averaged generator, with their protocol; of the conditional, class accuracy too."""
    last = json.loads((folder / "summary.json").read_text())["last_checkpoint"]
    words = [f"num_images={num_images}", "device=cpu"]
    found = ganctl.score(last, None, f"feature={judge}", "metric=[frechet,kid,precision_recall]", *words)
    row: dict[str, object] = {"scores": dict(found.values), "protocol": found.protocol.to_plain()}
    if is_conditional:
        classes = ganctl.score(last, None, "feature=classifier", "metric=[class_accuracy]", *words)
        row |= {"classes": dict(classes.values), "protocol of classes": classes.protocol.to_plain()}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--pictures", type=Path, help="folder or zip with a folder a class, or folder inside a zip")
    data.add_argument("--root", type=Path, help="folder that holds cifar-10-python.tar.gz")
    parser.add_argument("--minutes", type=float, default=30, help="of one core, for each model")
    parser.add_argument("--seconds", type=float, default=20, help="of each model's training to measure its speed by")
    parser.add_argument("--judge", default=default_judge(), help="name of the feature; default: %(default)s")
    parser.add_argument("--num-images", type=int, default=5000, help="generated images to score")
    parser.add_argument("--only", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--load", type=float, default=0.5, help="at most so much is a quiet moment")
    parser.add_argument("--wait", type=float, default=60, help="minutes to wait for one at most")
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    parser.add_argument("--words", nargs="*", default=[], help="more settings for all")
    arguments = parser.parse_args()
    place = arguments.root or arguments.pictures
    shown = ["dataset=cifar10"] if arguments.root else ["dataset=image_folder", "dataset.resolution=32"]
    key = "dataset.root" if arguments.root else "dataset.path"
    data_words = [*shown, f"{key}={place.absolute()}", *ALIKE, *UNJUDGED, *arguments.words]
    found = {"date": date.today().isoformat(), "machine": machine(), "minutes_each": arguments.minutes}
    found |= {"judge": arguments.judge, "load": quiet(arguments.load, arguments.wait)}
    found["images_per_second"] = quickness = {
        name: speed_of([*data_words, *ARMS[name]], arguments.seconds) for name in arguments.only
    }
    found["rows"] = rows = {}
    path = write_new(RESULTS / f"{date.today().isoformat()}-cifar10.json", as_json(found).encode())
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        for name, speed in quickness.items():
            budget = f"training.images={max(1000, round(speed * 60 * arguments.minutes))}"
            folder = root / name.replace(", ", "-").replace(" ", "-")
            train([*data_words, *ARMS[name], budget], folder)
            is_conditional = name in list(ARMS)[4:]
            command = " ".join(["ganctl", "train", *shown, *ALIKE, *UNJUDGED, *arguments.words, *ARMS[name], budget])
            rows[name] = {"command": command} | scored(
                folder, arguments.judge, arguments.num_images, is_conditional=is_conditional
            )
            if TAUGHT[0] in ARMS[name] and arguments.judge == TAUGHT[1]:
                rows[name]["remark"] = TAUGHT[2]
            atomic_write_text(path, as_json(found))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
