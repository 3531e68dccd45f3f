"""Trains `model=dcgan` and the paper's `model=dcgan_2016` in turn, as long each: `python -m benchmarks.equal_minutes`.

Both get one thread and the same minutes of wall clock, so that what a step costs counts; a machine that is busy with
other work slows both, and its load stands beside the scores, which come from each run's own summary.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run import RESULTS, machine

from ganctl.files import as_json, write_new

MODELS = ("dcgan", "dcgan_2016")


def train(model: str, minutes: float, root: Path) -> dict[str, object]:
    """Runs one model until its minutes are over; steps, images, scores and protocol, and the machine's load around."""
    words = ["dataset=mnist5k", f"model={model}", "device.threads=1", f"stop.max_minutes={minutes:g}"]
    words += ["output.evaluate_every=null", "final_fid.enabled=false"]
    before = os.getloadavg()[0]
    subprocess.run([sys.executable, "-m", "ganctl", "train", *words, f"output.root={root / model}"], check=True)
    (path,) = (root / model).glob("*/*/summary.json")
    summary = json.loads(path.read_text())
    kept = ("step", "images", "seconds", "scores", "protocol")
    load = {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)}
    return {
        "command": " ".join(["ganctl", "train", *words]),
        **{key: summary[key] for key in kept if key in summary},
        "load": load,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4)
    minutes = parser.parse_args().minutes
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine(), "minutes_each": minutes}
    with tempfile.TemporaryDirectory() as root:
        for model in MODELS:
            found[model] = train(model, minutes, Path(root))
    path = write_new(RESULTS / f"{date.today().isoformat()}-equal-minutes.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
