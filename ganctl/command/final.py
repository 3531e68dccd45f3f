"""How a run ends: the best checkpoint scored, Inception's FID where time allows, summary.json, the last table."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig

from ganctl import checkpoint
from ganctl.command.signals import Interrupted
from ganctl.compose import quote
from ganctl.contract import DataSpec
from ganctl.evaluation.evaluate import seconds_per_image
from ganctl.evaluation.protocol import line
from ganctl.evaluation.scores import ScoreSet
from ganctl.files import write_json
from ganctl.record.wording import with_intervals

if TYPE_CHECKING:
    from ganctl.command.run import Run

FEWEST_FOR_FID = 2048  # pool3 features have as many dimensions; with fewer images the covariance is singular
MOST_FOR_FID = 50_000
IMAGES_OF_EVALUATE = 5000  # num_images of configs/evaluate.yaml

_SAID = {
    "finished": "the budget is used up",
    "target": "the target score is reached",
    "patience": "the score has not improved for stop.patience evaluations",
    "time": "the time limit is reached",
    "diverged": "a loss or a weight became not-a-number or infinite; what was saved before is kept",
    "interrupted": "interrupted, saved",
}


def check_weights(config: DictConfig) -> None:
    """Raises ValueError for a file of Inception's weights that is named and not there: before training, not after."""
    settings = config.final_fid
    if settings.enabled and settings.weights and not Path(settings.weights).expanduser().is_file():
        raise ValueError(
            f"final_fid.weights={settings.weights}: there is no such file; final_fid.enabled=false goes without"
        )


def finish(job: Run, status: str) -> dict[str, Any]:
    """Ends the run and returns its summary, which is also written to summary.json."""
    scores: dict[str, Any] = {}
    fid: dict[str, Any] = {}
    if status not in ("interrupted", "diverged"):
        try:
            scores, fid = _judge_best(job)
        except Interrupted:
            status = "interrupted"
    best = checkpoint.best_of(job.folder)
    grids = sorted((job.folder / "samples").glob("step-*.png"))
    summary = {
        "status": status,
        "reason": _SAID[status],
        "exit_code": job.signals.exit_code or (1 if status == "diverged" else 0),
        "folder": str(job.folder),
        "step": job.state.step,
        "seconds": round(job.seconds(), 2),
        "score": _score(job, scores),
        "best_step": job.record.best_step,
        "best_checkpoint": str(best) if best else None,
        "grid": str(grids[-1]) if grids else None,
        "scores": scores.get("scores", {}),
        "protocol": scores.get("protocol", {}),
        "made_by": scores.get("made_by", {}),
        "about": scores.get("about", {}),
        "left_out": scores.get("left_out", {}),
        "fid": fid,
    }
    write_json(job.folder / "summary.json", summary)
    _show(job, summary)
    return summary


