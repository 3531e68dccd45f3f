"""Every random number of a run, as a function of (seed, what for, index): nothing is saved, nothing can drift."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor

_TRAINING, _SAMPLING, _BUILDING = 0, 1, 2


def seed_step(seed: int, step: int) -> None:
    """Seeds torch's global generators, which draw this step's latents, perturbations and dropout."""
    torch.manual_seed(_mix(seed, _TRAINING, step))


def seed_building(seed: int) -> None:
    """Seeds torch's global generators before the networks are initialised."""
    torch.manual_seed(_mix(seed, _BUILDING, 0))


def sample_inputs(
    seed: int, start: int, count: int, latent_size: int, class_counts: list[int] | None
) -> tuple[Tensor, Tensor]:
    """Latents (count, latent_size) and labels (count,) of the samples `start`, `start` + 1, ... of `seed`, on the CPU.

    Sample i is a function of (seed, i) alone, so it is the same picture in any batch. Labels follow the frequencies
    in `class_counts`; they are 0 where that is None.
    """
    latents = numpy.empty((count, latent_size), numpy.float32)
    labels = numpy.zeros(count, numpy.int64)
    bounds = numpy.cumsum(class_counts) / numpy.sum(class_counts) if class_counts else None
    for row in range(count):
        generator = numpy.random.default_rng([seed, _SAMPLING, start + row])
        generator.standard_normal(out=latents[row], dtype=numpy.float32)
        if bounds is not None:
            labels[row] = min(int(numpy.searchsorted(bounds, generator.random(), side="right")), len(bounds) - 1)
    return torch.from_numpy(latents), torch.from_numpy(labels)


def asked_labels(seed: int, count: int, latent_size: int, class_counts: list[int] | None) -> Tensor | None:
    """The labels (count,) of the samples 0, 1, ... of `seed`; None where no class is asked for."""
    return sample_inputs(seed, 0, count, latent_size, class_counts)[1] if class_counts else None


def _mix(seed: int, purpose: int, index: int) -> int:
    return int(numpy.random.SeedSequence([seed, purpose, index]).generate_state(1, numpy.uint64)[0] >> numpy.uint64(1))
