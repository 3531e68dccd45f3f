"""What may be wrong with a run, seen in its records alone, each with what to type against it.

Rules of thumb, not proofs: every threshold is a named constant with its reason, and every finding shows its numbers.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ganctl.report import cures
from ganctl.report.facts import (
    UNFINISHED,
    budget,
    has_probabilities,
    last_step,
    names_of,
    resuming,
    series,
    status,
    total_steps,
)
from ganctl.report.health_scores import (
    LEVELS,
    SCORE_CHECKS,
    Finding,
    collapsed,
    copying,
    declining,
    narrowing,
    worsened,
)
from ganctl.report.health_signs import (
    SIGN_CHECKS,
    STEPS_OF_TROUBLE,
    gradients_stray,
    is_long,
    out_of_range,
    saturated,
    sound_until,
    variety_lost,
)
from ganctl.report.recorded import Recorded

FEWEST_LINES = 10  # of losses: below it a fifth of the curve is one or no value, and says nothing
SURE_OF_REAL, SURE_OF_FAKE = 0.95, 0.05  # the cross-entropy of either is then below 0.05, its gradient nearly gone
BLIND_GAP = 0.05  # D(real) - D(fake) over the last fifth: below it next to nothing is told apart
RATE_IS_NOUGHT = 1e-4  # share of the peak below which a learning rate trains nothing; ganctl's schedules end at 0.01
EXPLODED = 1000.0  # times the first loss, or 1: what was saved from there on is finite, and yet good for nothing
SLOWER = 0.7  # last fifth against first half: a third less is more than the usual variation of a busy machine

_SUSPECTS = {"learning rate": "optimizer.lr", "precision": "device.precision"}  # of a value that is no number
Value = TypeVar("Value")


def health(run: Recorded) -> list[Finding]:
    """All findings on a run, the grave ones first."""
    findings = [finding for check in (*CHECKS, *SIGN_CHECKS, *SCORE_CHECKS) for finding in check(run)]
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def troubles(run: Recorded) -> list[tuple[str, Finding]]:
    """The warnings that hold of a run at this moment of its training, each with its name in `LIVE`."""
    is_early = len(run.scores) < 2 or last_step(run) < STEPS_OF_TROUBLE  # who has hardly learned draws few classes
    live = [(name, check) for name, checks in LIVE.items() for check in checks if not (is_early and name == "classes")]
    return [(name, finding) for name, check in live for finding in check(run) if finding.level != "note"]


def not_finite(run: Recorded) -> Iterator[Finding]:
    curves = {name: zip(*series(run.losses, name), strict=True) for name in names_of(run.losses)}
    bad = [(step, name) for name, curve in curves.items() for step, value in curve if not math.isfinite(value)]
    if not bad and status(run) != "diverged":
        return
    step, name = min(bad, default=(float(last_step(run)), "a loss or a weight"))
    config = run.flat_config()
    settings = [f"{name} {config.get(key, 'unknown')}" for name, key in _SUSPECTS.items()]
    yield Finding(
        "error",
        "A loss or a weight became not-a-number",
        f"{name} was no finite number at step {step:,.0f}; {', '.join(settings)}",
        cures.calmer_training(config),
        _before_explosion(run, step),
    )


def unfinished(run: Recorded) -> Iterator[Finding]:
    ended = status(run)
    if ended not in (UNFINISHED, "interrupted"):
        return
    why = "it was interrupted" if ended == "interrupted" else "it has no summary: it was killed, or still trains"
    total = total_steps(run)
    yield Finding(
        "warning" if ended == "interrupted" else "note",
        "The run is not finished",
        f"{why}; step {last_step(run):,} of {f'{total:,}' if total else budget(run)}",
        resuming(run),
    )


def discriminator_wins(run: Recorded) -> Iterator[Finding]:
    """It is sure of real and generated images alike, and has been for long, or was at some time of the run."""
    lines = _probabilities(run)
    stretches = [list(stretch) for is_sure, stretch in itertools.groupby(lines, _is_sure) if is_sure]
    long = [stretch for stretch in stretches if is_long(run, stretch)]
    if not long:
        return
    goes_on = long[-1][-1] == lines[-1]
    stretch = long[-1] if goes_on else max(long, key=lambda stretch: stretch[-1][0] - stretch[0][0])
    real, fake = (statistics.fmean(line[column] for line in stretch) for column in (1, 2))
    yield Finding(
        "warning" if goes_on else "note",
        "The discriminator wins" + ("" if goes_on else " (for a time)"),
        f"from step {stretch[0][0]:,.0f} to {stretch[-1][0]:,.0f} D(real) is {real:.3f} and D(fake) {fake:.3f}",
        cures.weaker_discriminator(run.flat_config()),
        sound_until([line[0] for line in lines], stretch[0][0]),
    )


def discriminator_lost(run: Recorded) -> Iterator[Finding]:
    """The discriminator tells nothing apart; theory's goal if the score is good, a standstill if it is not."""
    lines = _probabilities(run)
    if len(lines) < FEWEST_LINES:
        return
    real, fake = (statistics.fmean(line[column] for line in _last_fifth(lines)) for column in (1, 2))
    if not real - fake <= BLIND_GAP:
        return
    decline = worsened(run)
    yield Finding(
        "warning" if decline else "note",
        "The discriminator tells nothing apart",
        f"over the last fifth D(real) is {real:.3f} and D(fake) {fake:.3f}, {real - fake:.3f} apart",
        cures.stronger_discriminator(run.flat_config()),
        decline[1] if decline else 0,
    )


