"""How well `feature=classifier` learns, and how soon: `python benchmarks/classifier.py --mnist ROOT --cifar ZIP`.

Runs `ganctl fid` as a user would, with an empty cache, and writes accuracy, time and the scores' protocol.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run import RESULTS, machine

from ganctl.files import as_json, write_new


def judged(first: str, second: str, *words: str) -> dict[str, object]:
    """What `ganctl fid FIRST SECOND feature=classifier WORDS` records, and the seconds that all of it took."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "scores.json"
        own = ["feature=classifier", "num_images=5000", f"cache={folder}/cache", f"output={output}"]
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ganctl", "fid", first, second, *own, *words], check=True)
        seconds = round(time.perf_counter() - begin, 1)
        found = json.loads(output.read_text())
    return {"words": list(words), "seconds_in_all": seconds, "scores": found["scores"], "protocol": found["protocol"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", required=True, help="folder that holds MNIST/raw, as torchvision lays it out")
    parser.add_argument("--cifar", help="zip of CIFAR-10 as pictures: train/CLASS/NAME, test/CLASS/NAME")
    arguments = parser.parse_args()
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    found["mnist:test against mnist5k"] = judged("mnist:test", "mnist5k", f"root={Path(arguments.mnist).absolute()}")
    if arguments.cifar:
        words = ("feature.precision=bf16",)
        found["CIFAR-10 test against train"] = judged(f"{arguments.cifar}/test", f"{arguments.cifar}/train", *words)
    for part in found.values():
        if isinstance(part, dict) and "words" in part:
            part["words"] = [word for word in part["words"] if not word.startswith("root=")]
    path = write_new(RESULTS / f"{date.today().isoformat()}-classifier.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
