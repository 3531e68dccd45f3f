"""What may be wrong with a run, seen in its records alone, each with what to type against it.

Rules of thumb, not proofs: every threshold is a named constant with its reason, and every finding shows its numbers.
"""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Callable, Iterator

from ganctl.report.facts import (
    UNFINISHED,
    budget,
    last_step,
    names_of,
    number,
    series,
    status,
    total_steps,
)
from ganctl.report.finding import Finding, tail
from ganctl.report.health_scores import SCORE_CHECKS, penalty, worsened
from ganctl.report.recorded import Recorded

FEWEST_LINES = 10
"""Lines of losses below which a fifth of the curve is one or no value, and says nothing."""

SURE_OF_REAL, SURE_OF_FAKE = 0.95, 0.05
"""D(real) above and D(fake) below: the cross-entropy of either is then below 0.05 and its gradient nearly gone."""

LOSS_GROWTH = 1.1
"""The generator's loss of the last fifth against the fifth before: growing by more than noise between equal halves."""

BLIND_GAP = 0.05
"""D(real) - D(fake) below it, averaged over a fifth of the run: the discriminator tells next to nothing apart."""

RATE_IS_NOUGHT = 1e-4
"""Share of the peak below which a learning rate trains nothing; schedules of ganctl end at 0.01."""

SLOWER = 0.7
"""Speed of the last fifth against the first half: a third less is more than the usual variation of a busy machine."""

PROBABILITIES = ("NonSaturating", "Minimax")
"""Losses whose logits, through a sigmoid, are the probability of being real; D(real) means nothing with the others."""

HIGHEST_RATE, USUAL_RATE = 0.01, 2e-4
"""No published GAN trains with a learning rate above the first; the second is DCGAN's."""

_LEVELS = ("error", "warning", "note")


def health(run: Recorded) -> list[Finding]:
    """All findings on a run, the grave ones first."""
    findings = [finding for check in (*CHECKS, *SCORE_CHECKS) for finding in check(run)]
    return sorted(findings, key=lambda finding: _LEVELS.index(finding.level))


def not_finite(run: Recorded) -> Iterator[Finding]:
    """It ended because a loss or weight was no number any more."""
    bad = [
        (step, name)
        for name in names_of(run.losses)
        for step, value in zip(*series(run.losses, name), strict=True)
        if not math.isfinite(value)
    ]
    if not bad and status(run) != "diverged":
        return
    step, name = min(bad, default=(float(last_step(run)), "a loss or a weight"))
    rate = number(run.flat_config().get("optimizer.lr"))
    precision = run.flat_config().get("device.precision")
    lower = USUAL_RATE if rate is None or rate > HIGHEST_RATE else rate / 4
    cure = ["training.clip_norm=1", f"optimizer.lr={lower:.2g}"]
    if precision not in (None, "fp32"):
        cure.append("device.precision=fp32")
    yield Finding(
        "error",
        "A loss or a weight became not-a-number",
        f"{name} was no finite number at step {step:,.0f}; learning rate {rate or 'unknown'}, "
        f"precision {precision or 'unknown'}",
        "Usually the learning rate is too high, or a gradient exploded.",
        " ".join(cure),
    )


def unfinished(run: Recorded) -> Iterator[Finding]:
    """It was interrupted or killed and can go on."""
    ended = status(run)
    if ended not in (UNFINISHED, "interrupted"):
        return
    state = "it was interrupted" if ended == "interrupted" else "it has no summary: it was killed, or still trains"
    total = total_steps(run)
    yield Finding(
        "warning" if ended == "interrupted" else "note",
        "The run is not finished",
        f"{state}; step {last_step(run):,} of {f'{total:,}' if total else budget(run)}",
        "Going on is exact: the result is the same as without the interruption.",
        f"ganctl train --resume {shlex.quote(str(run.folder))}",
    )


