"""What may be wrong with a run, seen in its scores: collapse, copies, decline, an early end, judging too little."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

from ganctl.evaluation.protocol import too_few
from ganctl.report.facts import (
    best_place,
    class_shares,
    judged_by,
    newest_scores,
    number,
    score_of,
    series,
    status,
    total_steps,
)
from ganctl.report.finding import Finding
from ganctl.report.recorded import Recorded

SMALL_SHARE, LARGE_SHARE = 0.2, 4.0
"""Times the even share. Natural data sets of even classes, judged well, stay within a factor of two."""

FEWEST_A_CLASS = 20
"""Images an even class would have: with fewer, a fifth of it is within the reach of chance."""

LOW_RECALL = 0.1
"""Real images must rarely lie among the generated ones for this; good models of small images reach 0.5 and more."""

LOW_MODES = 0.9
"""Share of the classes that are drawn at all."""

HIGH_REVERSE_KL = 0.5
"""Nats; one class of two missing costs ln 2 = 0.69, ten classes of which four are missing 0.51."""

MANY_COPIES, BY_CHANCE = 3.0, 0.01
"""Times the share of images that are as near to a training image by chance, and that share if no protocol says it."""

MANY_DUPLICATES = 0.1
"""Share of samples with a twin among the samples; real images have one of a hundred."""

WORSENED = 1.25
"""Last score against the best, as a ratio: two evaluations of one model differ by a few per cent."""

IMPROVING = 1.02
"""Last score against the one before, as a ratio, at which training on is likely to pay."""

DRIFT = 0.1
"""How much coverage or recall must have fallen, on their scale of 0 to 1, while precision rose."""

FEWEST_EVALUATIONS = 4
"""Fewer say neither which checkpoint is best nor whether the score still improves."""

FEWEST_FOR_FID = 2048
"""Inception's features have as many dimensions: with fewer images their covariance is singular."""


def collapsed(run: Recorded) -> Iterator[Finding]:
    """Some classes are hardly drawn, or one is drawn most of the time; or a score of variety is low."""
    seen = []
    shares, protocol = class_shares(run)
    count = protocol.num_generated
    if len(shares) > 1 and (count is None or count / len(shares) >= FEWEST_A_CLASS):
        even = 1 / len(shares)
        rare = [f"{name} ({share:.1%})" for name, share in shares.items() if share < SMALL_SHARE * even]
        frequent = [f"{name} ({share:.1%})" for name, share in shares.items() if share > LARGE_SHARE * even]
        if rare:
            seen.append(f"classes below a fifth of the even share of {even:.1%}: {_some(rare)}")
        if frequent:
            seen.append(f"classes above four times the even share of {even:.1%}: {_some(frequent)}")
    newest = newest_scores(run)
    for name, measured in newest.scores.scores.items() if newest else ():
        value, quantity = measured.value, measured.score.quantity
        if quantity == "recall" and value < LOW_RECALL:
            seen.append(f"{name} is {value:.3g}, below {LOW_RECALL}")
        if quantity == "reverse_kl" and value > HIGH_REVERSE_KL:
            seen.append(f"{name} is {value:.3g} nats, above {HIGH_REVERSE_KL}")
        if quantity == "duplicates" and value > MANY_DUPLICATES:
            seen.append(f"{name} is {value:.3g}, above {MANY_DUPLICATES}")
        if quantity == "modes" and len(shares) > 1 and value < LOW_MODES * len(shares):
            seen.append(f"{name} is {value:.4g} of {len(shares)} classes")
    if seen:
        yield Finding(
            "warning",
            "Mode collapse: the pictures lack variety",
            "; ".join(seen),
            "The generator leaves out part of the data. (If the real classes are uneven, shares may be so too.)",
            f"{_minibatch(run)} {penalty(run)}",
        )


def copying(run: Recorded) -> Iterator[Finding]:
    """Many samples are nearly training images."""
    if (newest := newest_scores(run)) is None:
        return
    chance = number(newest.scores.protocol.tunables.get("memorisation.quantile")) or BY_CHANCE
    limit = MANY_COPIES * chance
    many = {name: value for name, value in newest.scores.quantity("copies").items() if value > limit}
    if many:
        yield Finding(
            "warning",
            "It may have learned images by heart",
            f"{', '.join(f'{name} is {value:.3g}' for name, value in many.items())}; by chance it is about {chance:g}",
            "Small data sets invite it: mirror them, stop earlier, or judge against images held back.",
            "training.flip=true stop.patience=5",
        )


def worsened(run: Recorded) -> tuple[str, float, float, float, float] | None:
    """Score, best step, best value, last step and last value where the last is markedly worse than the best."""
    name = judged_by(run)
    if name is None:
        return None
    steps, values = series(run.scores, name)
    direction = score_of(name, run).direction
    place = best_place(direction, values)
    if place is None or place == len(values) - 1:
        return None
    last = values[-1] if math.isfinite(values[-1]) else math.inf
    ratio = last / values[place] if direction == "lower" else values[place] / last if last else math.inf
    if not ratio > WORSENED:
        return None
    return name, steps[place], values[place], steps[-1], values[-1]


