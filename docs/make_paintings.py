"""Types the commands of paintings.md on a folder of pictures, and puts what came of them into the page.

    python docs/make_paintings.py PICTURES [--run RUN]
    python docs/make_paintings.py PICTURES --large RUN

Pictures and scores of the page and the record in benchmarks/results are of one run: of RUN, if the page's command has
made it already, else of a new one, which takes some twenty minutes. With --large the page's section on 128 pixels alone
is made anew, of a run that there is.
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
from blocks import put
from PIL import Image, ImageSequence

from ganctl.files import as_json, write_new

DOCS = Path(__file__).resolve().parent
PAGE, PICTURES, RESULTS = DOCS / "paintings.md", DOCS / "pictures", DOCS.parent / "benchmarks" / "results"
FRAMES = 8  # of a walk, side by side
FRAME = 132  # pixels a side of one
SCORES = ("fd", "kd", "precision", "recall", "copies", "duplicates", "nearest", "style", "perceptual", "ssim")
PLACES = ("dataset.path=", "output.root=", "tag=")
TRAIN = ["experiment=art", "dataset.path=paintings"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="the folder that the page calls paintings")
    parser.add_argument("--run", type=Path, help="a run of the page's command, or one of its checkpoints")
    parser.add_argument("--large", type=Path, metavar="RUN", help="a run of the page's command at 128 pixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        if arguments.large:
            of_128_pixels(arguments.large.resolve(), home)
        else:
            of_64_pixels(arguments.pictures, arguments.run, home)


def of_64_pixels(pictures: Path, made: Path | None, home: Path) -> None:
    """All else: pictures, scores and record of a run that is `made`, or made here."""
    (home / "paintings").symlink_to(pictures.resolve())
    checked = typed(home, "data", "check", "paintings", "resolution=64")
    made = made.resolve() if made else trained(home)
    run = made.parents[1] if made.is_file() else made
    typed(home, "evaluate", str(made), "feature=efficientnet_lite2", "metric=all", "num_images=1000")
    typed(home, "sample", str(made), "seed=1", "output=grid")
    typed(home, "sample", str(made), "seeds=[1,2,3]", f"interpolate={3 * FRAMES}", "output=walk")
    draw(run, home)
    put(PAGE, {"check": checked, "scores": table(run)})
    print(f"written: {PAGE.name} and {written(run, 'art')}")


def of_128_pixels(run: Path, home: Path) -> None:
    """The section's picture, scores and record."""
    typed(home, "evaluate", str(run), "feature=efficientnet_lite2", "metric=all", "num_images=1000")
    typed(home, "sample", str(run), "seed=1", "num_images=36", "output=grid")
    (grid,) = (home / "grid").rglob("*.png")
    webp(Image.open(grid), PICTURES / "paintings_128.webp")
    put(PAGE, {"scores at 128 pixels": table(run)})
    print(f"written: {PAGE.name} and {written(run, 'art-128')}")


def written(run: Path, name: str) -> Path:
    return write_new(RESULTS / f"{date.today()}-{name}.json", as_json(record(run)).encode())


def typed(home: Path, *words: str) -> str:
    """What `ganctl WORDS` prints, typed in `home`."""
    command = [sys.executable, "-m", "ganctl", *words]
    return subprocess.run(command, cwd=home, check=True, text=True, stdout=subprocess.PIPE).stdout


def trained(home: Path) -> Path:
    typed(home, "train", *TRAIN, "final_fid.enabled=false")
    (run,) = home.glob("outputs/*/*")
    return run


def draw(run: Path, home: Path) -> None:
    """The page's pictures: a grid, the paintings beside it, a walk, samples over the nearest paintings."""
    (grid,) = (home / "grid").rglob("*.png")
    (walk,) = (home / "walk").rglob("*.gif")
    nearest = sorted(run.glob("scores-*.png"))[-1]
    webp(Image.open(grid), DOCS / "paintings.webp")
    webp(Image.open(run / "samples" / "real.png"), PICTURES / "paintings_real.webp")
    webp(Image.open(nearest), PICTURES / "paintings_nearest.webp")
    frames = [frame.convert("RGB").resize((FRAME, FRAME)) for frame in ImageSequence.Iterator(Image.open(walk))]
    chosen = frames[:: max(1, len(frames) // (2 * FRAMES))][: 2 * FRAMES]
    width, height = chosen[0].size
    strip = Image.new("RGB", (FRAMES * width, 2 * height), "white")
    for number, frame in enumerate(chosen):
        strip.paste(frame, (number % FRAMES * width, number // FRAMES * height))
    webp(strip, PICTURES / "paintings_walk.webp")


def webp(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").save(path, quality=80, method=6)


def scores(run: Path) -> dict[str, object]:
    """The last evaluation's draw, as recorded."""
    (draw,) = json.loads(sorted(run.glob("scores-*.json"))[-1].read_text())["draws"]
    return draw


def table(run: Path) -> str:
    """The scores that the page shows, a line each."""
    shown = {name: value for name, value in scores(run)["scores"].items() if name.partition("_")[0] in SCORES}
    return "\n".join(f"{name:42} {value:.3g}" for name, value in shown.items())


def record(run: Path) -> dict[str, object]:
    """What was typed, how long it took, on what machine, and what came of it."""
    overrides = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
    summary = json.loads((run / "summary.json").read_text())
    kept = {key: summary[key] for key in ("status", "step", "images", "seconds", "best_step") if key in summary}
    judged, environment = scores(run), json.loads((run / "environment.json").read_text())
    return {
        "command": " ".join(["ganctl train", *(word for word in overrides if not word.startswith(PLACES))]),
        "machine": {key: environment[key] for key in ("python", "packages", "platform", "cpu", "device")},
        **kept,
        "checkpoint_step": json.loads(sorted(run.glob("scores-*.json"))[-1].read_text())["step"],
        "scores": judged["scores"],
        "protocol": judged["protocol"],
    }


if __name__ == "__main__":
    main()
