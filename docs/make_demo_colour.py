"""Trains `make demo-colour` and keeps its picture, demo_colour.webp, and a record of the run in benchmarks/results.

    python docs/make_demo_colour.py [--run RUN] [--remark TEXT]

Picture and record are of RUN, if `ganctl train experiment=demo_colour` has made it already, else of a new run.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import yaml
from PIL import Image

from ganctl.files import as_json, write_new

DOCS = Path(__file__).resolve().parent
PICTURE, RESULTS = DOCS / "demo_colour.webp", DOCS.parent / "benchmarks" / "results"
LARGEST = 150_000  # bytes of the picture
WORDS = "experiment=demo_colour"
MACHINE = ("date", "python", "packages", "platform", "cpu", "cpus", "threads", "device")
KEPT = ("status", "step", "seconds", "scores", "protocol")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run of experiment=demo_colour that has ended")
    parser.add_argument("--remark", default="", help="what is to be known of the run's seconds")
    arguments = parser.parse_args()
    given = arguments.run
    with tempfile.TemporaryDirectory() as temporary:
        run = given.resolve() if given else trained(Path(temporary))
        found = record(run) | ({"remark": arguments.remark} if arguments.remark else {})
        draw(json.loads((run / "summary.json").read_text())["grid"])
    path = write_new(RESULTS / f"{date.today()}-demo-colour.json", as_json(found).encode())
    print(f"written: {PICTURE.name} and {path}")


def trained(home: Path) -> Path:
    subprocess.run([sys.executable, "-m", "ganctl", "train", WORDS, f"output.root={home}"], check=True)
    (run,) = home.glob("*/*")
    return run


def record(run: Path) -> dict[str, object]:
    """What the run says of itself. Raises SystemExit where it is another command's."""
    typed = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
    words = [word for word in typed if not word.startswith(("output.root=", "tag="))]
    if WORDS not in words:
        raise SystemExit(f"{run}: is not a run of ganctl train {WORDS}")
    summary = json.loads((run / "summary.json").read_text())
    batch = yaml.safe_load((run / "config.yaml").read_text())["training"]["batch_size"]
    environment = json.loads((run / "environment.json").read_text())
    facts = {"command": " ".join(["ganctl", "train", *words]), "images": summary["step"] * batch}
    return facts | {key: summary[key] for key in KEPT} | {"machine": {key: environment[key] for key in MACHINE}}


def draw(grid: str) -> None:
    """The last grid as WebP, as good as `LARGEST` lets it be."""
    with Image.open(grid) as picture:
        for quality in range(95, 0, -5):
            content = io.BytesIO()
            picture.save(content, "WEBP", quality=quality, method=6)
            if content.getbuffer().nbytes <= LARGEST:
                PICTURE.write_bytes(content.getvalue())
                return


if __name__ == "__main__":
    main()