def _judge_best(job: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Loads the best average into the run, draws its grid, and scores it."""
    path = checkpoint.find(job.folder, "best")
    best = checkpoint.load(path)
    job.save_weights("last", job.content())
    last = job.state.average.state_dict()
    last = {name: tensor.clone() for name, tensor in last.items()}
    job.state.average.load_state_dict(best["state"]["average"])
    try:
        job.save_grid("best.png")
        number, seed = job.config.evaluation.final_images, job.config.seed
        final = job.judge.evaluate(job.generate, job.store, number, seed, labels=job.labels_of_samples(number))
        return final.remarked(step=best["state"]["step"]).to_plain(), _final_fid(job)
    finally:
        job.state.average.load_state_dict(last)


def _score(job: Run, scores: dict[str, Any]) -> dict[str, Any]:
    name = job.score.name
    value = scores.get("scores", {}).get(name, job.record.best_value)
    return {
        "name": name,
        "value": value,
        "higher_is_better": job.score.direction == "higher",
        "protocol": scores.get("protocol"),
        "made_by": scores.get("made_by", {}).get(name),
    }


def _final_fid(job: Run) -> dict[str, Any]:
    """Inception's FID of the loaded average, or the reason why not with the command that computes it."""
    settings = job.config.final_fid
    if job.judge.extractor.name.startswith("inception"):
        return {"skipped": "the run's own score is Inception's FID"}
    bare = f"ganctl evaluate {shlex.quote(str(job.folder))} feature=inception"
    given = settings.weights and quote(str(Path(settings.weights).expanduser().absolute()))
    command = f"{bare} {shlex.quote(f'feature.weights={given}')}" if given else bare
    if not settings.enabled:
        return {"skipped": "final_fid.enabled=false", "command": command, "estimate": _estimate(job)}
    from ganctl.feature.inception import Inception

    try:
        extractor = Inception(weights=settings.weights, device=job.device.torch_device)
    except ValueError as error:
        return {"skipped": str(error), "command": f"{bare} feature.weights=FILE", "estimate": _estimate(job)}
    each = seconds_per_image(extractor, job.spec)
    affordable = int(60 * settings.max_minutes / each / 2)
    number = min(affordable, len(job.store.images), MOST_FOR_FID)
    if affordable < FEWEST_FOR_FID or number < FEWEST_FOR_FID:
        reason = f"{FEWEST_FOR_FID} images a side would take {_minutes(2 * FEWEST_FOR_FID * each)}"
        if affordable >= FEWEST_FOR_FID:
            reason = f"the data set has fewer than {FEWEST_FOR_FID} images"
        return {"skipped": reason, "command": command, "estimate": _estimate(job, each)}
    judge = replace(job.judge, extractor=extractor, num_real=number)
    fid = judge.evaluate(job.generate, job.store, number, job.config.seed, labels=job.labels_of_samples(number))
    return fid.to_plain()


def _estimate(job: Run, seconds: float | None = None) -> str:
    """How long `ganctl evaluate` with Inception takes, at `seconds` an image or what an untrained network takes."""
    if seconds is None:
        seconds = _untrained_seconds_per_image(job.device.torch_device, job.spec)
    return _minutes((IMAGES_OF_EVALUATE + len(job.store.images)) * seconds)


@cache
def _untrained_seconds_per_image(device: torch.device, spec: DataSpec) -> float:
    """Measured once in a process: a sweep's jobs need not wait for it again."""
    from ganctl.feature.inception import Inception

    return seconds_per_image(Inception.untrained(device=device), spec, images=4)


def _minutes(seconds: float) -> str:
    return f"about {max(1, round(seconds / 60)):,} min"


def _show(job: Run, summary: dict[str, Any]) -> None:
    final, fid = ScoreSet.from_plain(summary), ScoreSet.from_plain(summary["fid"])
    scores = with_intervals(final) | with_intervals(fid)
    shares = final.shares.values()
    rows = {
        "ended": f"{summary['reason']}, after {summary['step']:,} steps",
        "best checkpoint": _best(summary),
        "sample grid": summary["grid"] or "none yet",
        "run folder": str(job.folder),
    }
    if summary["protocol"]:
        rows["protocol"] = line(final.protocol)
    if shares:
        rows["class shares"] = f"{100 * min(shares):.1f} % to {100 * max(shares):.1f} %"
    rows |= {f"left out: {name}": why for name, why in summary["left_out"].items()}
    if reason := summary["fid"].get("skipped"):
        rows["Inception fid"] = f"not computed: {reason}"
    commands = {
        "look at it all": f"ganctl report {shlex.quote(str(job.folder))}",
        "draw more": f"ganctl sample {shlex.quote(str(job.folder))}",
        "train on": f"ganctl train --resume {shlex.quote(str(job.folder))} {_twice_the_budget(job)}",
    }
    if command := summary["fid"].get("command"):
        commands[f"Inception fid ({summary['fid']['estimate']})"] = command
    job.console.summary(scores, rows, commands)


def _twice_the_budget(job: Run) -> str:
    training = job.config.training
    key = next(key for key in ("epochs", "images", "steps") if training[key] is not None)
    return f"training.{key}={2 * training[key]}"


def _best(summary: dict[str, Any]) -> str:
    if summary["best_checkpoint"] is None:
        return "none: it ended before the first (output.checkpoint_every)"
    step = summary["best_step"]
    return summary["best_checkpoint"] + (f" (step {step:,})" if step is not None else "")
