"""Whether trainings on colour pictures stay finite and get better: `python -m benchmarks.stability --data NAME=PATH`.

Each data set at each size with each seed is one run of `ganctl train dataset=image_folder`, with nothing else chosen
but a budget of images. A row says whether every loss and score stayed a finite number, how the run ended, its largest
loss, and how the judge's Frechet distance moved. The file is written anew after each run, so that a long list may be
broken off; with --runs the runs are kept, and those that are there already are not run again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kept import train
from run import RESULTS, machine

from ganctl.evaluation.scores import numbers
from ganctl.files import as_json, atomic_write_text, write_new
from ganctl.record.jsonl import read_metrics

FIXED = ("device.threads=1", "tracker=[]", "final_fid.enabled=false")
EVALUATIONS = 10  # of a run


def words_of(path: str, size: str, seed: int, images: int, more: Sequence[str]) -> list[str]:
    """What follows `ganctl train`, but for where the run goes."""
    data = ["dataset=image_folder", f"dataset.path={path}", f"dataset.resolution={size}"]
    return [*data, f"seed={seed}", f"training.images={images}", *FIXED, *more]


def row_of(folder: Path) -> dict[str, object]:
    """What a run's records say of its stability."""
    path = folder / "summary.json"
    if not path.exists():
        return {"status": "failed"}
    summary, records = json.loads(path.read_text()), list(read_metrics(folder / "metrics.jsonl"))
    losses = [record[name] for record in records if record.get("kind") == "losses" for name in ("d_loss", "g_loss")]
    judge = summary.get("score", {}).get("name")
    course = {str(record["step"]): numbers(record)[judge] for record in records if judge and judge in numbers(record)}
    values = [*losses, *course.values()]
    return {
        "status": summary["status"],
        "finite": summary["status"] != "diverged" and all(math.isfinite(value) for value in values),
        "largest_loss": max(map(abs, losses), default=None),
        "judge": judge,
        "course": course,
        "last_over_best": list(course.values())[-1] / min(course.values()) if course else None,
        "step": summary["step"],
        "best_step": summary.get("best_step"),
        "seconds": summary["seconds"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=PATH", help="folders or zips of pictures")
    parser.add_argument("--sizes", nargs="+", default=["32", "64", "128"], help="height and width, or [height,width]")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=40_000, help="budget of each run")
    parser.add_argument("--batch", type=int, default=32, help="images a step, for when to evaluate")
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    parser.add_argument("--words", nargs="*", default=[], help="more settings, as feature=efficientnet_lite2")
    arguments = parser.parse_args()
    every = max(1, arguments.images // arguments.batch // EVALUATIONS)
    more = [f"training.batch_size={arguments.batch}", f"output.evaluate_every={every}", *arguments.words]
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine(), "runs": (rows := [])}
    path = write_new(RESULTS / f"{date.today().isoformat()}-stability.json", as_json(found).encode())
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        for name, _, place in (text.partition("=") for text in arguments.data):
            for size in arguments.sizes:
                for seed in arguments.seeds:
                    words = words_of(str(Path(place).absolute()), size, seed, arguments.images, more)
                    folder = root / f"{name}-{size.strip('[]').replace(',', 'x')}-{seed}"
                    code = train(words, folder)
                    shown = " ".join(["ganctl", "train", *words]).replace(str(Path(place).absolute()), name)
                    rows.append({"command": shown, "data": name, "size": size, "seed": seed} | row_of(folder))
                    rows[-1] |= {} if code is None else {"exit_code": code}
                    atomic_write_text(path, as_json(found))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
