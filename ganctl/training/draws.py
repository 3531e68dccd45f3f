"""Every random number of a run, as a function of (seed, what for, index): nothing is saved, nothing can drift."""

import numpy
import torch

from ganctl import collective

_TRAINING, _BUILDING = 0, 2  # 1 and 3 are for samples: ganctl.task


def seed_step(seed: int, step: int, attempt: int = 0) -> None:
    """Seeds the generators of torch and of `collective`, which draw this step's latents, perturbations and dropout.

    A run that goes back to an earlier step after a failure makes another `attempt`, so that it need not fail again.
    """
    collective.seed(_mix(seed, _TRAINING, step, *([attempt] if attempt else [])))


def seed_building(seed: int) -> None:
    """Seeds torch's global generators before the networks are initialised."""
    torch.manual_seed(_mix(seed, _BUILDING, 0))


def _mix(*numbers: int) -> int:
    return int(numpy.random.SeedSequence(numbers).generate_state(1, numpy.uint64)[0] >> numpy.uint64(1))
