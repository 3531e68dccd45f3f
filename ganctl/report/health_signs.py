"""What may be wrong with a run, seen in its gradients and in the batches that its generator drew while it trained."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ganctl.report import cures
from ganctl.report.facts import names_of, series, total_steps
from ganctl.report.health_scores import Finding
from ganctl.report.recorded import Recorded

STEPS_OF_TROUBLE, LINES_OF_TROUBLE = 300, 4  # in a row, or half of a shorter run: many a run begins so, and recovers
FEWEST_BEFORE = 5  # lines that say what is usual
STRAY = 100.0  # times the usual norm of a gradient: penalties that are due now and then make it up to 16 times as large
SATURATED = 0.75  # share of the midtones that is missing; a good run has lost none of them, one that explodes all
OUT_OF_RANGE = 0.05  # share of the values; a network without tanh leaves less than a hundredth outside
VARIED, ALIKE = 0.5, 0.3  # as multiples of the real images' variety: what a run had, and what it then sank below

_GRADIENT = "gradient_"  # and the side: the norm of its gradient, as a log names it
_STRAYED: Sequence[tuple[str, Callable[[tuple[float, float]], bool], Callable[..., str]]] = (
    ("A gradient explodes", lambda line: line[1] > STRAY, cures.calmer_training),
    ("A gradient vanishes", lambda line: line[1] < 1 / STRAY, cures.teaching_discriminator),
)
Value = TypeVar("Value")


def gradients_stray(run: Recorded) -> Iterator[Finding]:
    """A side's gradient has become a hundred times as large, or as small, as it was."""
    for name in [name for name in names_of(run.losses) if name.startswith(_GRADIENT)]:
        steps, norms = finite(*series(run.losses, name))
        usual = statistics.median(norms[:-LINES_OF_TROUBLE] or [0.0])
        if len(norms) < FEWEST_BEFORE + LINES_OF_TROUBLE or not usual:
            continue
        for title, has_strayed, cure in _STRAYED:
            stretch = last_stretch([(step, norm / usual) for step, norm in zip(steps, norms, strict=True)], has_strayed)
            if len(stretch) >= LINES_OF_TROUBLE:
                yield Finding(
                    "warning",
                    f"{title} ({name.removeprefix(_GRADIENT)})",
                    f"its norm is {norms[-1]:.2g} at step {steps[-1]:,.0f}, and was {usual:.2g} as a rule",
                    cure(run.flat_config()),
                    sound_until(steps, stretch[0][0]),
                )


def saturated(run: Recorded) -> Iterator[Finding]:
    yield from _lasting(
        run,
        "saturation",
        lambda share: share >= SATURATED,
        "The pictures are black and white only",
        "{:.0%} of the midtones of real images are missing in generated ones",
        cures.calmer_training,
    )


def out_of_range(run: Recorded) -> Iterator[Finding]:
    yield from _lasting(
        run,
        "out_of_range",
        lambda share: share >= OUT_OF_RANGE,
        "Pixels out of range",
        "{:.0%} of the generated values lie beyond [-1, 1] by more than a tenth",
        cures.calmer_training,
    )


def variety_lost(run: Recorded) -> Iterator[Finding]:
    """Generated images differ much less from each other than they did, and than real ones do."""
    if max(finite(*series(run.losses, "variety"))[1], default=0.0) >= VARIED:
        yield from _lasting(
            run,
            "variety",
            lambda ratio: ratio < ALIKE,
            "Mode collapse: a batch of pictures is alike",
            "generated images differ from each other {:.2f} times as much as real ones do",
            cures.variety,
        )


SIGN_CHECKS = (gradients_stray, saturated, out_of_range, variety_lost)


def is_long(run: Recorded, lines: Sequence[tuple[float, ...]]) -> bool:
    """Whether these lines in a row, each with its step first, are a trouble and no passing phase."""
    length = total_steps(run) or max(series(run.losses, "d_loss")[0], default=0.0)
    return len(lines) >= LINES_OF_TROUBLE and lines[-1][0] - lines[0][0] >= min(STEPS_OF_TROUBLE, length / 2)


def last_stretch(lines: Sequence[Value], is_bad: Callable[[Value], bool]) -> Sequence[Value]:
    """The lines at the end of which all are bad."""
    count = next((place for place, line in enumerate(reversed(lines)) if not is_bad(line)), len(lines))
    return lines[len(lines) - count :]


def sound_until(steps: Sequence[float], first: float) -> float:
    """The last of the steps before the `first` bad one; 0 where there is none."""
    return max((step for step in steps if step < first), default=0.0)


def finite(steps: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """The points of a curve that are numbers."""
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    return [step for step, _ in points], [value for _, value in points]


def _lasting(
    run: Recorded,
    name: str,
    is_bad: Callable[[float], bool],
    title: str,
    evidence: str,
    cure: Callable[..., str],
) -> Iterator[Finding]:
    """A finding where the quantity `name` is bad at the end, and has been for long; `evidence` takes its mean."""
    steps, values = finite(*series(run.losses, name))
    stretch = last_stretch(list(zip(steps, values, strict=True)), lambda line: is_bad(line[1]))
    if stretch and is_long(run, stretch):
        said = evidence.format(statistics.fmean(value for _, value in stretch))
        yield Finding(
            "warning",
            title,
            f"from step {stretch[0][0]:,.0f} to {stretch[-1][0]:,.0f} {said}",
            cure(run.flat_config()),
            sound_until(steps, stretch[0][0]),
        )
