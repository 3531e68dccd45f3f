"""How quick judging is beside pytorch-fid, in turn and in one process: `python benchmarks/judging_speed.py`.

The Frechet distance of 2048-dimensional features, at full rank and with fewer images than dimensions, against its
`calculate_frechet_distance`; Inception's images per second against its network, with the same random weights.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from ganctl.contract import FeatureSet
from ganctl.evaluation.real import factor_of
from ganctl.evaluation.statistics import FeatureStatistics
from ganctl.feature.inception import Inception, unfilled_network
from ganctl.metric.frechet import frechet_distance

DIMENSIONS = 2048
MANY = 5000
FEW = (1000, DIMENSIONS)


def judging(rounds: int, batch: int = 50) -> dict[str, object]:
    """Every race; `rounds` of each, but at most three where pytorch-fid takes half a minute or more for one."""
    return frechet(min(rounds, 3)) | inception(rounds, batch)


def race(entrants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, object]:
    """Calls each entrant in turn, `rounds` times after one warm-up of all but the first; the first is the reference.

    Gives medians of seconds, and how many times as quick the others are: the median of the rounds' own ratios.
    """
    seconds: dict[str, list[float]] = {name: [] for name in entrants}
    reference, *others = entrants
    for name in others:
        entrants[name]()
    for _ in range(rounds):
        for name, entrant in entrants.items():
            begin = time.perf_counter()
            entrant()
            seconds[name].append(time.perf_counter() - begin)
    ratios = {
        name: statistics.median(a / b for a, b in zip(seconds[reference], seconds[name], strict=True))
        for name in others
    }
    return {
        "rounds": rounds,
        "seconds": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
        f"times as quick as {reference}": {name: round(ratio, 2) for name, ratio in ratios.items()},
    }


def frechet(rounds: int) -> dict[str, object]:
    """The distance at full rank, with and without the real side's cached factor, and with few images a side."""
    found: dict[str, object] = {}
    real = gathered(MANY, seed=1)
    cached = dataclasses.replace(real, factor=factor_of(real))
    for count in (MANY, *FEW):
        generated = gathered(count, seed=2)
        ways = {
            "pytorch-fid": lambda generated=generated: pytorch_fid_distance(generated, real),
            "ours": lambda generated=generated: frechet_distance(generated, real),
            "ours, cached factor": lambda generated=generated: frechet_distance(generated, cached),
        }
        found[f"Frechet, {DIMENSIONS} dimensions, {count} and {MANY} images"] = compared(ways, rounds)
    for count in FEW:
        one, other = gathered(count, seed=2), gathered(count, seed=3)
        ways = {
            "pytorch-fid": lambda one=one, other=other: pytorch_fid_distance(one, other),
            "ours": lambda one=one, other=other: frechet_distance(one, other),
        }
        found[f"Frechet, {DIMENSIONS} dimensions, {count} and {count} images"] = compared(ways, rounds)
    return found


def compared(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, object]:
    """A race of distances, and by how much ours differs; ours alone where pytorch-fid's cannot run."""
    own = ways["ours"]()
    try:
        theirs = ways["pytorch-fid"]()
    except (TypeError, ValueError) as error:
        alone = {name: way for name, way in ways.items() if name != "pytorch-fid"}
        return {"pytorch-fid": f"cannot run here: {error}"} | race(alone, rounds)
    return {"relative difference": abs(own - theirs) / theirs} | race(ways, rounds)


def gathered(count: int, seed: int) -> FeatureSet:
    """Correlated, unequally scaled, non-negative features, as networks give them, put together as evaluations do."""
    mixing = torch.randn(DIMENSIONS, DIMENSIONS, generator=torch.Generator().manual_seed(99)) / DIMENSIONS**0.5
    noise = torch.randn(count, DIMENSIONS, generator=torch.Generator().manual_seed(seed))
    features = (noise @ mixing * torch.logspace(0, -2, DIMENSIONS) + 0.01 * seed).relu()
    found = FeatureStatistics("inception")
    found.add(features, features[:, :0])
    return found.result()


def pytorch_fid_distance(first: FeatureSet, second: FeatureSet) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    with warnings.catch_warnings(), contextlib.redirect_stdout(None):  # it prints where a covariance is singular
        warnings.simplefilter("ignore", DeprecationWarning)
        means, covariances = (first.mean, second.mean), (first.covariance, second.covariance)
        (m1, m2), (c1, c2) = ([side.numpy() for side in sides] for sides in (means, covariances))
        return float(calculate_frechet_distance(m1, c1, m2, c2))


def inception(rounds: int, batch: int) -> dict[str, object]:
    """Features of `batch` images of 32x32 by our network in two precisions and by pytorch-fid's, weights the same."""
    images = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with tempfile.TemporaryDirectory() as folder, networks(Path(folder)) as (theirs, fp32, bf16):
        ways: dict[str, Callable[[], Tensor]] = {
            "pytorch-fid": lambda: features_of(theirs, images),
            "ours, fp32": lambda: fp32(images)[0],
            "ours, bf16": lambda: bf16(images)[0],
        }
        expected = ways["pytorch-fid"]()
        off = {name: float((way() - expected).abs().max() / expected.std()) for name, way in ways.items()}
        found = race(ways, rounds)
    seconds = found["seconds"]
    assert isinstance(seconds, dict)
    speeds = {name: round(batch / value, 2) for name, value in seconds.items()}
    told = {"images per second": speeds, "largest difference in standard deviations": off}
    return {f"Inception, batch {batch} of 32x32": found | told}


@torch.no_grad()
def features_of(network: nn.Module, images: Tensor) -> Tensor:
    """What pytorch-fid's network makes of images in [-1, 1]: (N, 2048)."""
    return network((images + 1) / 2)[0].flatten(1)


@contextlib.contextmanager
def networks(folder: Path) -> Iterator[tuple[nn.Module, Inception, Inception]]:
    """pytorch-fid's network and ours in both precisions, from one file of random weights with live activations."""
    from pytorch_fid import inception as theirs

    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for name, value in unfilled_network().state_dict().items():
        if value.ndim > 1:
            state[name] = torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        elif value.ndim == 1:
            middle = 1.0 if name.endswith(("bn.weight", "running_var")) else 0.0
            state[name] = torch.rand(value.shape, generator=generator) * 0.5 + middle - 0.25
    path = folder / "random.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    with mock.patch.object(theirs, "load_state_dict_from_url", lambda url, progress: state):
        network = theirs.InceptionV3([3]).eval()
    yield network, Inception(weights=str(path)), Inception(weights=str(path), precision="bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=50, help="images at a time for Inception")
    arguments = parser.parse_args()
    print(json.dumps(judging(arguments.rounds, arguments.batch), indent=2))


if __name__ == "__main__":
    main()
