"""What one process of a run keeps of it: scores, pictures, checkpoints, metrics, and what is on the screen."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ganctl import build, checkpoint
from ganctl.contract import Score
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import line
from ganctl.evaluation.ranking import better
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics import one_by_one
from ganctl.files import atomic_write_text, sweep, write_json
from ganctl.invocation.presets import About
from ganctl.job.grids import Grids
from ganctl.job.head import facts, head
from ganctl.job.pruning import Pruning
from ganctl.job.rollback import spared_steps
from ganctl.job.session import Session
from ganctl.job.signals import StopSignals
from ganctl.job.trackers import Trackers
from ganctl.job.watch import Watch
from ganctl.record.console import Console
from ganctl.record.jsonl import MetricsLog, read_lines
from ganctl.record.wording import with_intervals
from ganctl.report.health_scores import Finding
from ganctl.report.recorded import flat
from ganctl.training.drawer import Drawer
from ganctl.training.game import Log

_FIRST_LOSSES = 2.0  # seconds until losses are on the screen, however few steps that is


@dataclass
class Record:
    """What a run remembers besides its state: the best score so far, the time spent, each time that it went back."""

    best_value: float | None = None
    best_step: int | None = None
    evaluations_without_gain: int = 0
    evaluated_step: int = 0
    seconds: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)
    rollbacks: list[dict[str, Any]] = field(default_factory=list)


class Journal:
    """Judges, shows and writes down what a session does, into `folder`. One process of a run has it.

    `record` goes on where the checkpoint that the session was resumed from left it. `options` are what every command
    on this run has to have again: --config-dir and trust.
    """

    def __init__(
        self,
        session: Session,
        judge: Judge,
        score: Score,
        folder: Path,
        console: Console,
        signals: StopSignals,
        about: About,
        options: Sequence[str] = (),
        trackers: Trackers | None = None,
        pruning: Pruning | None = None,
    ) -> None:
        self.session, self.judge, self.score = session, judge, score
        self.folder, self.console, self.signals, self.options = folder, console, signals, list(options)
        self.about, self.trackers = about, trackers or Trackers({}, console.warn)
        self.grids = Grids(session, folder / "samples", self.trackers)
        self.pruning, self.is_hopeless = pruning, False
        self.config, self.state, self.checkpoints = session.config, session.state, folder / "checkpoints"
        self.record = Record(**session.saved["record"]) if session.saved else Record()
        self._began = time.monotonic() - self.record.seconds
        self._last_report = (time.monotonic(), self.state.step)
        self._warned = False
        self.grave: list[Finding] = []  # what keeps the run from going on as it is
        self.ending: str | None = None  # why it ends, where its status does not say it
        self._open_sinks()
        console.header(head(self))
        for warning in about.warnings:
            console.warn(warning)
        self._start_console()
        self._losses_at = time.monotonic() + _FIRST_LOSSES
        self.grids.save_first()

    # The four jobs

    def write_losses(self, log: Log) -> None:
        """One line of metrics.jsonl, the trackers, and the console."""
        step, values = self.state.step, {name: float(value) for name, value in log.items()}
        now = time.monotonic()
        speed = self._images_per_second(now)
        self._last_report = (now, step)
        timing = {"images_per_second": round(speed, 1), "seconds": round(now - self._began, 2)}
        rate = float(next(iter(self.state.optimizers.values())).param_groups[0]["lr"])
        signs = self.watch.signs() if self.watch.is_due(step) else {}
        self.write({"step": step, "kind": "losses", **values, **signs, "learning_rate": rate, **timing})
        self.trackers.scalars(step, "losses", values)
        self.trackers.scalars(step, "health", signs)
        self.trackers.scalars(step, "training", {"learning_rate": rate, "images_per_second": speed})
        best = self.record.latest.get(self.score.name)
        self.console.step(step, values, speed, None if best is None else (self.score.name, best))
        self._losses_at = math.inf

    def show_first_losses(self, log: Log) -> None:
        """Losses on the screen alone, ever more seldom, until the first line of metrics.jsonl is due."""
        now = time.monotonic()
        if now < self._losses_at:
            return
        self._losses_at = now + 2 * max(now - self._last_report[0], _FIRST_LOSSES)
        values = {name: float(value) for name, value in log.items()}
        self.console.step(self.state.step, values, self._images_per_second(now))

    def _images_per_second(self, now: float) -> float:
        """The speed since the last line of metrics.jsonl."""
        then, step = self._last_report
        return (self.state.step - step) * self.config.training.batch_size / max(now - then, 1e-9)

    def evaluate(self) -> None:
        """Scores the averaged generator; keeps the checkpoint if it is the best yet."""
        step = self.state.step
        scores = self.judged(self.session.drawer(), self.config.evaluation.num_images)
        plain, values = scores.to_plain(), scores.values
        self.write({"step": step, "kind": "scores", **plain.pop("scores"), **plain})
        self.trackers.scores(step, values, line(scores.protocol))
        record, name = self.record, self.score.name
        record.latest, record.evaluated_step = values, step
        if name not in values:
            raise ValueError(f"stop.score={name}: not among the scores: {', '.join(values)}")
        value = values[name]
        is_best = record.best_value is None or better(self.score.direction, value, record.best_value)
        if is_best:
            record.best_value, record.best_step, record.evaluations_without_gain = value, step, 0
            content = self.content()
            checkpoint.save_best(self.checkpoints, content)
            self.save_weights("best", content)
        else:
            record.evaluations_without_gain += 1
        if self.pruning is not None:
            self.is_hopeless = self.pruning.report(step, values) and step < self.session.total_steps
        self.console.scores(step, with_intervals(scores), best=is_best)
        for warning in scores.warnings if not self._warned else ():
            self._warned = True
            self.console.warn(warning)
        self._last_report = (time.monotonic(), step)

    def save_checkpoint(self) -> None:
        """Saves the state for recovery."""
        self.record.seconds = self.seconds()
        self.trackers.flush()
        step = self.state.step
        is_best = self.record.best_step == step
        kept, spared = self.config.output.keep_last, spared_steps(self)
        checkpoint.save_step(self.checkpoints, step, self.content(), kept, is_best=is_best, spared=spared)

    def look(self, *, diverged: bool = False) -> str | None:
        """Says each trouble that was not there at the last look.

        Returns the status that the run ends with for it: diverged, or trouble where `health.action` is for it; or None.
        """
        settings, new = self.config.health, self.watch.look(diverged=diverged)
        for _, finding in new:
            cure = f"; try {finding.cure}" if finding.cure else ""
            self.console.warn(f"step {self.state.step}: {finding.title}: {finding.evidence}{cure}")
        acts_on = settings.act_on if settings.action != "warn" else []
        self.grave = [finding for name, finding in new if diverged or name in acts_on]
        return "diverged" if diverged else "trouble" if self.grave else None

    # What they and the end of the run need

    def evaluation_was_cut_off(self) -> bool:
        """Whether an evaluation is due at the step that the run goes on from, and was not finished."""
        every, step = self.config.output.evaluate_every, self.state.step
        due = step > 0 and (step == self.session.total_steps or (every is not None and step % every == 0))
        return due and self.record.evaluated_step != step

    def reason_to_stop(self) -> str | None:
        """interrupted, pruned, time, target or patience, if any of them says to stop now."""
        stop, record = self.config.stop, self.record
        if self.signals.received:
            return "interrupted"
        if self.is_hopeless:
            return "pruned"
        if stop.max_minutes is not None and self.seconds() > 60 * stop.max_minutes:
            return "time"
        target, best = stop.target, record.best_value
        if target is not None and best is not None and not better(self.score.direction, target, best):
            return "target"
        if stop.patience is not None and record.evaluations_without_gain >= stop.patience:
            return "patience"
        return None

    def judged(self, drawer: Drawer, count: int, judge: Judge | None = None) -> ScoreSet:
        """The scores of `count` samples of the run's seed, against its data."""
        seed, count = self.config.seed, self.session.num_samples(count)
        weights_hash = self.judge.extractor.weights_hash
        spread = one_by_one if judge else self.session.spread_by(drawer, count, weights_hash)  # others know our judge
        return (judge or self.judge).evaluate(
            partial(drawer.samples, seed),
            self.session.judged,
            count,
            seed,
            labels=self.session.task.asked_labels(seed, count),
            pairs=self.session.has_truth,
            sources=getattr(self.session.task, "made_by", None),
            spread=spread,
        )

    def content(self) -> dict[str, Any]:
        """Everything a checkpoint holds."""
        return {**self.session.content(), "record": asdict(self.record)}

    def save_weights(self, name: str, content: dict[str, Any]) -> None:
        """The averaged generator alone as safetensors, with the class and the arguments that rebuild it."""
        target, arguments = build.constructor(self.session.plain_config, "generator", self.session.task)
        about = {"network": target, "arguments": arguments, "dataset": self.session.spec.name}
        checkpoint.save_weights(self.checkpoints / f"{name}.safetensors", content, about)

    def save_last_weights(self) -> None:
        """last.safetensors: the same file as best.safetensors where the last step is the best."""
        best = self.checkpoints / "best.safetensors"
        if self.record.best_step == self.state.step and best.is_file():
            checkpoint.duplicate(best, self.checkpoints / "last.safetensors")
        else:
            self.save_weights("last", self.content())

    def seconds(self) -> float:
        """Time spent on this run, earlier stretches included."""
        return time.monotonic() - self._began

    def write(self, line: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl."""
        self.metrics.append(line)
        self.watch.remember(line)

    def go_on(self, record: dict[str, Any], rollbacks: list[dict[str, Any]]) -> None:
        """After the session has gone back: takes up the `record` of that checkpoint, with these `rollbacks`.

        The checkpoint is saved again with the new attempt in it, so that this attempt goes on also after a kill.
        """
        self.record = Record(**{**record, "rollbacks": rollbacks})
        self._forget_a_best_that_is_gone()
        self.save_checkpoint()
        self._take_up()
        self.trackers.close(None)
        self._open_trackers()
        self._start_console()
        self._last_report = (time.monotonic(), self.state.step)

    def close(self) -> None:
        self.metrics.close()
        self.trackers.close(None)

    def _open_sinks(self) -> None:
        session, step, resumed = self.session, self.state.step, self.session.saved is not None
        for folder in (self.folder, *(path for path in self.folder.iterdir() if path.is_dir())):
            sweep(folder)
        self.metrics = MetricsLog(self.folder / "metrics.jsonl")
        self.watch = Watch(session, self.folder, self.write)
        if resumed:
            if moved := checkpoint.set_aside_after(self.folder, step):
                self.console.note(f"what came after step {step} was moved to {moved}")
            self._forget_a_best_that_is_gone()
        self._take_up()
        self._open_trackers()
        suffix = f"-from-{step}" if resumed else ""
        text = OmegaConf.to_yaml(OmegaConf.create(session.plain_config))
        atomic_write_text(self.folder / f"config{suffix}.yaml", text)
        write_json(self.folder / f"environment{suffix}.json", facts(self))

    def _take_up(self) -> None:
        """Leaves in metrics.jsonl what the run goes on from, with a line on each time that it went back."""
        step, path = self.state.step, self.folder / "metrics.jsonl"
        self.metrics.truncate_after(step)
        lines = read_lines(path)
        self.watch.forget(lines)
        known = [line["attempt"] for line in lines if line and line.get("kind") == "rollback"]
        for rollback in self.record.rollbacks:
            if rollback["attempt"] not in known:
                self.write({"step": step, "kind": "rollback", **rollback})

    def _forget_a_best_that_is_gone(self) -> None:
        if not (self.checkpoints / "best.pt").is_file():  # the best up to now was overwritten by one set aside
            self.record.best_value = self.record.best_step = None

    def _open_trackers(self) -> None:
        settings, is_new = dict(flat(self.session.plain_config)), not (self.session.saved or self.record.rollbacks)
        self.trackers.open(self.folder, settings, self.score.name, None if is_new else self.state.step)

    def _start_console(self) -> None:
        deadline = self._began + 60 * limit if (limit := self.config.stop.max_minutes) is not None else None
        self.console.start(self.session.total_steps, self.state.step, deadline)
