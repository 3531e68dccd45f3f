"""What may be wrong with a run, seen in its scores: collapse, copies, decline, an early end, judging too little."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from ganctl.contract import Direction
from ganctl.evaluation.protocol import too_few
from ganctl.record.wording import counted
from ganctl.report import cures
from ganctl.report.explanations import FINDINGS
from ganctl.report.facts import (
    best_place,
    class_shares,
    judged_by,
    newest_scores,
    number,
    resuming,
    score_of,
    series,
    status,
    total_steps,
)
from ganctl.report.recorded import Recorded

Level = Literal["error", "warning", "note"]
LEVELS: tuple[str, ...] = get_args(Level)  # the grave ones first

SMALL_SHARE, LARGE_SHARE = 0.2, 4.0  # times the even share; natural data of even classes stay within a factor of two
FEWEST_A_CLASS = 20  # images an even class would have: with fewer, a fifth of it is within the reach of chance
LOW_RECALL = 0.1  # real images must rarely lie among the generated ones; good models of small images reach 0.5
LOW_MODES = 0.9  # share of the classes that are drawn at all
HIGH_REVERSE_KL = 0.5  # nats; of two classes one missing costs ln 2 = 0.69, of ten classes four 0.51
MANY_COPIES, BY_CHANCE = 3.0, 0.01  # times the share that is as near by chance, and that share if no protocol says it
MANY_DUPLICATES = 0.1  # share of samples with a twin among the samples; real images have one of a hundred
WORSENED = 1.25  # best score against the last: two evaluations of one model differ by a few per cent
IMPROVING = 1.02  # last score against the one before, at which training on is likely to pay
DRIFT = 0.1  # how much coverage or recall must have fallen, on their scale of 0 to 1, while precision rose
FEWEST_EVALUATIONS = 4  # fewer say neither which checkpoint is best nor whether the score still improves
FEWEST_FOR_FID = 2048  # as many as Inception's features have dimensions: with fewer their covariance is singular


@dataclass(frozen=True)
class Finding:
    """`evidence` has the numbers; `cure` is what to type, overrides or a command, empty where that would not help.

    `sound_until` is the last step at which the records show nothing of it; 0 where they do from the first on.
    """

    level: Level
    title: str
    evidence: str
    cure: str
    sound_until: float = 0

    @property
    def advice(self) -> str:
        """What it means, what good looks like, and what to do."""
        return FINDINGS[self.title.partition(" (")[0]]


def collapsed(run: Recorded) -> Iterator[Finding]:
    """Some classes are hardly drawn, or one is drawn most of the time; or a score of variety is low."""
    evidence = []
    shares, protocol = class_shares(run)
    count = protocol.num_generated
    if len(shares) > 1 and (count is None or count / len(shares) >= FEWEST_A_CLASS):
        even = 1 / len(shares)
        rare = [f"{name} ({share:.1%})" for name, share in shares.items() if share < SMALL_SHARE * even]
        frequent = [f"{name} ({share:.1%})" for name, share in shares.items() if share > LARGE_SHARE * even]
        for classes, side in ((rare, "below a fifth of"), (frequent, "above four times")):
            more = f" and {len(classes) - 6} more" if len(classes) > 6 else ""
            if classes:
                evidence.append(f"classes {side} the even share of {even:.1%}: {', '.join(classes[:6])}{more}")
    newest = newest_scores(run)
    for name, measured in newest.scores.scores.items() if newest else ():
        value, quantity = measured.value, measured.score.quantity
        if quantity == "recall" and value < LOW_RECALL:
            evidence.append(f"{name} is {value:.3g}, below {LOW_RECALL}")
        if quantity == "reverse_kl" and value > HIGH_REVERSE_KL:
            evidence.append(f"{name} is {value:.3g} nats, above {HIGH_REVERSE_KL}")
        if quantity == "duplicates" and value > MANY_DUPLICATES:
            evidence.append(f"{name} is {value:.3g}, above {MANY_DUPLICATES}")
        if quantity == "modes" and len(shares) > 1 and value < LOW_MODES * len(shares):
            evidence.append(f"{name} is {value:.4g} of {len(shares)} classes")
    if evidence:
        yield Finding(
            "warning",
            "Mode collapse: the pictures lack variety",
            "; ".join(evidence),
            cures.variety(run.flat_config()),
            _before_last(run),
        )


def copying(run: Recorded) -> Iterator[Finding]:
    if (newest := newest_scores(run)) is None:
        return
    chance = number(newest.scores.protocol.tunables.get("memorisation.quantile")) or BY_CHANCE
    copies = newest.scores.quantity("copies").items()
    if many := [f"{name} is {value:.3g}" for name, value in copies if value > MANY_COPIES * chance]:
        yield Finding(
            "warning",
            "It may have learned images by heart",
            f"{', '.join(many)}; by chance it is about {chance:g}",
            cures.against_copies(run.flat_config()),
            _before_last(run),
        )


def worsened(run: Recorded) -> tuple[str, float] | None:
    """Where the last judging score is markedly worse than the best, the sentence that says so, and the best's step."""
    steps, values, direction = _judging(run)
    place = best_place(direction, values)
    if place is None or place == len(values) - 1:
        return None
    last, best = values[-1], values[place]
    if not _ratio(direction, best, last if math.isfinite(last) else math.inf) > WORSENED:
        return None
    name = judged_by(run)
    said = f"{name} was {best:.4g} at step {steps[place]:,.0f} and is {last:.4g} at step {steps[-1]:,.0f}"
    return said, steps[place]