def discriminator_wins(run: Recorded) -> Iterator[Finding]:
    """The discriminator is right about everything, and the generator's loss grows."""
    real, fake = _tail_mean(run, "d_real"), _tail_mean(run, "d_fake")
    if real is None or fake is None or not _has_probabilities(run) or real < SURE_OF_REAL or fake > SURE_OF_FAKE:
        return
    _, losses = series(run.losses, "g_loss")
    length = max(1, len(losses) // 5)
    late, before = statistics.fmean(losses[-length:]), statistics.fmean(losses[-2 * length : -length])
    saturating = str(run.flat_config().get("loss._target_")).endswith("Minimax")
    if not saturating and late < LOSS_GROWTH * before:
        return
    rate = number(run.flat_config().get("optimizer.discriminator.lr"))
    slower = f" optimizer.discriminator.lr={rate / 4:.2g}" if rate else ""
    yield Finding(
        "warning",
        "The discriminator wins",
        f"over the last fifth D(real) is {real:.3f} and D(fake) {fake:.3f}; the generator's loss went from "
        f"{before:.3g} to {late:.3g}",
        "The generator learns little from a judge that is always right: slow the discriminator down or smooth it.",
        f"{penalty(run)}{slower}",
    )


def discriminator_lost(run: Recorded) -> Iterator[Finding]:
    """The discriminator tells nothing apart; theory's goal if the score is good, a standstill if it is not."""
    real, fake = _tail_mean(run, "d_real"), _tail_mean(run, "d_fake")
    if real is None or fake is None or not _has_probabilities(run) or real - fake > BLIND_GAP:
        return
    grave = worsened(run) is not None
    rate = number(run.flat_config().get("optimizer.generator.lr"))
    yield Finding(
        "warning" if grave else "note",
        "The discriminator tells nothing apart",
        f"over the last fifth D(real) is {real:.3f} and D(fake) {fake:.3f}, {real - fake:.3f} apart",
        "Theory's goal if the pictures are good; if not, the discriminator is too weak: more of its updates, a larger "
        "one, or a slower generator.",
        "training.discriminator_steps=2" + (f" optimizer.generator.lr={rate / 2:.2g}" if rate else ""),
    )


def learning_rate_nought(run: Recorded) -> Iterator[Finding]:
    """It trained with a learning rate of nought, from the start or at the end."""
    steps, rates = series(run.losses, "learning_rate")
    if not rates:
        return
    peak = max(rates)
    nought = [step for step, rate in zip(steps, rates, strict=True) if rate <= RATE_IS_NOUGHT * peak]
    if not nought or (peak > 0 and len(nought) < len(tail(rates)) and nought[0] != steps[-1]):
        return
    scheduler = str(run.flat_config().get("scheduler._target_")).rpartition(".")[2]
    yield Finding(
        "warning",
        "The learning rate is nought",
        f"{len(nought)} of {len(rates)} lines, from step {nought[0]:,.0f} on, have a learning rate of at most "
        f"{RATE_IS_NOUGHT * peak:.2g}; the highest is {peak:.2g}",
        f"Steps with it change nothing. The scheduler is {scheduler or 'unknown'}.",
        "scheduler=cosine scheduler.final=0.01" if peak > 0 else "optimizer.lr=2e-4",
    )


def slowed(run: Recorded) -> Iterator[Finding]:
    """It trained more slowly at the end than at the start."""
    _, speeds = series(run.losses, "images_per_second")
    if len(speeds) < 2 * FEWEST_LINES:
        return
    early, late = statistics.median(speeds[1 : len(speeds) // 2]), statistics.median(tail(speeds))
    if late >= SLOWER * early:
        return
    yield Finding(
        "note",
        "It became slower",
        f"{early:,.0f} images a second in the first half, {late:,.0f} in the last fifth",
        "Another program on the machine, or a processor that grew hot; the scores are the same whatever the speed.",
        "device.threads=4",
    )


CHECKS: tuple[Callable[[Recorded], Iterator[Finding]], ...] = (
    *(not_finite, unfinished, discriminator_wins, discriminator_lost, learning_rate_nought, slowed),
)


def _tail_mean(run: Recorded, name: str) -> float | None:
    _, values = series(run.losses, name)
    end = tail(values)
    if len(values) < FEWEST_LINES or not all(map(math.isfinite, end)):
        return None
    return statistics.fmean(end)


def _has_probabilities(run: Recorded) -> bool:
    return str(run.flat_config().get("loss._target_", "")).endswith(PROBABILITIES)