def learning_rate_nought(run: Recorded) -> Iterator[Finding]:
    """It trained with a learning rate of nought, from the start or at the end."""
    steps, rates = series(run.losses, "learning_rate")
    peak = max(rates, default=0.0)
    nought = [step for step, rate in zip(steps, rates, strict=True) if rate <= RATE_IS_NOUGHT * peak]
    if not nought or (peak > 0 and len(nought) < len(_last_fifth(rates)) and nought[0] != steps[-1]):
        return
    scheduler = str(run.flat_config().get("scheduler._target_")).rpartition(".")[2]
    yield Finding(
        "warning",
        "The learning rate is nought",
        f"{len(nought)} of {len(rates)} lines, from step {nought[0]:,.0f} on, have a learning rate of at most "
        f"{RATE_IS_NOUGHT * peak:.2g}; the highest is {peak:.2g}, the scheduler {scheduler or 'unknown'}",
        cures.rate_above_nought(run.flat_config(), peak),
    )


def slowed(run: Recorded) -> Iterator[Finding]:
    _, speeds = series(run.losses, "images_per_second")
    if len(speeds) < 2 * FEWEST_LINES:
        return
    early, late = statistics.median(speeds[1 : len(speeds) // 2]), statistics.median(_last_fifth(speeds))
    if late < SLOWER * early:
        yield Finding(
            "note",
            "It became slower",
            f"{early:,.0f} images a second in the first half, {late:,.0f} in the last fifth",
            "",
        )


CHECKS = (not_finite, unfinished, discriminator_wins, discriminator_lost, learning_rate_nought, slowed)
LIVE: Mapping[str, Sequence[Callable[[Recorded], Iterator[Finding]]]] = {
    "finite": (not_finite,),
    "gradients": (gradients_stray,),
    "saturation": (saturated,),
    "range": (out_of_range,),
    "variety": (variety_lost, narrowing),
    "discriminator": (discriminator_wins, discriminator_lost),
    "score": (declining,),
    "classes": (collapsed,),
    "copies": (copying,),
    "rate": (learning_rate_nought,),
}
"""What holds of a run already while it trains, by the names that `health.act_on` takes."""


def _before_explosion(run: Recorded, step: float) -> float:
    """The last step of which nothing tells that `step` will have no finite numbers: what is saved is finite anyway."""
    sound = step - 1
    for name in names_of(run.losses):
        if name in ("d_loss", "g_loss") or name.startswith("gradient_"):
            steps, values = series(run.losses, name)
            most = EXPLODED * max(1.0, abs(values[0]))
            large = [step for step, value in zip(steps, values, strict=True) if not abs(value) <= most]
            sound = min(sound, sound_until(steps, large[0])) if large else sound
    return max(0.0, sound)


def _last_fifth(values: Sequence[Value]) -> Sequence[Value]:
    """At least one value."""
    return values[-max(1, len(values) // 5) :]


def _is_sure(line: tuple[float, float, float]) -> bool:
    _, real, fake = line
    return real >= SURE_OF_REAL and fake <= SURE_OF_FAKE


def _probabilities(run: Recorded) -> list[tuple[float, float, float]]:
    """Step, D(real) and D(fake) of each line that has finite ones; none where the loss's logits mean something else."""
    if not has_probabilities(run):
        return []
    curves = [dict(zip(*series(run.losses, name), strict=True)) for name in ("d_real", "d_fake")]
    lines = [(step, real, curves[1].get(step, math.nan)) for step, real in curves[0].items()]
    return [line for line in lines if all(map(math.isfinite, line))]
