"""What a report says of a run at several places: its judge, best score, end and curves, also of one that was killed."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ganctl.contract import Direction, Score
from ganctl.evaluation.protocol import Protocol
from ganctl.forms import printable
from ganctl.record.wording import REAL_NAME, counted
from ganctl.report.recorded import Evaluation, Recorded

UNFINISHED = "unfinished"
PROBABILITIES = ("NonSaturating", "Minimax")  # losses whose logits, through a sigmoid, are the probability of real
NOT_CURVES = ("step", "kind", "seconds")  # what stands in every line of losses


def status(run: Recorded) -> str:
    """The summary's word for how it ended; "unfinished" without one, or where the run went on after it and stopped."""
    ended, step = run.summary.get("status"), number(run.summary.get("step"))
    went_on = step is not None and last_step(run) > int(step)
    return ended if isinstance(ended, str) and not went_on else UNFINISHED


def last_step(run: Recorded) -> int:
    """The last step of which anything is known; 0 before the first."""
    records = (*run.losses[-1:], *run.scores[-1:], run.summary)
    return max(int(number(record.get("step")) or 0) for record in records)


def seconds(run: Recorded) -> float | None:
    """How long it trained, by the summary or by its last line."""
    spent = number(run.summary.get("seconds")) if status(run) != UNFINISHED else None
    return spent if spent is not None or not run.losses else number(run.losses[-1].get("seconds"))


def total_steps(run: Recorded) -> int | None:
    """The steps it was to train; None where epochs say it, whose length is not recorded."""
    settings = run.flat_config()
    steps, images, batch = (number(settings.get(f"training.{key}")) for key in ("steps", "images", "batch_size"))
    if steps:
        return int(steps)
    a_step = (batch or 0) * (number(settings.get("training.discriminator_steps")) or 1)
    return math.ceil(images / a_step) if images and a_step else None


def budget(run: Recorded) -> str:
    """`64,000 images: 1,000 steps of 64`, as far as it is known."""
    settings, steps = run.flat_config(), total_steps(run)
    batch = number(settings.get("training.batch_size"))
    parts = []
    for key in ("epochs", "images"):
        if (value := number(settings.get(f"training.{key}"))) is not None:
            parts.append(f"{value:,.6g} {key}" if value < 1e6 or key == "epochs" else f"{value:,.0f} {key}")
    if steps is not None:
        parts.append(counted(steps, "step") + (f" of {batch:.0f}" if batch else ""))
    return ": ".join(parts) or "unknown"


def judged_by(run: Recorded) -> str | None:
    """The score that decides which checkpoint is best; None where none is known yet."""
    named = (run.summary.get("score") or {}).get("name") or run.flat_config().get("stop.score")
    if named:
        return printable(named)
    last = run.last_while_training
    return next(iter(last.scores.quantity("frechet_distance")), None) if last else None


def has_probabilities(run: Recorded) -> bool:
    """Whether D(real) and D(fake) are probabilities by the run's loss, or only the sigmoid of its logits."""
    return str(run.flat_config().get("loss._target_", "")).endswith(PROBABILITIES)


def best(run: Recorded) -> tuple[str, float, int] | None:
    """The judging score of the best checkpoint: name, value, step. By the summary, else by the evaluations so far.

    None where no checkpoint was judged.
    """
    name = judged_by(run)
    if name is None:
        return None
    value = number((run.summary.get("score") or {}).get("value"))
    if value is not None and status(run) != UNFINISHED:
        step = run.summary.get("best_step")
        return None if step is None else (name, value, step)
    steps, values = series(run.scores, name)
    place = best_place(score_of(name, run).direction, values)
    return None if place is None else (name, values[place], int(steps[place]))


def held_out_name(run: Recorded) -> str:
    """What the scores beside a run's own are of: real images held out, or the sources as they are."""
    record = run.summary.get("held_out")
    name = record.get("name") if isinstance(record, Mapping) else None
    return printable(name) if isinstance(name, str) else REAL_NAME


def held_out_value(run: Recorded, name: str) -> float | None:
    """What `held_out_name` get by this score; None where the record does not know."""
    record = run.summary.get("held_out")
    scores = record.get("scores", record) if isinstance(record, Mapping) else None
    return number(scores.get(name)) if isinstance(scores, Mapping) else None


def real_value(run: Recorded, name: str) -> float | None:
    """What real images get among themselves by this score, `style_real_X` of `style_X`; None where no metric says."""
    quantity, newest = score_of(name, run).quantity, newest_scores(run)
    beside = f"{quantity}_real{name.removeprefix(quantity)}"
    return newest.scores.values.get(beside) if newest and quantity and name.startswith(quantity) else None


def best_place(direction: Direction | None, values: Sequence[float]) -> int | None:
    """The index of the best of `values`; None where none is a number, or the score has no better and worse."""
    places = [place for place, value in enumerate(values) if direction and math.isfinite(value)]
    extreme = min if direction == "lower" else max
    return extreme(places, key=lambda place: values[place], default=None)


def score_of(name: str, *runs: Recorded) -> Score:
    """What the runs recorded of a score; nothing but its name where they are of an earlier version."""
    return next((run.declared[name] for run in runs if name in run.declared), Score(name))


def arrow(name: str, *runs: Recorded) -> str:
    """An arrow towards the better of a score."""
    return {"lower": "↓", "higher": "↑", None: ""}[score_of(name, *runs).direction]


def series(records: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one quantity, NaN and infinite ones included."""
    points = [
        (step, float(value))
        for record in records
        if (step := number(record.get("step"))) is not None
        and isinstance(value := record.get(name), int | float)
        and not isinstance(value, bool)
    ]
    return [step for step, _ in points], [value for _, value in points]


def names_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """All quantities of these lines, in order of appearance."""
    named = (name for record in records for name, value in record.items() if isinstance(value, int | float))
    return [name for name in dict.fromkeys(named) if name not in NOT_CURVES]


def newest_scores(run: Recorded) -> Evaluation | None:
    """The last set of scores: the final one, else the last evaluation."""
    return run.final[-1] if run.final else run.last_while_training


def class_shares(run: Recorded) -> tuple[dict[str, float], Protocol]:
    """The newest class shares there are, with the protocol of their scores; empty if none."""
    for evaluation in (*reversed(run.final), run.last_while_training):
        if evaluation and (shares := evaluation.scores.shares):
            return shares, evaluation.scores.protocol
    return {}, Protocol()


def resuming(run: Recorded, *words: str) -> str:
    """The command that trains on, with what the run's own YAML files and classes need."""
    options = run.environment.get("options") or []
    kept = [text for text in options if text.startswith(("--config-dir=", "trust="))]
    return shlex.join(["ganctl", "train", "--resume", printable(run.folder), *kept, *words])


def skipped(run: Recorded) -> str | None:
    """The sentence on lines of metrics.jsonl that are no records; None where there are none."""
    file = printable(run.folder / "metrics.jsonl")
    return f"{file}: {counted(run.skipped_lines, 'damaged line')} left out" if run.skipped_lines else None


def number(value: object) -> float | None:
    """A finite number as float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
