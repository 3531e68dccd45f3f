"""A run that is open: its parts, its folder, and the jobs that `ganctl train` does between steps."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from ganctl import build, checkpoint
from ganctl.command.signals import StopSignals
from ganctl.configuration.keys import keys_of
from ganctl.contract import DataSpec
from ganctl.evaluation.protocol import too_few
from ganctl.evaluation.ranking import better
from ganctl.files import atomic_write_text, write_json
from ganctl.record.console import Console
from ganctl.record.environment import environment
from ganctl.record.image_grid import save_grid
from ganctl.record.jsonl import MetricsLog
from ganctl.record.tensorboard import TensorBoard
from ganctl.record.wording import with_intervals
from ganctl.training.draws import asked_labels, sample_inputs
from ganctl.training.feed import Feed
from ganctl.training.step import Log

_KEYS = {"score": "stop.score", "num_images": "evaluation.num_images", "num_real": "evaluation.num_real"}


@dataclass
class Record:
    """What a run remembers besides its state: the best score so far, and the time spent."""

    best_value: float | None = None
    best_step: int | None = None
    evaluations_without_gain: int = 0
    evaluated_step: int = 0
    seconds: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)


class Run:
    """Opens data, networks, judge and sinks from `config`; goes on from the checkpoint `resume` if one is given."""

    def __init__(
        self, config: DictConfig, folder: Path, resume: Path | None, console: Console, signals: StopSignals
    ) -> None:
        self.config, self.folder, self.console, self.signals = config, folder, console, signals
        self.checkpoints = folder / "checkpoints"
        self.plain_config = build.plain(config)
        self.device = build.device(config)
        dataset = build.dataset(config)
        self.game, self.scheduler = build.game(config), build.scheduler(config)
        self.state = build.state(config, dataset.spec, self.device)
        self.record = Record()
        saved = self._open_checkpoint(resume) if resume else None
        self.judge = build.judge(config, self.device, self.progress)
        number = config.evaluation.num_images
        with keys_of(**_KEYS):
            self.score = self.judge.check(dataset.spec, conditional=config.conditional, num_images=number)
        self.store = dataset.load(self.progress)
        self.spec: DataSpec = self.store.spec
        training = config.training
        if training.batch_size > len(self.store.images):
            raise ValueError(
                f"training.batch_size={training.batch_size}: {self.spec.name} has {len(self.store.images)} images; "
                f"try training.batch_size={len(self.store.images)}"
            )
        with keys_of(**_KEYS):
            self.judge.check_store(self.store)
        self.judge.prepare(self.store)
        self.feed = Feed(self.store, self.device, batch_size=training.batch_size, seed=config.seed, flip=training.flip)
        self.class_counts = self._class_counts()
        self.total_steps = build.total_steps(config, len(self.store.images))
        self.first_step = self.state.step
        self._began = time.monotonic() - self.record.seconds
        self._last_report = (time.monotonic(), self.state.step)
        self._warned = False
        self._open_sinks(saved)
        console.header(self._header())
        console.start(self.total_steps, self.state.step)

    # The four jobs

    def report(self, log: Log) -> None:
        """One line of metrics.jsonl, TensorBoard, and the console."""
        step, values = self.state.step, {name: float(value) for name, value in log.items()}
        now = time.monotonic()
        then, before = self._last_report
        speed = (step - before) * self.config.training.batch_size / max(now - then, 1e-9)
        self._last_report = (now, step)
        timing = {"images_per_second": round(speed, 1), "seconds": round(now - self._began, 2)}
        rate = self.state.generator_optimizer.param_groups[0]["lr"]
        self.metrics.append({"step": step, "kind": "losses", **values, "learning_rate": rate, **timing})
        self._to_tensorboard({**values, "learning_rate": rate, "images_per_second": speed})
        best = self.record.latest.get(self.score.name)
        self.console.step(step, values, speed, None if best is None else (self.score.name, best))

    def save_grid(self, name: str | None = None) -> Path:
        """The same latents as ever, drawn by the averaged generator of now; a conditional run has a class a column."""
        count, classes = self.config.output.grid, len(self.class_counts or [0])
        columns = classes if 1 < classes <= count else None
        count -= count % (columns or 1)  # whole rows
        latents, _ = sample_inputs(self.config.seed, 0, count, self.config.latent_size, None)
        images = self.draw(latents, torch.arange(count) % classes)
        path = self.folder / "samples" / (name or f"step-{self.state.step:08d}.png")
        save_grid(images, path, columns=columns)
        if self.tensorboard and name is None:
            self.tensorboard.grid(self.state.step, images, columns=columns)
        return path

    def evaluate(self) -> None:
        """Scores the averaged generator; keeps the checkpoint if it is the best yet."""
        step = self.state.step
        number = self.config.evaluation.num_images
        seed = self.config.seed
        scores = self.judge.evaluate(self.generate, self.store, number, seed, labels=self.labels_of_samples(number))
        plain, values = scores.to_plain(), scores.values
        self.metrics.append({"step": step, "kind": "scores", **plain.pop("scores"), **plain})
        self._to_tensorboard(values)
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
        self.console.scores(step, with_intervals(scores), best=is_best)
        if (warning := too_few(scores.protocol)) and not self._warned:
            self._warned = True
            self.console.warn(warning)
        self._last_report = (time.monotonic(), step)

    def save_checkpoint(self) -> None:
        """Saves the state for recovery."""
        self.record.seconds = self.seconds()
        if self.tensorboard:
            self.tensorboard.flush()
        checkpoint.save_step(self.checkpoints, self.state.step, self.content(), self.config.output.keep_last)

    # What they and the end of the run need

    def is_finite(self, log: Log) -> bool:
        """Whether every loss of the step and every weight after it is a finite number."""
        return all(math.isfinite(float(value)) for value in log.values()) and self.state.is_finite()

    def evaluation_was_cut_off(self) -> bool:
        """Whether an evaluation is due at the step that the run goes on from, and was not finished."""
        every, step = self.config.output.evaluate_every, self.state.step
        due = step > 0 and (step == self.total_steps or (every is not None and step % every == 0))
        return due and self.record.evaluated_step != step

    def reason_to_stop(self) -> str | None:
        """interrupted, time, target or patience, if any of them says to stop now."""
        stop, record = self.config.stop, self.record
        if self.signals.received:
            return "interrupted"
        if stop.max_minutes is not None and self.seconds() > 60 * stop.max_minutes:
            return "time"
        target, best = stop.target, record.best_value
        if target is not None and best is not None and not better(self.score.direction, target, best):
            return "target"
        if stop.patience is not None and record.evaluations_without_gain >= stop.patience:
            return "patience"
        return None

    @torch.no_grad()
    def draw(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The averaged generator's images (N, C, H, W) for these inputs, in fp32."""
        where = self.device.torch_device
        return self.state.average(latents.to(where), labels.to(where)).float()

    def generate(self, start: int, count: int) -> torch.Tensor:
        """Samples start ... start + count of the run's seed: what evaluations judge."""
        return self.draw(*sample_inputs(self.config.seed, start, count, self.config.latent_size, self.class_counts))

    def labels_of_samples(self, count: int) -> torch.Tensor | None:
        """The classes asked for in samples 0 ... count of the run's seed; None if it is not conditional."""
        return asked_labels(self.config.seed, count, self.config.latent_size, self.class_counts)

    def content(self) -> dict[str, Any]:
        """Everything a checkpoint holds."""
        return {
            "config": self.plain_config,
            "spec": {**asdict(self.spec), "image_shape": list(self.spec.image_shape)},
            "class_counts": self.class_counts,
            "class_names": list(self.store.class_names),
            "record": asdict(self.record),
            "state": self.state.state_dict(),
        }

    def save_weights(self, name: str, content: dict[str, Any]) -> None:
        """The averaged generator alone, as safetensors."""
        metadata = {"step": str(content["state"]["step"]), "dataset": self.spec.name, "network": "generator average"}
        checkpoint.save_weights(self.checkpoints / f"{name}.safetensors", content["state"]["average"], metadata)

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows how far something long is, and leaves it if a signal came."""
        self.signals.raise_if_received()
        self.console.progress(what, done, total)

    def seconds(self) -> float:
        """Time spent on this run, earlier stretches included."""
        return time.monotonic() - self._began

    def close(self) -> None:
        self.metrics.close()
        if self.tensorboard:
            self.tensorboard.close()

    def _open_checkpoint(self, path: Path) -> dict[str, Any]:
        saved = checkpoint.load(path)
        if changed := build.networks_differ(saved["config"], self.plain_config):
            raise ValueError(f"{changed[0]}: a resumed run keeps its networks; start a new run to change them")
        self.state.load_state_dict(saved["state"])
        self.record = Record(**saved["record"])
        return saved

    def _open_sinks(self, saved: dict[str, Any] | None) -> None:
        step = self.state.step
        self.metrics = MetricsLog(self.folder / "metrics.jsonl")
        if saved:
            if moved := checkpoint.set_aside_after(self.folder, step):
                self.console.note(f"what came after step {step} was moved to {moved}")
            self.metrics.truncate_after(step)
            if not (self.checkpoints / "best.pt").is_file():  # the best up to now was overwritten by one set aside
                self.record.best_value = self.record.best_step = None
        self.tensorboard = None
        if self.config.output.tensorboard:
            self.tensorboard = TensorBoard(self.folder / "tensorboard", resumed_at=step if saved else None)
        suffix = f"-from-{step}" if saved else ""
        atomic_write_text(self.folder / f"config{suffix}.yaml", OmegaConf.to_yaml(OmegaConf.create(self.plain_config)))
        facts = environment() | {
            "seed": self.config.seed,
            "device": str(self.device),
            "data_hash": self.store.content_hash,
        }
        write_json(self.folder / f"environment{suffix}.json", facts)

    def _to_tensorboard(self, values: dict[str, float]) -> None:
        if self.tensorboard:
            self.tensorboard.scalars(self.state.step, values)

    def _class_counts(self) -> list[int] | None:
        if not self.config.conditional:
            return None
        labels = torch.from_numpy(self.store.labels.copy())
        return torch.bincount(labels, minlength=self.spec.num_classes or 0).tolist()

    def _header(self) -> dict[str, str]:
        channels, height, width = self.spec.image_shape
        config, state = self.config, self.state
        return {
            "data": f"{self.spec.name}: {len(self.store.images):,} images of {width}x{height}x{channels}",
            "generator": build.described(config.generator, state.generator),
            "discriminator": build.described(config.discriminator, state.discriminator),
            "loss": ", ".join([build.name_of(config.loss), *config.regularizer]),
            "device": f"{self.device}, {torch.get_num_threads()} threads",
            "budget": f"{self.total_steps:,} steps of {config.training.batch_size} images"
            + (f", going on after step {self.first_step:,}" if self.first_step else ""),
            "folder": str(self.folder),
        }
