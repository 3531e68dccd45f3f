"""What data cost a training: `python -m benchmarks.feeding`.

Memory: a synthetic packed data set of 64x64 colour images is opened and fed from, with 20,000 images and with 200,000,
each in a process of its own, whose own memory (Linux's RssAnon, without the pages of the file that the system may take
back) should not grow with the number. Time: the share of a training step that making its batch takes, in seconds of
CPU, which other work on the machine does not change.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).parent))
import contenders

from ganctl import build
from ganctl.contract import DataSpec, ImageStore
from ganctl.dataset.store import Content, packed
from ganctl.training.device import Device
from ganctl.training.feed import Feed
from ganctl.training.loop import train

SPEC = DataSpec("synthetic", (3, 64, 64), None)
COUNTS = (20_000, 200_000)
BATCHES = 200
_BLOCK = 2000


def synthetic(count: int, cache: str) -> ImageStore:
    """So many images, packed in the folder `cache` at the first call."""

    def blocks() -> Iterator[numpy.ndarray]:
        pixels = numpy.random.default_rng(0).integers(0, 256, (_BLOCK, *SPEC.image_shape), dtype=numpy.uint8)
        for _ in range(0, count, _BLOCK):
            yield pixels

    read = lambda: Content(numpy.zeros(count, numpy.int64), blocks())  # noqa: E731
    return packed(SPEC, key={"count": count}, read=read, cache=cache)


def own_mib() -> float:
    """Memory of this process that no file holds as well, in MiB."""
    found = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None, "Linux only"
    return int(found[1]) / 1024


def feed_from(count: int, cache: str) -> dict[str, float]:
    """What opening so many images and making `BATCHES` batches takes of memory, in this process."""
    before = own_mib()
    feed = Feed(synthetic(count, cache), Device(torch.device("cpu")), batch_size=32, seed=0, flip=True)
    for number in range(BATCHES):
        feed.batch(number)
    return {"own_mib": round(own_mib(), 1), "more_than_before_mib": round(own_mib() - before, 1)}


def memory() -> dict[str, object]:
    """`feed_from` for each of `COUNTS`, in processes of their own, and the larger over the smaller."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as cache:
        for count in COUNTS:
            synthetic(count, cache)
            command = [sys.executable, "-m", "benchmarks.feeding", "--count", str(count), "--cache", cache]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[f"{count:,} images"] = json.loads(done.stdout)
    own = [facts["own_mib"] for facts in found.values()]  # type: ignore[index]
    return found | {"ratio": round(own[1] / own[0], 3)}


def share(model: str, steps: int = 8) -> dict[str, float]:
    """CPU seconds of a step of `model` at 64x64, of making its batch, and the second over the first."""
    torch.set_num_threads(1)
    words = ["dataset=crops", f"model={model}", "device=cpu", "device.threads=1", "training.flip=true"]
    config = contenders.configuration(words)
    batch = config.training.batch_size
    with tempfile.TemporaryDirectory() as cache:
        store = synthetic(COUNTS[0], cache)
        device, task = build.device(config), build.task(config, store.spec)
        game = build.game(config, task)
        feed = Feed(store, device, batch_size=batch, seed=0, flip=True)
        state = build.state(config, game, task, device)
        loop = train(state, game, device, feed, build.scheduler(config), 10**9, seed=0)
        next(loop)
        step = cpu_seconds(lambda number: next(loop), steps)
        fed = cpu_seconds(feed.batch, BATCHES) * game.batches_per_step
    return {"batch": batch, "step_s": round(step, 4), "batches_s": round(fed, 6), "share": round(fed / step, 5)}


def cpu_seconds(work: Callable[[int], object], times: int) -> float:
    """The median of the CPU seconds that `work` takes of this process."""
    found = []
    for number in range(times):
        begin = time.process_time()
        work(number)
        found.append(time.process_time() - begin)
    return statistics.median(found)


def feeding() -> dict[str, object]:
    """Memory, and the share of a step, for the model of colour pictures and for the quickest step that there is."""
    shares = {model: share(model) for model in ("projected", "dcgan_2016")}
    return {"memory of a feed, 64x64 colour": memory(), "share of a step spent on its batch, 64x64 colour": shares}


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="only the memory of so many images, in this process")
    parser.add_argument("--cache", help="folder that holds them packed")
    arguments = parser.parse_args()
    found = feed_from(arguments.count, arguments.cache) if arguments.count else feeding()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
