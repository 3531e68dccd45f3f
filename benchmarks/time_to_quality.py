"""How long until samples are nearly as good as real images: `python -m benchmarks.time_to_quality --data ROOT`.

`ganctl train dataset=SET model=dcgan` without labels, each seed on one budget of images (with which its schedule ends),
judged every some steps. A row has the first judgement at which the Inception Score by the data set's own judge reached
0.90 and 0.95 of that of real images, with the images shown, the seconds that the training of them took (evaluations
left out, as the log's images a second tell) and the Frechet distance; then the mean of the seeds. With --runs the runs
are kept. `--words` has what differs from the default, so that an idea is raced against it on the same seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kept import train
from run import RESULTS, machine

from ganctl.evaluation.scores import numbers
from ganctl.files import as_json, atomic_write_text, write_new
from ganctl.record.jsonl import read_metrics

FIXED = ("model=dcgan", "tracker=[]", "final_fid.enabled=false", "output.checkpoint_every=1000000")
SHARES = (0.90, 0.95)  # of the real images' Inception Score


def course(folder: Path, batch: int) -> list[dict[str, float]]:
    """Of each judgement of a run: step, images shown, seconds of training, and the scores."""
    rows: list[dict[str, float]] = []
    seconds, before = 0.0, 0.0
    for record in read_metrics(folder / "metrics.jsonl"):
        if record["kind"] == "losses":
            seconds += (record["step"] - before) * batch / record["images_per_second"]
            before = record["step"]
        elif record["kind"] == "scores":
            rows.append({"step": record["step"], "images": record["step"] * batch, "seconds": seconds})
            rows[-1] |= numbers(record)
    return rows


def reached(rows: Sequence[Mapping[str, float]], score: str, goal: float) -> Mapping[str, float] | None:
    """The first of the rows whose score is `goal` or more; None where none is."""
    return next((row for row in rows if row[score] >= goal), None)


def mean(rows: Sequence[Mapping[str, float] | None]) -> dict[str, float] | None:
    """The mean of each number over the seeds; None where a seed has not come so far."""
    there = [row for row in rows if row is not None]
    if len(there) < len(rows):
        return None
    return {name: statistics.fmean(row[name] for row in there) for name in there[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="mnist", help="data set, or word of a folder; default: %(default)s")
    parser.add_argument("--data", type=Path, help="folder that holds the data set's files, for dataset.root")
    parser.add_argument("--judge", default="digits", help="the data set's judge; default: %(default)s")
    parser.add_argument("--real", type=float, default=9.86, help="its Inception Score of real images; default: digits'")
    parser.add_argument("--images", type=int, default=320_000, help="budget of each run")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--every", type=int, default=250, help="steps between judgements of 5,000 samples")
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    parser.add_argument("--words", nargs="*", default=[], help="more settings")
    arguments = parser.parse_args()
    words = [f"dataset={arguments.set}", *FIXED, f"training.batch_size={arguments.batch}"]
    words += [f"training.images={arguments.images}", f"output.evaluate_every={arguments.every}", *arguments.words]
    place = [f"dataset.root={arguments.data.absolute()}"] if arguments.data else []
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    found |= {"command": " ".join(["ganctl train", *words]), "real": arguments.real, "runs": (runs := {})}
    path = write_new(RESULTS / f"{date.today().isoformat()}-time-to-quality.json", as_json(found).encode())
    score, distance = f"is_{arguments.judge}", f"fd_{arguments.judge}"
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        for seed in arguments.seeds:
            folder = root / f"{arguments.set}-{seed}"
            train([*words, *place, f"seed={seed}"], folder)
            rows = course(folder, arguments.batch)
            marks = {f"{share:.2f}": reached(rows, score, share * arguments.real) for share in SHARES}
            summary = json.loads((folder / "summary.json").read_text())
            runs[str(seed)] = {"reached": marks, "last": rows[-1], "status": summary["status"], "course": rows}
            means = {mark: mean([run["reached"][mark] for run in runs.values()]) for mark in marks}
            found["mean"] = means = {**means, "last": mean([run["last"] for run in runs.values()])}
            atomic_write_text(path, as_json(found))
    for mark, row in means.items():
        shown = row and f"{row['images']:,.0f} images, {row['seconds'] / 60:.1f} min, {distance} {row[distance]:.3f}"
        print(f"{mark:5} {shown or 'not reached by all seeds'}")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
