"""How a run ends: the best checkpoint scored, Inception's FID where time allows, summary.json, the last table."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig

from ganctl import checkpoint
from ganctl.compose import quote
from ganctl.configuration.keys import keys_of
from ganctl.contract import DataSpec, Sourced
from ganctl.evaluation.evaluate import seconds_per_image
from ganctl.evaluation.protocol import Protocol, line
from ganctl.evaluation.scores import ScoreSet
from ganctl.feature.digits import WEIGHTS as DIGITS
from ganctl.files import write_json
from ganctl.job.held_out import held_out_scores
from ganctl.job.signals import Interrupted
from ganctl.job.untouched import untouched_scores
from ganctl.record.wording import beside_others, counted, with_intervals
from ganctl.training.drawer import Drawer

if TYPE_CHECKING:
    from ganctl.job.journal import Journal

FEWEST_FOR_FID = 2048  # pool3 features have as many dimensions; with fewer images the covariance is singular
MOST_FOR_FID = 50_000
IMAGES_OF_EVALUATE = 5000  # num_images of configs/evaluate.yaml

FAILED = ("diverged", "trouble")
_SAID = {
    "finished": "the budget is used up",
    "target": "the target score is reached",
    "patience": "the score has not improved for stop.patience evaluations",
    "time": "the time limit is reached",
    "pruned": "pruned: other trials of the search had better scores by this step",
    "diverged": "a loss or a weight became not-a-number or infinite; what was saved before is kept",
    "trouble": "a trouble of health.act_on was found",
    "interrupted": "interrupted, saved",
}


def check_weights(config: DictConfig) -> None:
    """Raises ValueError for a file of Inception's weights that is named and not there: before training, not after."""
    settings = config.final_fid
    if settings.enabled and settings.weights and not Path(settings.weights).expanduser().is_file():
        raise ValueError(
            f"final_fid.weights={settings.weights}: there is no such file; final_fid.enabled=false goes without"
        )


def finish(journal: Journal, status: str) -> dict[str, Any]:
    """Ends the run and returns its summary, which is also written to summary.json."""
    scores: dict[str, Any] = {}
    fid: dict[str, Any] = {}
    held_out: dict[str, Any] = {}
    if status not in ("interrupted", "pruned", "diverged"):
        try:
            scores, held_out, fid = _judge_best(journal)
        except Interrupted:
            status = "interrupted"
    best = journal.checkpoints / "best.pt"
    is_judged = journal.record.best_step is not None and best.is_file()
    saved = any(journal.checkpoints.glob("step-*.pt"))
    grids = sorted((journal.folder / "samples").glob("step-*.png"))
    summary = {
        "status": status,
        "reason": (journal.ending if status in FAILED else None) or _SAID[status],
        "exit_code": journal.signals.exit_code or (1 if status in FAILED else 0),
        "folder": str(journal.folder),
        "step": journal.state.step,
        "rollbacks": journal.record.rollbacks,
        "seconds": round(journal.seconds(), 2),
        "score": _score(journal, scores),
        "best_step": journal.record.best_step,
        "best_checkpoint": str(best) if is_judged else None,
        "last_checkpoint": str(checkpoint.find(journal.folder)) if saved else None,
        "grid": str(grids[-1]) if grids else None,
        "scores": scores.get("scores", {}),
        "protocol": scores.get("protocol", {}),
        "made_by": scores.get("made_by", {}),
        "about": scores.get("about", {}),
        "left_out": scores.get("left_out", {}),
        "held_out": held_out,
        "fid": fid,
    }
    write_json(journal.folder / "summary.json", summary)
    journal.trackers.close(summary)
    _show(journal, summary)
    return summary


