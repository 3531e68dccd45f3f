"""`ganctl train`: opens a run, consumes the training loop, and does the four periodic jobs between its steps."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganctl.command.final import check_weights, finish
from ganctl.command.run import Run
from ganctl.command.signals import Interrupted, StopSignals
from ganctl.record.console import Console
from ganctl.training.loop import train


def run(config: DictConfig, folder: Path, resume: Path | None = None) -> dict[str, Any]:
    """Trains into `folder`, from the checkpoint `resume` on if given, and returns the run's summary.

    The summary has `status` (finished, target, patience, time, diverged, interrupted), `exit_code`, `score`, `folder`.
    Raises ValueError in one line for what the user can mend.
    """
    check_weights(config)
    with Console(folder / "train.log") as console, StopSignals() as signals:
        try:
            job = Run(config, folder, resume, console, signals)
        except Interrupted:
            console.warn("interrupted before training began; there was nothing to save")
            return {"status": "interrupted", "exit_code": signals.exit_code, "score": None, "folder": str(folder)}
        with closing(job):
            return finish(job, _train(job))


def _train(job: Run) -> str:
    """The loop. Returns why it ended."""
    output, total_steps = job.config.output, job.total_steps
    stop = job.reason_to_stop()
    steps = train(job.state, job.game, job.device, job.feed, job.scheduler, total_steps)
    try:
        if stop is None and job.evaluation_was_cut_off():
            job.evaluate()
            job.save_checkpoint()
            stop = job.reason_to_stop()
        elif stop:
            job.save_checkpoint()
        while stop is None and (log := next(steps, None)) is not None:
            step = job.state.step
            last = step == total_steps
            job.console.advance(step)
            report = _due(step, output.log_every, last)
            sample = _due(step, output.sample_every, last)
            judge = _due(step, output.evaluate_every, last)
            save = _due(step, output.checkpoint_every, last)
            if (report or sample or judge) and not job.is_finite(log):
                return "diverged"
            if report:
                job.report(log)
            if sample:
                job.save_grid()
            if judge:
                job.evaluate()
            stop = job.reason_to_stop()
            if save or stop:
                if not job.is_finite(log):
                    return "diverged"
                job.save_checkpoint()
    except Interrupted:  # out of an evaluation: the state is that of the step before it
        job.save_checkpoint()
        return "interrupted"
    return stop or "finished"


def _due(step: int, every: int | None, last: bool) -> bool:
    return last or (every is not None and step % every == 0)
