"""Trains what the README's table of quality shows and writes the scores: `python -m benchmarks.quality --data ROOT`.

Each command is run as a user would run it, one after the other; scores, protocol and time come from the run's own
summary.json and metrics.jsonl.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))
from run import RESULTS, machine

from ganctl.evaluation.scores import declarations, numbers
from ganctl.files import as_json, write_new
from ganctl.record.jsonl import read_metrics

COMMANDS = {
    "demo": ["experiment=demo"],
    "mnist-dcgan": [
        *("dataset=mnist", "model=dcgan", "device.precision=bf16", "device.threads=1"),
        *("training.images=512000", "output.evaluate_every=1000"),
    ],
    "mnist-cdcgan": ["dataset=mnist", "model=cdcgan", "device.precision=bf16", "training.images=256000"],
}
"""What follows `ganctl train`, by name. Those on MNIST get its folder as well."""


def train(name: str, data: Path | None, root: Path) -> dict[str, object]:
    """Runs one command, unless its run is there already, and returns what its summary says."""
    words = list(COMMANDS[name])
    if "dataset=mnist" in words:
        if data is None:
            raise SystemExit(f"{name}: needs --data, the folder that holds MNIST/raw")
        words.append(f"dataset.root={data}")
    command = [sys.executable, "-m", "ganctl", "train", *words, f"output.root={root / name}"]
    if not list((root / name).glob("*/*/summary.json")):
        subprocess.run(command, check=True)
    (path,) = (root / name).glob("*/*/summary.json")
    typed = yaml.safe_load((path.parent / ".hydra" / "overrides.yaml").read_text())
    if missing := [word for word in words if word not in typed]:
        raise SystemExit(f"{path.parent}: is not the run of {name}: it was made without {' '.join(missing)}")
    summary = json.loads(path.read_text())
    shown = ["ganctl", "train", *(word for word in words if not word.startswith("dataset.root="))]
    kept = ("step", "seconds", "best_step", "scores", "protocol")
    course = {
        str(line["step"]): headlines(line) for line in read_metrics(path.parent / "metrics.jsonl") if _judged(line)
    }
    return {"command": " ".join(shown), **{key: summary[key] for key in kept}, "scores_by_step": course}


def headlines(record: dict[str, object]) -> dict[str, object]:
    """The scores of an evaluation during the run, without the classes' shares."""
    hidden = {name for name, score in declarations(record).items() if score.kind != "score"}
    return {name: value for name, value in numbers(record).items() if name not in hidden}


def _judged(record: dict[str, object]) -> bool:
    return record.get("kind") == "scores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds MNIST/raw, as torchvision lays it out")
    parser.add_argument("--only", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    arguments = parser.parse_args()
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        for name in arguments.only:
            found[name] = train(name, arguments.data and arguments.data.absolute(), root)
    path = write_new(RESULTS / f"{date.today().isoformat()}-quality.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