def declining(run: Recorded) -> Iterator[Finding]:
    if decline := worsened(run):
        evidence, best_step = decline
        yield Finding(
            "warning",
            "The score was better before",
            evidence,
            cures.joined(cures.falling_rate(run.flat_config()), cures.earlier_end(run.flat_config())),
            best_step,
        )


def narrowing(run: Recorded) -> Iterator[Finding]:
    """Precision rises while coverage or recall falls: variety is being traded for looks."""
    if (last := run.last_while_training) is None:
        return
    precision = next(iter(last.scores.quantity("precision")), "")
    _, precisions = series(run.scores, precision)
    for name, measured in last.scores.scores.items():
        steps, values = series(run.scores, name)
        quantity, place = measured.score.quantity, best_place(measured.score.direction, values)
        if quantity not in ("coverage", "recall") or not 3 <= len(values) == len(precisions) or place is None:
            continue
        if values[place] - values[-1] > DRIFT and precisions[-1] > precisions[place]:
            yield Finding(
                "warning",
                f"Variety is traded for looks ({quantity})",
                f"since its best {name} fell from {values[place]:.3g} to {values[-1]:.3g} while {precision} rose "
                f"from {precisions[place]:.3g} to {precisions[-1]:.3g}",
                cures.joined(
                    cures.overrides(run.flat_config(), {"stop.score": name}), cures.penalty(run.flat_config())
                ),
                steps[place],
            )


def still_improving(run: Recorded) -> Iterator[Finding]:
    steps, values, direction = _judging(run)
    if status(run) != "finished" or len(values) < 3 or best_place(direction, values) != len(values) - 1:
        return
    before, last = values[-2:]
    if math.isfinite(before) and min(before, last) > 0 and _ratio(direction, last, before) > IMPROVING:
        yield Finding(
            "note",
            "The score was still improving",
            f"{judged_by(run)} went from {before:.4g} at step {steps[-2]:,.0f} to {last:.4g} at the last evaluation",
            resuming(run, cures.twice_as_long(run.flat_config())),
        )


def too_few_images(run: Recorded) -> Iterator[Finding]:
    if (newest := newest_scores(run)) is None or not (distances := newest.scores.quantity("frechet_distance")):
        return
    protocol = newest.scores.protocol
    fewest = min(count for count in (protocol.num_generated, protocol.num_real, math.inf) if count is not None)
    warning = too_few(protocol)
    if warning is None and "fid" in distances and fewest < FEWEST_FOR_FID:
        warning = f"{fewest:,} images on a side; fid needs {FEWEST_FOR_FID:,} or more to rank anything"
    if warning:
        need = max(FEWEST_FOR_FID, protocol.dimensions or 0)
        yield Finding(
            "warning",
            "Too few images for a Frechet distance",
            warning,
            cures.more_images(run.flat_config(), need, protocol.num_real),
        )


def seldom_judged(run: Recorded) -> Iterator[Finding]:
    if status(run) != "finished" or len(run.scores) >= FEWEST_EVALUATIONS:
        return
    total = total_steps(run)
    yield Finding(
        "note",
        "Evaluated too seldom",
        f"{counted(len(run.scores), 'evaluation')} in {counted(total, 'step') if total else 'the whole run'}",
        cures.more_evaluations(run.flat_config(), total),
    )


SCORE_CHECKS = (collapsed, copying, declining, narrowing, still_improving, too_few_images, seldom_judged)


def _before_last(run: Recorded) -> float:
    """The step of the evaluation before the last; 0 where there is none."""
    return next(iter([record["step"] for record in run.scores][-2:-1]), 0)


def _judging(run: Recorded) -> tuple[list[float], list[float], Direction | None]:
    """Steps, values and direction of the judging score; nothing where none is known."""
    name = judged_by(run)
    return (*series(run.scores, name), score_of(name, run).direction) if name else ([], [], None)


def _ratio(direction: Direction | None, better: float, worse: float) -> float:
    """How many times better the first is."""
    large, small = (worse, better) if direction == "lower" else (better, worse)
    return large / small if small else math.inf if large else 1.0