def declining(run: Recorded) -> Iterator[Finding]:
    """The score was better once, and the training went on."""
    if (fall := worsened(run)) is None:
        return
    name, best_step, best, last_step, last = fall
    yield Finding(
        "warning",
        "The score was better before",
        f"{name} was {best:.4g} at step {best_step:,.0f} and is {last:.4g} at step {last_step:,.0f}",
        "Overfitting, or an imbalance that grew. The best checkpoint is kept; a falling learning rate often helps.",
        "scheduler=cosine stop.patience=5",
    )


def narrowing(run: Recorded) -> Iterator[Finding]:
    """Precision rises while coverage or recall falls: variety is being traded for looks."""
    if (last := run.last_while_training) is None:
        return
    precision = next(iter(last.scores.quantity("precision")), "")
    for name, measured in last.scores.scores.items():
        quantity = measured.score.quantity
        if quantity not in ("coverage", "recall"):
            continue
        _, values = series(run.scores, name)
        _, precisions = series(run.scores, precision)
        if len(values) < 3 or len(values) != len(precisions):
            continue
        place = best_place(measured.score.direction, values)
        if place is None or not values[place] - values[-1] > DRIFT or not precisions[-1] > precisions[place]:
            continue
        yield Finding(
            "warning",
            f"Variety is traded for looks ({quantity})",
            f"since its best {name} fell from {values[place]:.3g} to {values[-1]:.3g} while {precision} rose "
            f"from {precisions[place]:.3g} to {precisions[-1]:.3g}",
            "The generator keeps to what it draws well: the beginning of collapse.",
            f"stop.score={name} {penalty(run)}",
        )


def still_improving(run: Recorded) -> Iterator[Finding]:
    """The budget ended while the score still became better."""
    name = judged_by(run)
    if status(run) != "finished" or name is None:
        return
    steps, values = series(run.scores, name)
    direction = score_of(name, run).direction
    if len(values) < 3 or best_place(direction, values) != len(values) - 1 or not math.isfinite(values[-2]):
        return
    last, before = values[-1], values[-2]
    ratio = before / last if direction == "lower" else last / before if before else 0.0
    if last > 0 and ratio > IMPROVING:
        yield Finding(
            "note",
            "The score was still improving",
            f"{name} went from {before:.4g} at step {steps[-2]:,.0f} to {last:.4g} at the last evaluation",
            "Train longer: going on is cheaper than starting again.",
            f"ganctl train --resume {shlex.quote(str(run.folder))} {longer(run)}",
        )


def too_few_images(run: Recorded) -> Iterator[Finding]:
    """A Frechet distance from fewer images than its features have dimensions."""
    if (newest := newest_scores(run)) is None or not (distances := newest.scores.quantity("frechet_distance")):
        return
    protocol = newest.scores.protocol
    counts = [count for count in (protocol.num_generated, protocol.num_real) if count is not None]
    warning = too_few(protocol)
    if warning is None and "fid" in distances and counts and min(counts) < FEWEST_FOR_FID:
        warning = f"{min(counts):,} images on a side; fid needs {FEWEST_FOR_FID:,} or more to rank anything"
    if warning:
        need = max(FEWEST_FOR_FID, protocol.dimensions or 0)
        yield Finding(
            "warning",
            "Too few images for a Frechet distance",
            warning,
            "Judge more images; the kernel distance (kid) is unbiased also with few.",
            f"evaluation.num_images={need} evaluation.final_images={need} evaluation.num_real=null",
        )


def seldom_judged(run: Recorded) -> Iterator[Finding]:
    """Too few evaluations to pick a best checkpoint."""
    total = total_steps(run)
    if status(run) != "finished" or len(run.scores) >= FEWEST_EVALUATIONS:
        return
    yield Finding(
        "note",
        "Evaluated too seldom",
        f"{len(run.scores)} evaluations in {f'{total:,} steps' if total else 'the whole run'}",
        "The best checkpoint is one of those that were judged: judge more often, with fewer images if it takes long.",
        f"output.evaluate_every={max(1, (total or 1000) // 10)}",
    )


def longer(run: Recorded) -> str:
    """The override that doubles the budget."""
    settings = run.flat_config()
    for key in ("epochs", "images", "steps"):
        if (value := number(settings.get(f"training.{key}"))) is not None:
            return f"training.{key}={2 * value:g}" if value < 500_000 else f"training.{key}={2 * value:.0f}"
    return "training.steps=20000"


def penalty(run: Recorded) -> str:
    """The override that adds a gradient penalty, or makes the one there is four times as strong."""
    settings = run.flat_config()
    for name in ("lazy_r1", "light_r1", "r1", "gradient_penalty"):
        if weight := number(settings.get(f"regularizer.{name}.weight")):
            return f"regularizer.{name}.weight={4 * weight:g}"
    return "regularizer=[lazy_r1]"


SCORE_CHECKS = (collapsed, copying, declining, narrowing, still_improving, too_few_images, seldom_judged)


def _some(words: list[str], most: int = 6) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _minibatch(run: Recorded) -> str:
    if number(run.flat_config().get("discriminator.minibatch_kernels")) == 0:
        return "discriminator.minibatch_kernels=32"
    return "discriminator=dcgan_minibatch"
