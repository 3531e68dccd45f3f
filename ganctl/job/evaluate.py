"""`ganctl evaluate RUN`: scores of a trained generator against its data set, with the protocol they were made under."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganctl import build, checkpoint
from ganctl.configuration.keys import choice_of, keys_of
from ganctl.contract import FeatureSet, ImageStore, Sourced, TrainedOnData
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import line
from ganctl.evaluation.scores import ScoreSet, deviation, mean
from ganctl.files import as_json, write_new
from ganctl.job.splits import has_truth, to_learn_and_to_judge
from ganctl.job.untouched import untouched_scores
from ganctl.metric.memorisation import nearest_real, nearest_samples
from ganctl.record.console import Console
from ganctl.record.image_grid import save_grid
from ganctl.record.wording import beside_others, with_intervals
from ganctl.trained import Trained, open_trained


def evaluate_run(config: DictConfig, target: Path) -> int:
    """Scores what `config` (evaluate.yaml) asks for, prints a table, writes it into the run; returns the exit code."""
    with Console(None) as console:
        device = build.device(config)
        trained = open_trained(target, config.weights, device, list(config.trust))
        merged = _as_run(config, trained)
        dataset = build.dataset(merged)
        judge = build.judge(merged, device, console.progress, dataset.spec)
        judge = replace(judge, score=None, num_real=config.num_real, batch_size=config.batch_size)
        with keys_of("dataset"):
            store = dataset.load(console.progress)
        drawer, count = trained.drawer, config.num_images
        if isinstance(task := drawer.task, Sourced):
            if config.split is None:
                _, store = to_learn_and_to_judge(merged, dataset, store, task, console.progress)
            drawer = replace(drawer, task=drawer.task.fitted(store))
            count = min(count, len(store.images if store.sources is None else store.sources))
        judge.check_store(store)
        _prepare(judge, store, trained, console, list(config.trust))
        beside: dict[str, Any] = {}
        pairs = has_truth(drawer.task, dataset)
        if isinstance(drawer.task, Sourced):
            beside = untouched_scores(drawer, judge, store, count, pairs=pairs)
        draws: list[ScoreSet] = []
        pictures: list[Tensor | None] = []  # of the first draw
        for seed in range(config.seed, config.seed + config.draws):
            if config.draws > 1:
                console.note(f"draw {len(draws) + 1} of {config.draws}")
            draws.append(
                judge.evaluate(
                    partial(drawer.samples, seed),
                    store,
                    count,
                    seed,
                    config.weights,
                    labels=drawer.task.asked_labels(seed, count),
                    look=None if draws else lambda *sides: pictures.append(beside_the_nearest(*sides)),
                    pairs=pairs,
                    sources=getattr(drawer.task, "made_by", None),
                )
            )
        for warning in draws[0].warnings:
            console.warn(warning)
        rows = {
            "checkpoint": f"{trained.path} (step {trained.step:,}, {config.weights} weights)",
            "protocol": line(draws[0].protocol, draws[0].protocol.known()),
            **_written(trained, draws, pictures[0], beside),
        }
        rows |= {f"left out: {name}": reason for name, reason in draws[0].left_out.items()}
        means = {name: mean([draw.values[name] for draw in draws]) for name in draws[0].scores}
        scores = beside_others(with_intervals(draws[0].with_values(means)), beside)
        console.summary(scores, rows | _spread(draws), {})
    return 0


def _prepare(judge: Judge, store: ImageStore, trained: Trained, console: Console, trust: list[str]) -> None:
    """An extractor that learns from data learns from those that the run was trained on, whatever split is judged."""
    own = trained.config["dataset"]
    if own.get("split", store.split) != store.split and isinstance(judge.extractor, TrainedOnData):
        whole = OmegaConf.create({**trained.config, "trust": trust})
        with keys_of("dataset"):
            store = build.dataset(whole).load(console.progress)
    with choice_of("feature", judge.extractor.name):
        judge.prepare(store)


def _as_run(config: DictConfig, trained: Trained) -> DictConfig:
    """The run's configuration with the data and the judge of this command."""
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
    return merged


def beside_the_nearest(generated: FeatureSet, real: FeatureSet, count: int = 16) -> Tensor | None:
    """Rows of `count` pictures (3 count, C, H, W) uint8: samples, their nearest real images by features, by pixels.

    The first half are the samples that are nearest to a real image, the others come as they were drawn. None where
    features or images are not kept.
    """
    sides = (generated.features, real.features, generated.images, real.images)
    if any(side is None for side in sides):
        return None
    assert generated.images is not None and real.images is not None
    suspects = nearest_samples(generated, real, min(count, generated.count) // 2)
    others = [number for number in range(generated.count) if number not in suspects.tolist()]
    shown = torch.tensor([*suspects.tolist(), *others[: count - len(suspects)]])
    near = [nearest_real(generated, real, shown, pixels=pixels).numpy() for pixels in (False, True)]
    rows = [generated.images[shown.numpy()], *(real.images[numbers] for numbers in near)]
    return torch.from_numpy(numpy.concatenate(rows))


def _written(trained: Trained, draws: list[ScoreSet], picture: Tensor | None, beside: dict[str, Any]) -> dict[str, str]:
    """Writes scores and picture into the run. Returns where they are, for the table."""
    folder = checkpoint.run_folder(trained.path)
    record = {"checkpoint": str(trained.path), "step": trained.step, "draws": [draw.to_plain() for draw in draws]}
    record |= {"beside": beside} if beside else {}
    try:
        path = write_new(folder / f"scores-{datetime.now():%Y-%m-%d_%H-%M-%S}.json", as_json(record).encode())
        rows = {"written to": str(path)}
        if picture is not None:
            save_grid(picture, path.with_suffix(".png"), columns=len(picture) // 3)
            rows["samples over their nearest real images"] = str(path.with_suffix(".png"))
    except OSError as error:  # a run on a read-only disk; its scores are shown all the same
        return {"written to": f"nowhere: {folder} cannot be written to ({error.strerror})"}
    return rows


def _spread(draws: list[ScoreSet]) -> dict[str, str]:
    """The standard deviation over several draws, in words."""
    if len(draws) < 2:
        return {}
    deviations = {name: deviation([draw.values[name] for draw in draws]) for name in draws[0].headlines}
    return {f"deviation over {len(draws)} draws": "  ".join(f"{name} {d:.3g}" for name, d in deviations.items())}
