"""How threads should wait for each other: `python -m benchmarks.waiting` times a training alone and beside a busy core.

The threads of OpenMP wait actively for some time before they sleep. That is quick while each has a core for itself;
where another program holds one, they burn the time that the thread they wait for needs. Each way to wait trains the
digits' default with a thread a core, in turn, alone and beside one program that never sleeps; the rows are medians of
the rounds, and their ratios to what OpenMP does by itself.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kept import speeds
from run import RESULTS, machine

from ganctl.files import as_json, write_new

WAYS = {
    "OpenMP's own": {"OMP_WAIT_POLICY": "", "GOMP_SPINCOUNT": ""},
    "passive": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": ""},
    **{f"{spins} spins": {"OMP_WAIT_POLICY": "", "GOMP_SPINCOUNT": str(spins)} for spins in (1000, 5000, 20_000)},
}
"""Environment variables by the name of the way; an empty one is left out."""
SETTINGS = [
    "dataset=mnist5k", "model=dcgan", "device=cpu", "final_fid.enabled=false", "tracker=[]", "output.log_every=2",
    "output.sample_early=false", "output.evaluate_every=null", "evaluation.final_images=2", "feature=pixels",
    "metric=[frechet]", "evaluation.num_real=2",
]  # fmt: skip


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many programs that never sleep."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def speed(variables: dict[str, str], seconds: float, others: int) -> float:
    """Images a second, the median of a training's lines but the first."""
    environment = os.environ | variables
    environment = {name: value for name, value in environment.items() if name not in variables or value}
    with tempfile.TemporaryDirectory() as folder, busy(others):
        words = [*SETTINGS, f"stop.max_minutes={seconds / 60}", f"hydra.run.dir={folder}/run"]
        command = [sys.executable, "-m", "ganctl", "train", *words]
        subprocess.run(command, check=True, capture_output=True, env=environment)
        each = speeds(Path(folder, "run"))
        return statistics.median(each[1:] or each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of each training")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    arguments = parser.parse_args()
    found: dict[str, object] = {"date": date.today().isoformat(), "machine": machine()}
    for others, name in ((0, "alone"), (1, "beside one busy program")):
        rounds = [
            {way: speed(WAYS[way], arguments.seconds, others) for way in arguments.ways}
            for _ in range(arguments.rounds)
        ]
        found[name] = {
            way: {
                "images_per_second": round(statistics.median(r[way] for r in rounds), 1),
                "ratio": round(statistics.median(r[way] / r[arguments.ways[0]] for r in rounds), 3),
            }
            for way in arguments.ways
        }
        print(as_json({name: found[name]}))
    path = write_new(RESULTS / f"{date.today().isoformat()}-waiting.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