def _judge_best(journal: Journal) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Draws the grid of the best averaged generator, and scores it; the scores to compare with; Inception's FID."""
    best = checkpoint.load(checkpoint.find(journal.folder, "best"))
    journal.save_last_weights()
    drawer = journal.session.drawer(next(iter(best["state"]["averages"].values())))
    journal.grids.save_best(drawer)
    final = journal.judged(drawer, journal.config.evaluation.final_images)
    session, judge = journal.session, journal.judge
    if isinstance(session.task, Sourced):  # which is judged by images held out already
        count = session.num_samples(journal.config.evaluation.final_images)
        beside = untouched_scores(drawer, judge, session.judged, count, pairs=session.has_truth)
    else:
        beside = held_out_scores(journal.config, judge, session.store, final)
    return final.remarked(step=best["state"]["step"]).to_plain(), beside, _final_fid(journal, drawer)


def _score(journal: Journal, scores: dict[str, Any]) -> dict[str, Any]:
    name = journal.score.name
    value = scores.get("scores", {}).get(name, journal.record.best_value)
    return {
        "name": name,
        "value": value,
        "higher_is_better": journal.score.direction == "higher",
        "protocol": scores.get("protocol"),
        "made_by": scores.get("made_by", {}).get(name),
    }


def _final_fid(journal: Journal, drawer: Drawer) -> dict[str, Any]:
    """Inception's FID of the best generator, or the reason why not with the command that computes it."""
    settings = journal.config.final_fid
    if journal.judge.extractor.name.startswith("inception"):
        return {"skipped": "the run's own score is Inception's FID"}
    bare = command_on(journal, "evaluate", "feature=inception")
    given = settings.weights and quote(str(Path(settings.weights).expanduser().absolute()))
    command = f"{bare} {shlex.quote(f'feature.weights={given}')}" if given else bare
    if not settings.enabled:
        return {"skipped": "final_fid.enabled=false", "command": command, "estimate": _estimate(journal)}
    from ganctl.feature.inception import Inception

    try:
        with keys_of("final_fid"):
            extractor = Inception(weights=settings.weights, device=journal.session.device.torch_device)
    except ValueError as error:
        brief = "Inception's weights cannot be had here (summary.json says why)"
        return {"skipped": str(error), "brief": brief, "command": bare, "estimate": _estimate(journal)}
    each = seconds_per_image(extractor, journal.session.spec)
    affordable = int(60 * settings.max_minutes / each / 2)
    number = min(affordable, len(journal.session.store.images), MOST_FOR_FID)
    if affordable < FEWEST_FOR_FID or number < FEWEST_FOR_FID:
        reason = f"{FEWEST_FOR_FID} images a side would take {_minutes(2 * FEWEST_FOR_FID * each)}"
        if affordable >= FEWEST_FOR_FID:
            reason = f"the data set has fewer than {FEWEST_FOR_FID} images"
        return {"skipped": reason, "command": command, "estimate": _estimate(journal, each)}
    judge = replace(journal.judge, extractor=extractor, num_real=number)
    return journal.judged(drawer, number, judge).to_plain()


def _estimate(journal: Journal, seconds: float | None = None) -> str:
    """How long `ganctl evaluate` with Inception takes, at `seconds` an image or what an untrained network takes."""
    if seconds is None:
        seconds = _untrained_seconds_per_image(journal.session.device.torch_device, journal.session.spec)
    return _minutes((IMAGES_OF_EVALUATE + len(journal.session.store.images)) * seconds)


@cache
def _untrained_seconds_per_image(device: torch.device, spec: DataSpec) -> float:
    """Measured once in a process: a sweep's jobs need not wait for it again."""
    from ganctl.feature.inception import Inception

    return seconds_per_image(Inception.untrained(device=device), spec, images=4)


def _minutes(seconds: float) -> str:
    return f"about {max(1, round(seconds / 60)):,} min"


