"""One run in one and in two processes, a thread each: images a second, and the share of twice the speed of one."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from kept import speeds

SETTINGS = [
    "model=dcgan_2016", "generator.width=64", "discriminator.width=64", "training.batch_size=128", "feature=pixels",
    "device=cpu", "device.threads=1", "final_fid.enabled=false", "tracker=[]", "output.log_every=4",
    "output.sample_early=false", "evaluation.num_images=128", "evaluation.final_images=128", "evaluation.num_real=128",
    "stop.score=fd_pixels", "metric=[frechet]",
]  # fmt: skip


def speed(number: int, steps: int) -> float:
    """The median of the images a second of a run of `number` processes, its first lines left out."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*SETTINGS, f"training.steps={steps}", f"device.processes={number}", f"hydra.run.dir={folder}/run"]
        subprocess.run([sys.executable, "-m", "ganctl", "train", *words], check=True, capture_output=True)
        return statistics.median(speeds(Path(folder, "run"))[2:])


def processes(rounds: int, steps: int) -> dict[str, object]:
    """Both in turn, `rounds` times; the share is the median of the rounds' own."""
    pairs = [(speed(1, steps), speed(2, steps)) for _ in range(rounds)]
    one, two = (statistics.median(values) for values in zip(*pairs, strict=True))
    share = statistics.median(two / (2 * one) for one, two in pairs)
    return {"images_per_second": {"1": round(one, 1), "2": round(two, 1)}, "share of ideal": round(share, 3)}
