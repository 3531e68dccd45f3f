"""How long the README's projects on pictures from pictures take on one core, from the processor seconds of some steps.

    python -m benchmarks.minutes --facades FACADES --paintings PAINTINGS --photos PHOTOS --emoji EMOJI

Processor seconds, as other work on the machine then decides little; evaluations and grids are not counted. FACADES has
`train` and `val`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import date
from itertools import islice
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import contenders
from run import RESULTS, machine

from ganctl import build
from ganctl.files import as_json, write_new

WARM_UP, STEPS = 3, 20
ADVERSARY = (
    *("discriminator=projected", "loss=hinge", "augment=[diffaugment]", "feature=efficientnet_lite2"),
    *("term=[l1,perceptual]", "training.images=4000"),
)


def minutes(words: list[str]) -> dict[str, float]:
    """Seconds of a step, and minutes of all of `ganctl train WORDS`."""
    config = contenders.configuration([*words, "device=cpu", "device.threads=1"])
    store = build.dataset(config).load()
    seconds, loop = [], contenders.steps(config, store)
    for _ in islice(loop, WARM_UP):
        pass
    for _ in range(STEPS):
        begin = time.process_time()
        next(loop)
        seconds.append(time.process_time() - begin)
    each, steps = statistics.median(seconds), build.total_steps(config, len(store.images))
    return {"seconds_per_step": round(each, 4), "steps": steps, "minutes": round(each * steps / 60, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("facades", "paintings", "photos", "emoji"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="a folder of pictures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    emoji = ["experiment=enlarge", f"dataset.path={given.emoji}", "dataset.resolution=64"]
    projects = {
        "pairs": ["experiment=pairs", f"dataset.path={given.facades / 'train'}", "dataset.side=right"],
        "restyle": ["experiment=restyle", f"dataset.path={given.paintings}", f"dataset.sources={given.photos}"],
        "enlarge, game=content": [*emoji, "game=content"],
        "enlarge, with an adversary": [*emoji, *ADVERSARY],
    }
    found = {
        "date": date.today().isoformat(),
        "machine": machine(),
        **{name: minutes(projects[name]) for name in projects},
    }
    print(write_new(RESULTS / f"{date.today()}-minutes.json", as_json(found).encode()))


if __name__ == "__main__":
    main()
