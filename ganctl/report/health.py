"""What may be wrong with a run, seen in its records alone, each with what to type against it.

Rules of thumb, not proofs: every threshold is a named constant with its reason, and every finding shows its numbers.
"""

import math
import statistics
from collections.abc import Iterator, Sequence

from ganctl.report.facts import UNFINISHED, budget, last_step, names_of, number, resuming, series, status, total_steps
from ganctl.report.health_scores import LEVELS, SCORE_CHECKS, Finding, penalty, worsened
from ganctl.report.recorded import Recorded

FEWEST_LINES = 10  # of losses: below it a fifth of the curve is one or no value, and says nothing
SURE_OF_REAL, SURE_OF_FAKE = 0.95, 0.05  # the cross-entropy of either is then below 0.05, its gradient nearly gone
LOSS_GROWTH = 1.1  # of the generator, last fifth against the fifth before: more than noise between equal parts
BLIND_GAP = 0.05  # D(real) - D(fake) over the last fifth: below it next to nothing is told apart
RATE_IS_NOUGHT = 1e-4  # share of the peak below which a learning rate trains nothing; ganctl's schedules end at 0.01
SLOWER = 0.7  # last fifth against first half: a third less is more than the usual variation of a busy machine
PROBABILITIES = ("NonSaturating", "Minimax")  # losses whose logits, through a sigmoid, are the probability of real
HIGHEST_RATE, USUAL_RATE = 0.01, 2e-4  # no published GAN trains with more than the first; the second is DCGAN's


def health(run: Recorded) -> list[Finding]:
    """All findings on a run, the grave ones first."""
    findings = [finding for check in (*CHECKS, *SCORE_CHECKS) for finding in check(run)]
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def not_finite(run: Recorded) -> Iterator[Finding]:
    curves = {name: zip(*series(run.losses, name), strict=True) for name in names_of(run.losses)}
    bad = [(step, name) for name, curve in curves.items() for step, value in curve if not math.isfinite(value)]
    if not bad and status(run) != "diverged":
        return
    step, name = min(bad, default=(float(last_step(run)), "a loss or a weight"))
    rate = number(run.flat_config().get("optimizer.lr"))
    precision = run.flat_config().get("device.precision")
    lower = USUAL_RATE if rate is None or rate > HIGHEST_RATE else rate / 4
    settings = f"learning rate {rate or 'unknown'}, precision {precision or 'unknown'}"
    yield Finding(
        "error",
        "A loss or a weight became not-a-number",
        f"{name} was no finite number at step {step:,.0f}; {settings}",
        "Usually the learning rate is too high, or a gradient exploded.",
        f"training.clip_norm=1 optimizer.lr={lower:.2g}"
        + ("" if precision in (None, "fp32") else " device.precision=fp32"),
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
        "Going on is exact: the result is the same as without the interruption.",
        resuming(run),
    )


def discriminator_wins(run: Recorded) -> Iterator[Finding]:
    real, fake = _probabilities(run)
    if not (real >= SURE_OF_REAL and fake <= SURE_OF_FAKE):
        return
    settings, (_, losses) = run.flat_config(), series(run.losses, "g_loss")
    length = max(1, len(losses) // 5)
    late, before = statistics.fmean(losses[-length:]), statistics.fmean(losses[-2 * length : -length])
    if late < LOSS_GROWTH * before and not str(settings.get("loss._target_")).endswith("Minimax"):
        return
    rate = number(settings.get("optimizer.discriminator.lr"))
    yield Finding(
        "warning",
        "The discriminator wins",
        f"over the last fifth D(real) is {real:.3f} and D(fake) {fake:.3f}; the generator's loss went from "
        f"{before:.3g} to {late:.3g}",
        "The generator learns little from a judge that is always right: slow the discriminator down or smooth it.",
        penalty(run) + (f" optimizer.discriminator.lr={rate / 4:.2g}" if rate else ""),
    )


def discriminator_lost(run: Recorded) -> Iterator[Finding]:
    """The discriminator tells nothing apart; theory's goal if the score is good, a standstill if it is not."""
    real, fake = _probabilities(run)
    if not real - fake <= BLIND_GAP:
        return
    rate = number(run.flat_config().get("optimizer.generator.lr"))
    yield Finding(
        "warning" if worsened(run) else "note",
        "The discriminator tells nothing apart",
        f"over the last fifth D(real) is {real:.3f} and D(fake) {fake:.3f}, {real - fake:.3f} apart",
        "Theory's goal if the pictures are good; if not, the discriminator is too weak: more of its updates, a larger "
        "one, or a slower generator.",
        "training.discriminator_steps=2" + (f" optimizer.generator.lr={rate / 2:.2g}" if rate else ""),
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
        f"{RATE_IS_NOUGHT * peak:.2g}; the highest is {peak:.2g}",
        f"Steps with it change nothing. The scheduler is {scheduler or 'unknown'}.",
        "scheduler=cosine scheduler.final=0.01" if peak > 0 else "optimizer.lr=2e-4",
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
            "Another program on the machine, or a processor that grew hot; the scores are the same whatever the speed.",
            "device.threads=4",
        )


CHECKS = (not_finite, unfinished, discriminator_wins, discriminator_lost, learning_rate_nought, slowed)


def _last_fifth(values: Sequence[float]) -> Sequence[float]:
    """At least one value."""
    return values[-max(1, len(values) // 5) :]


def _probabilities(run: Recorded) -> tuple[float, float]:
    """D(real) and D(fake) over the last fifth of the run; NaN where that says nothing."""
    means = []
    for name in ("d_real", "d_fake"):
        _, values = series(run.losses, name)
        enough = len(values) >= FEWEST_LINES and all(map(math.isfinite, _last_fifth(values)))
        means.append(statistics.fmean(_last_fifth(values)) if enough else math.nan)
    has_probabilities = str(run.flat_config().get("loss._target_", "")).endswith(PROBABILITIES)
    return (means[0], means[1]) if has_probabilities else (math.nan, math.nan)
