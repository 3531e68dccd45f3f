"""How many of a thousand modes each method draws after an equal budget: `python -m benchmarks.stacked_mnist`.

Every arm is one `ganctl train experiment=stacked_mnist`, with the same number of real images shown to the discriminator
(in all of its updates), and 26,000 samples of the averaged generator after the last step. With
--runs the runs are kept, and those that are there already are not made again; broken off, one goes on. The file of
results and the table of docs/stacked_mnist.md are written anew after each run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from blocks import put
from kept import train
from run import RESULTS, machine

from ganctl.files import as_json, atomic_write_text, write_new

ROOT = Path(__file__).resolve().parents[1]
SMALL = "generator.width=32 discriminator.width=32"
ARMS = {
    "dcgan": f"model=dcgan_2016 {SMALL}",
    "pacgan": f"model=pacgan {SMALL}",
    "wgan_gp": f"model=wgan_gp {SMALL}",
    "r3gan": "model=r3gan",
    "rpgan": f"model=rpgan {SMALL}",
    "rpgan, width 64": "model=rpgan generator.width=64 discriminator.width=64",
    "house recipe": f"model=dcgan {SMALL}",
}
FIXED = "evaluation.num_images=1000 output.evaluate_every=null output.sample_every=4000 output.tensorboard=false"
SCORES = ("modes", "reverse_kl", "real_modes", "real_reverse_kl")
PAGE = ROOT / "docs" / "stacked_mnist.md"


def known_arms() -> list[str]:
    """Those whose model there is."""
    models = {path.stem for path in (ROOT / "configs" / "model").glob("*.yaml")}
    return [name for name, words in ARMS.items() if words.split()[0].removeprefix("model=") in models]


def words_of(arm: str, seed: int, images: int, more: Sequence[str]) -> list[str]:
    """What follows `ganctl train`, but for where the run goes."""
    budget = [f"seed={seed}", f"training.images={images}"]
    return ["experiment=stacked_mnist", *ARMS[arm].split(), *budget, *FIXED.split(), *more]


def row_of(folder: Path) -> dict[str, object]:
    """How a run ended, how quick it was, and its modes."""
    path = folder / "summary.json"
    if not path.exists():
        return {"status": "failed"}
    summary = json.loads(path.read_text())
    kept = {key: summary.get(key) for key in ("status", "step", "seconds", "protocol")}
    return kept | {name: summary.get("scores", {}).get(f"{name}_stacked_digits") for name in SCORES}


def table(rows: Sequence[dict[str, object]]) -> str:
    """A line a run, and those of real images."""
    lines = [f"{'arm':16}{'seed':>5}{'images':>11}{'modes':>7}{'reverse KL':>12}"]
    for row in rows:
        shown = f"{row['arm']:16}{row['seed']:>5}{row['images']:>11,}"
        if row.get("modes") is None:
            lines.append(f"{shown}  {row['status']}")
            continue
        lines.append(f"{shown}{row['modes']:>7.0f}{row['reverse_kl']:>12.4f}")
    if real := next((row for row in rows if row.get("real_modes") is not None), None):
        lines.append(f"{'real images':16}{'':>16}{real['real_modes']:>7.0f}{real['real_reverse_kl']:>12.4f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", choices=known_arms(), default=known_arms())
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=1_000_000, help="budget of each run")
    parser.add_argument("--runs", type=Path, help="folder for the runs, kept; what is there is not run again")
    parser.add_argument("--words", nargs="*", default=[], help="more settings, as dataset.source=mnist")
    parser.add_argument("--no-page", action="store_true", help="leave the page of the documentation as it is")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    found = {"date": date.today().isoformat(), "machine": machine(), "images": arguments.images, "runs": rows}
    path = write_new(RESULTS / f"{date.today().isoformat()}-stacked-mnist.json", as_json(found).encode())
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.runs or Path(temporary)).absolute()
        for seed in arguments.seeds:
            for arm in arguments.arms:
                words = words_of(arm, seed, arguments.images, arguments.words)
                folder = root / f"{arm.replace(',', '').replace(' ', '_')}-{seed}"
                code = train(words, folder)
                about = {"command": " ".join(["ganctl train", *words]), "arm": arm, "seed": seed}
                rows.append(about | {"images": arguments.images} | row_of(folder))
                rows[-1] |= {} if code is None else {"exit_code": code}
                atomic_write_text(path, as_json(found))
                if not arguments.no_page:
                    put(PAGE, {"runs": table(rows)})
    print(table(rows))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
