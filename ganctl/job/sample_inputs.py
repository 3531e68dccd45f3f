"""What `ganctl sample` asks a generator for: classes, seeds, and the latents that follow from them."""

import contextlib
import itertools
import re
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganctl import checkpoint
from ganctl.bounded import read_json
from ganctl.contract import Given
from ganctl.forms import node, whole
from ganctl.trained import Trained

_LARGEST_SEED, _MOST_SEEDS = 2**32 - 1, 100_000
_INDIFFERENT = 1e-3  # of what other latents change: so little is rounding


def classes(config: DictConfig, trained: Trained) -> list[int]:
    """The class numbers asked for: all by default, none of an unconditional run. Names are understood too."""
    asked = config.classes
    asked = list(asked) if OmegaConf.is_list(asked) else [] if asked is None else [asked]
    number = trained.spec.num_classes or 0
    if not trained.is_conditional:
        if asked or config.per_class:
            key = f"classes={asked[0]}" if asked else f"per_class={config.per_class}"
            raise ValueError(
                f"{key}: {checkpoint.run_folder(trained.path)} was trained without labels, so it has no classes to ask "
                "for; train with conditional=true"
            )
        return []
    names = class_names(trained)
    chosen = []
    for label in asked or range(number):
        if str(label) in names:
            chosen.append(names.index(str(label)))
        elif isinstance(label, int) and 0 <= label < number:
            chosen.append(label)
        else:
            raise ValueError(f"classes={label}: there is no such class; choose from {', '.join(names)}")
    return chosen


def class_names(trained: Trained) -> list[str]:
    """The classes' names, or their numbers where they have none."""
    return list(map(str, trained.class_names)) or [str(label) for label in range(trained.spec.num_classes or 0)]


def source(config: DictConfig, trained: Trained, num_classes: int) -> tuple[list[int], int, dict[str, str]]:
    """The seeds to draw with, how many pictures in all, and a line that says so."""
    count = config.per_class * num_classes if config.per_class else config.num_images
    if config.seeds is not None:
        if config.seed is not None:
            raise ValueError(f"seed={config.seed}: seeds={config.seeds} is set as well; leave out one of the two")
        seeds = _seeds(config.seeds)
        return seeds, len(seeds), {"seeds": f"{_ranges(seeds)}, a picture of each"}
    if config.seed is not None:
        return [config.seed], count, {"seed": f"{config.seed}, its pictures 0 to {count - 1:,}"}
    own: Any = trained.config.get("seed")
    drawn: set[int | None] = set()
    for file in checkpoint.run_folder(trained.path).glob("drawn-*/sample.json"):
        with contextlib.suppress(ValueError):  # of no drawing that can be known
            drawn.add(whole((node(read_json(file)) or {}).get("seed")))
    first = own + 1 if isinstance(own, int) else 0  # the run itself has drawn with its own
    seed = next(number for number in itertools.count(first) if number not in drawn)
    return [seed], count, {"seed": f"{seed}, not drawn before; for the same pictures again: seed={seed}"}


def _seeds(asked: Any) -> list[int]:
    """The seeds of `0-63`, `7` or a list of such, in its order. Raises ValueError in one line."""
    seeds: list[int] = []
    for part in asked if OmegaConf.is_list(asked) else [asked]:
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", str(part))
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if not 0 <= first <= last <= _LARGEST_SEED or len(seeds) + last - first >= _MOST_SEEDS:
            text = f"seeds={part}: not a range of seeds, FIRST-LAST in [0, {_LARGEST_SEED}], of {_MOST_SEEDS:,} at most"
            raise ValueError(f"{text}; try seeds=0-63 or seeds=[3,7,20-29]")
        seeds += range(first, last + 1)
    if not seeds:
        raise ValueError("seeds=[]: names no seed; try seeds=0-63")
    return seeds


def _ranges(seeds: list[int]) -> str:
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds)) if len(seeds) <= 12 else f"{seeds[0]} ... {seeds[-1]}, {len(seeds):,} of them"


def given(trained: Trained, seeds: list[int], count: int, classes: list[int]) -> Given:
    """The samples 0 to `count` - 1 of one seed, or number 0 of each of several, the classes one after another."""
    samples = trained.drawer.task.samples
    rows = [samples(seed, 0, count // len(seeds)) for seed in seeds]
    given = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
    if classes:
        given["labels"] = torch.tensor(classes)[torch.arange(count) % len(classes)]
    return given


def check_truncation(limit: float | None, trained: Trained) -> None:
    """Raises ValueError, in one line, where there are no latents to truncate, or their size makes no difference."""
    if limit is None:
        return
    given = trained.drawer.task.samples(0, 0, 2)
    if "latents" not in given:
        raise ValueError(f"truncation={limit:g}: this generator has no latents; leave it out")
    near = {**given, "latents": given["latents"] / 2}
    images, nearer = trained.drawer.draw(given), trained.drawer.draw(near)
    others = (images[0] - images[1]).abs().max()
    if others > 0 and (images - nearer).abs().max() < _INDIFFERENT * others:
        raise ValueError(
            f"truncation={limit:g}: this generator brings all latents to one length, so that none is nearer to the "
            "middle than another; leave it out"
        )


def truncated(given: Given, limit: float | None, trained: Trained) -> Given:
    """The same with latents from N(0, 1) within [-limit, limit], but for those by which a generator only chooses."""
    if limit is None:
        return given
    choosing = getattr(trained.drawer.network, "choosing_latents", 0)
    latents = given["latents"]
    return {**given, "latents": torch.cat([latents[:, :choosing], within(latents[:, choosing:], limit)], dim=1)}


def within(latents: Tensor, limit: float) -> Tensor:
    """Draws (...) of N(0, 1) as draws of the same normal within [-limit, limit], the smaller the limit the nearer to 0.

    Brock et al. 2019 (arXiv:1809.11096, section 3.1), the truncation trick: what lies beyond a threshold is drawn
    again. We differ: with F the normal's distribution function, z becomes F^-1(F(-limit) + F(z) (1 - 2 F(-limit))),
    which has that same distribution, and keeps a picture recognisable as the limit changes.
    """
    size = latents.double().abs()
    below = torch.special.ndtr(torch.tensor(-limit, dtype=torch.double))
    inside = -torch.special.ndtri(below + torch.special.ndtr(-size) * (1 - 2 * below))
    return (inside.clamp(0, limit) * latents.sign()).to(latents.dtype)
