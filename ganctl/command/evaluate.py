"""`ganctl evaluate RUN`: scores of a trained generator against its data set, with the protocol they were made under."""

from __future__ import annotations

import statistics
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganctl import build, checkpoint
from ganctl.command.judge import Judge
from ganctl.command.run import headline
from ganctl.command.trained import Trained, open_trained
from ganctl.report.console import Console
from ganctl.report.files import write_json


def run(config: DictConfig, target: Path) -> int:
    """Scores what `config` (evaluate.yaml) asks for, prints a table, writes it into the run; returns the exit code."""
    with Console(None) as console:
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        merged = _as_run(config, trained)
        dataset = build.dataset(merged)
        judge = Judge(merged, dataset.spec, device, console.progress)
        store = dataset.load(console.progress)
        if config.num_real is not None and config.num_real > len(store.images):
            raise ValueError(f"num_real={config.num_real}: there are {len(store.images)} images; try null for all")
        draws = [
            judge.evaluate(
                lambda start, count, seed=seed: trained.generate(seed, start, count),
                store,
                config.num_images,
                seed,
                config.weights,
            )
            for seed in range(config.seed, config.seed + config.draws)
        ]
        try:
            written = str(_write(trained, draws))
        except OSError as error:  # a run on a read-only disk; its scores are shown all the same
            written = f"nowhere: {checkpoint.run_folder(trained.path)} cannot be written to ({error.strerror})"
        rows = {
            "checkpoint": f"{trained.path} (step {trained.step:,}, {config.weights} weights)",
            "protocol": "  ".join(f"{key}={_short(value)}" for key, value in draws[0].protocol.items()),
            "written to": written,
        }
        console.summary(dict(headline(_means(draws))), rows | _spread(draws), {})
    return 0


def _as_run(config: DictConfig, trained: Trained) -> DictConfig:
    """The run's configuration with the judge and the numbers of this command."""
    if missing := {"dataset", "feature", "metric", "evaluation", "stop"} - trained.config.keys():
        raise ValueError(f"{trained.path}: its configuration is incomplete, without {', '.join(sorted(missing))}")
    merged = OmegaConf.create(trained.config)
    if config.feature is not None:
        merged.feature = config.feature
    if config.metric:
        merged.metric = config.metric
    if config.split is not None:
        if "split" not in merged.dataset:
            raise ValueError(f"split={config.split}: {trained.spec.name} has no splits; leave it out")
        merged.dataset.split = config.split
    merged.trust = config.trust
    merged.evaluation.batch_size = config.batch_size
    merged.evaluation.num_real = config.num_real
    merged.stop.score = None
    return merged


def _write(trained: Trained, draws: list[Any]) -> Path:
    folder = checkpoint.run_folder(trained.path)
    stem = f"scores-{datetime.now():%Y-%m-%d_%H-%M-%S}"
    path, number = folder / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    records = [{"scores": each.scores, "protocol": each.protocol} for each in draws]
    write_json(path, {"checkpoint": str(trained.path), "step": trained.step, "draws": records})
    return path


def _means(draws: list[Any]) -> dict[str, float]:
    return {name: statistics.fmean(each.scores[name] for each in draws) for name in draws[0].scores}


def _spread(draws: list[Any]) -> dict[str, str]:
    """The standard deviation over several draws, in words."""
    if len(draws) < 2:
        return {}
    found = {name: statistics.stdev(each.scores[name] for each in draws) for name, _ in headline(draws[0].scores)}
    return {f"deviation over {len(draws)} draws": "  ".join(f"{name} {value:.3g}" for name, value in found.items())}


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text