def _show(journal: Journal, summary: dict[str, Any]) -> None:
    final, fid = ScoreSet.from_plain(summary), ScoreSet.from_plain(summary["fid"])
    scores = with_intervals(final) | with_intervals(fid)
    shares = final.shares.values()
    held_out = ScoreSet.from_plain(summary["held_out"])
    rows = {
        "ended": f"{summary['reason']}, after {counted(summary['step'], 'step')}",
        **_checkpoint_row(summary),
        "sample grid": summary["grid"] or "none yet",
        "real images": str(journal.folder / "samples" / "real.png"),
        "run folder": str(journal.folder),
    }
    if summary["protocol"]:
        rows["protocol"] = line(final.protocol)
    if held_out.scores:
        number, what = counted(held_out.protocol.num_generated or 0, "image"), summary["held_out"]["what"]
        name = summary["held_out"].get("name")
        rows[name or "held-out images"] = (
            f"{number}, {what}" if name else f"{number} of {what}, which the generator has not seen"
        )
    if judge := _judge_accuracy(final.protocol):
        rows["judge"] = judge
    if shares:
        rows["class shares"] = f"{100 * min(shares):.1f} % to {100 * max(shares):.1f} %"
    rows |= {f"left out: {name}": why for name, why in summary["left_out"].items()}
    if reason := summary["fid"].get("skipped"):
        rows["Inception fid"] = f"not computed: {summary['fid'].get('brief', reason)}"
    commands = {"look at it all": f"ganctl report {shlex.quote(str(journal.folder))}"}
    commands |= journal.trackers.commands(journal.folder, "look at the curves")
    if summary["last_checkpoint"]:
        if isinstance(journal.session.task, Sourced):
            commands["make pictures of yours"] = command_on(journal, "translate", "PICTURES")
        else:
            commands["draw more"] = command_on(journal, "sample")
        commands |= _going_on(journal, summary["status"])
    if command := summary["fid"].get("command"):
        commands[f"Inception fid ({summary['fid']['estimate']})"] = command
    journal.console.summary(beside_others(scores, summary["held_out"]), rows, commands)


def command_on(journal: Journal, command: str, *words: str) -> str:
    """A command on the run that works as it stands, pasted into a shell."""
    program = ["ganctl", *command.split(), str(journal.folder), *journal.options]
    return f"{shlex.join(program)} {' '.join(words)}".rstrip()


def _going_on(journal: Journal, status: str) -> dict[str, str]:
    """How to train on: what was stopped as it is, what has ended with a setting that lets it go on."""
    config, label, words = journal.config, "go on", []
    if status == "time":
        words = [f"stop.max_minutes={2 * config.stop.max_minutes:g}"]
    elif status in ("target", "patience"):
        words = [f"stop.{status}=null"]
    elif status == "trouble" and config.health.action == "rollback":
        label, words = "go on all the same", ["health.action=warn"]
    elif status == "diverged":
        rate = config.optimizer.get("lr")
        if not isinstance(rate, float):
            return {}
        label, words = "go on more slowly", [f"optimizer.lr={rate / 4:.2g}"]
    if status not in ("interrupted", *FAILED) and journal.state.step >= journal.session.total_steps:
        label, words = "train longer", [*words, _twice_the_budget(config.training)]
    return {label: command_on(journal, "train --resume", *words)}


def _twice_the_budget(training: DictConfig) -> str:
    key = next(key for key in ("epochs", "images", "steps") if training[key] is not None)
    return f"training.{key}={2 * training[key]}"


def _checkpoint_row(summary: dict[str, Any]) -> dict[str, str]:
    if summary["best_checkpoint"]:
        return {"best checkpoint": f"{summary['best_checkpoint']} (step {summary['best_step']:,})"}
    if summary["last_checkpoint"]:
        return {"last checkpoint": f"{summary['last_checkpoint']} (not judged yet)"}
    return {"checkpoint": "none: it ended before the first (output.checkpoint_every)"}


def _judge_accuracy(protocol: Protocol) -> str | None:
    """How far a judge that is a classifier can be trusted, where that is known."""
    share, number, images = (
        protocol.facts.get("held_out_accuracy"),
        protocol.facts.get("held_out_images"),
        "held-out images",
    )
    if protocol.extractor == "digits":
        facts = json.loads(DIGITS.with_suffix(".json").read_text(encoding="utf-8"))
        share, number, images = facts["test_accuracy"], facts["test_images"], "test images of MNIST"
    if not isinstance(share, float) or not isinstance(number, int):
        return None
    return f"{protocol.extractor}, right on {100 * share:.1f} % of {number:,} {images}"
