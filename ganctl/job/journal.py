"""What one process of a run keeps of it: scores, pictures, checkpoints, metrics, and what is on the screen."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from ganctl import build, checkpoint
from ganctl.contract import Score, Sourced
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import line
from ganctl.evaluation.ranking import better
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics import one_by_one
from ganctl.files import atomic_write_text, sweep, write_json
from ganctl.invocation.presets import About
from ganctl.job.pruning import Pruning
from ganctl.job.real_grid import real_grid
from ganctl.job.session import Session
from ganctl.job.signals import StopSignals
from ganctl.job.trackers import Trackers
from ganctl.processes import launch_name
from ganctl.record.console import Console
from ganctl.record.environment import environment
from ganctl.record.image_grid import make_grid, save_grid
from ganctl.record.jsonl import MetricsLog
from ganctl.record.wording import counted, with_intervals
from ganctl.report.recorded import flat
from ganctl.training.drawer import Drawer
from ganctl.training.game import Log

_FIRST_LOSSES = 2.0  # seconds until losses are on the screen, however few steps that is


@dataclass
class Record:
    """What a run remembers besides its state: the best score so far, and the time spent."""

    best_value: float | None = None
    best_step: int | None = None
    evaluations_without_gain: int = 0
    evaluated_step: int = 0
    seconds: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)


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
        self.pruning, self.is_hopeless = pruning, False
        self.config, self.state = session.config, session.state
        self.checkpoints = folder / "checkpoints"
        self.record = Record(**session.saved["record"]) if session.saved else Record()
        self._began = time.monotonic() - self.record.seconds
        self._last_report = (time.monotonic(), self.state.step)
        self._warned = False
        self._open_sinks()
        console.header(self._header())
        for warning in about.warnings:
            console.warn(warning)
        limit = self.config.stop.max_minutes
        console.start(session.total_steps, self.state.step, None if limit is None else self._began + 60 * limit)
        self._losses_at = time.monotonic() + _FIRST_LOSSES
        self._save_first_grids()

    # The four jobs

    def write_losses(self, log: Log) -> None:
        """One line of metrics.jsonl, the trackers, and the console."""
        step, values = self.state.step, {name: float(value) for name, value in log.items()}
        now = time.monotonic()
        speed = self._images_per_second(now)
        self._last_report = (now, step)
        timing = {"images_per_second": round(speed, 1), "seconds": round(now - self._began, 2)}
        rate = next(iter(self.state.optimizers.values())).param_groups[0]["lr"]
        self.metrics.append({"step": step, "kind": "losses", **values, "learning_rate": rate, **timing})
        self.trackers.scalars(step, "losses", values)
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

    def save_grid(self) -> None:
        """The same samples as ever, drawn by the averaged generator of now."""
        images, columns = self._drawn_grid(self.session.drawer())
        save_grid(images, self.folder / "samples" / f"step-{self.state.step:08d}.png", columns=columns)
        self.trackers.grid(self.state.step, "samples/generated", make_grid(images, columns))

    def save_best_grid(self, drawer: Drawer) -> None:
        """The same samples, drawn by the best generator."""
        images, columns = self._drawn_grid(drawer)
        save_grid(images, self.folder / "samples" / "best.png", columns=columns)

    def _save_first_grids(self) -> None:
        """Real images in the layout of the samples, to look at beside them; and what the untrained generator draws."""
        path = self.folder / "samples" / "real.png"
        if not path.exists():
            given, columns = self.session.task.grid(self.config.seed, self.config.output.grid)
            count, labels = len(next(iter(given.values()))), given.get("labels")
            asked = None if columns is None or labels is None else labels.numpy()
            images = real_grid(self.session.store, count, asked, self.config.seed)
            save_grid(images, path, columns=columns)
            self.trackers.grid(0, "samples/real", make_grid(images, columns))
        if self.state.step == 0 and self.config.output.sample_early:
            self.save_grid()

    def _drawn_grid(self, drawer: Drawer) -> tuple[Tensor, int | None]:
        """Samples as people look at them: those of a translation beside their sources."""
        task = self.session.task
        given, columns = task.grid(self.config.seed, self.config.output.grid)
        images = drawer.draw(given)
        return task.pictures(given, images) if isinstance(task, Sourced) else (images, columns)

    def evaluate(self) -> None:
        """Scores the averaged generator; keeps the checkpoint if it is the best yet."""
        step = self.state.step
        scores = self.judged(self.session.drawer(), self.config.evaluation.num_images)
        plain, values = scores.to_plain(), scores.values
        self.metrics.append({"step": step, "kind": "scores", **plain.pop("scores"), **plain})
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
        checkpoint.save_step(self.checkpoints, step, self.content(), self.config.output.keep_last, is_best=is_best)

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

    def close(self) -> None:
        self.metrics.close()
        self.trackers.close(None)

    def _open_sinks(self) -> None:
        session, step, resumed = self.session, self.state.step, self.session.saved is not None
        for folder in (self.folder, *(path for path in self.folder.iterdir() if path.is_dir())):
            sweep(folder)
        self.metrics = MetricsLog(self.folder / "metrics.jsonl")
        if resumed:
            if moved := checkpoint.set_aside_after(self.folder, step):
                self.console.note(f"what came after step {step} was moved to {moved}")
            self.metrics.truncate_after(step)
            if not (self.checkpoints / "best.pt").is_file():  # the best up to now was overwritten by one set aside
                self.record.best_value = self.record.best_step = None
        settings = dict(flat(session.plain_config))
        self.trackers.open(self.folder, settings, self.score.name, step if resumed else None)
        suffix = f"-from-{step}" if resumed else ""
        text = OmegaConf.to_yaml(OmegaConf.create(session.plain_config))
        atomic_write_text(self.folder / f"config{suffix}.yaml", text)
        facts = environment() | {
            "seed": self.config.seed,
            "choices": self.about.choices,
            "device": str(session.device),
            "processes": session.world.size,
            "launch": launch_name(),
            "data_hash": session.store.content_hash,
            "options": self.options,
        }
        write_json(self.folder / f"environment{suffix}.json", facts)

    def _header(self) -> dict[str, str]:
        session, config = self.session, self.config
        channels, height, width = session.spec.image_shape
        images = counted(len(session.store.images), "image")
        networks = {
            name: build.described(config[group], self.state.networks[name])
            for name, group in session.game.networks.items()
        }
        return {
            "data": f"{session.spec.name}: {images} of {width}x{height}x{channels}",
            **self.about.header,
            **networks,
            "loss": ", ".join([build.name_of(config.loss), *config.regularizer, *config.augment, *config.term]),
            "device": f"{session.device}, {counted(torch.get_num_threads(), 'thread')}"
            + (f", {size} processes of as many" if (size := session.world.size) > 1 else ""),
            "budget": f"{counted(session.total_steps, 'step')} of {config.training.batch_size} images"
            + (f", going on after step {session.first_step:,}" if session.first_step else "")
            + (f", {counted(limit, 'minute')} at most" if (limit := config.stop.max_minutes) is not None else ""),
            "folder": str(self.folder),
            **self.trackers.commands(self.folder, "curves"),
        }
