"""Made-up runs, as records and as folders, for the tests of reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from ganctl.evaluation.scores import Measurement, ScoreSet
from ganctl.files import plain
from ganctl.metric.class_shares import ClassShares
from ganctl.metric.classes import ClassAccuracy, Modes
from ganctl.metric.frechet import FrechetDistance
from ganctl.metric.inception_score import InceptionScore
from ganctl.metric.kid import KernelDistance
from ganctl.metric.memorisation import Memorisation
from ganctl.metric.precision_recall import PrecisionRecall
from ganctl.report.recorded import Evaluation, Recorded

PROTOCOL: dict[str, Any] = {
    "extractor": "digits",
    "weights_hash": "a" * 64,
    "resizing": "none",
    "dimensions": 128,
    "num_real": 60000,
    "num_generated": 5000,
    "split": "train",
    "data_hash": "b" * 64,
    "pixels": "uint8",
    "weights": "ema",
    "seed": 0,
}
MADE_BY = {"fd_digits": "frechet", "is_digits": "inception_score"}
METRICS = (
    *(FrechetDistance(), KernelDistance(), InceptionScore(), ClassShares(), ClassAccuracy(), Modes()),
    *(Memorisation(), PrecisionRecall()),
)
ABOUT = ScoreSet(
    {
        score.name: Measurement(score, 0.0, None)
        for metric in METRICS
        for extractor in ("digits", "inception")
        for score in metric.declare(extractor, 10)
    }
).to_plain()["about"]
CONFIG: dict[str, Any] = {
    "seed": 0,
    "training": {"batch_size": 64, "steps": 1000, "epochs": None, "images": None},
    "stop": {"score": None},
    "output": {"root": "outputs"},
    "dataset": {"_target_": "ganctl.dataset.mnist5k.Mnist5k"},
    "generator": {"_target_": "ganctl.model.dcgan.Generator"},
    "discriminator": {"_target_": "ganctl.model.dcgan.Discriminator"},
    "loss": {"_target_": "ganctl.loss.NonSaturating"},
    "regularizer": {},
    "optimizer": {"lr": 2e-4, "generator": {"lr": 2e-4}, "discriminator": {"lr": 2e-4}},
    "scheduler": {"_target_": "ganctl.scheduler.Constant"},
    "device": {"precision": "fp32"},
}
EVEN = {f"share_{k}_digits": 0.1 for k in range(10)}
LINES = 20


def losses(**curves: list[float]) -> list[dict[str, Any]]:
    """Twenty lines of losses of a run in which nothing is wrong, but for the curves given."""
    usual = {"d_loss": 1.2, "g_loss": 0.9, "d_real": 0.65, "d_fake": 0.35, "learning_rate": 2e-4}
    columns = {name: [value] * LINES for name, value in (usual | {"images_per_second": 900.0}).items()} | curves
    count = max(len(curve) for curve in columns.values())
    return [
        {"step": 50 * (line + 1), "kind": "losses", "seconds": 3.0 * (line + 1)}
        | {name: curve[line] for name, curve in columns.items() if line < len(curve)}
        for line in range(count)
    ]


def scores(*values: float, name: str = "fd_digits", **others: list[float]) -> list[dict[str, Any]]:
    """Evaluations at even steps up to 1000, with these values of one score and those of others."""
    every = 1000 // len(values)
    return [
        {
            "step": every * (place + 1),
            "kind": "scores",
            name: value,
            "protocol": PROTOCOL,
            "made_by": MADE_BY,
            "about": ABOUT,
        }
        | {other: curve[place] for other, curve in others.items()}
        for place, value in enumerate(values)
    ]


def run(**changes: Any) -> Recorded:
    """A finished run in which nothing is wrong, but for `changes`: fields of Recorded, and `config` merged."""
    config = merged(CONFIG, changes.pop("config", {}))
    fields: dict[str, Any] = {
        "folder": Path("outputs/some day/run"),
        "label": "run",
        "overrides": ["seed=0"],
        "environment": {"date": "2026-01-01T00:00:00+00:00", "device": "cpu"},
        "summary": {"status": "finished", "step": 1000, "seconds": 60.0, "best_step": 1000}
        | {"score": {"name": "fd_digits", "value": 4.0}},
        "losses": losses(),
        "scores": scores(8.0, 6.0, 5.0, 4.05, 4.0),
        "final": judged({"fd_digits": 4.0, **EVEN}),
    }
    return Recorded(config=config, **(fields | changes))


def judged(values: dict[str, float], **protocol: Any) -> list[Evaluation]:
    """Final scores of these values under the usual protocol with changes."""
    record = {"scores": values, "protocol": PROTOCOL | protocol, "made_by": MADE_BY, "about": ABOUT}
    return [Evaluation(ScoreSet.from_plain(record), 1000, "summary.json")]


def sweep_job(rank: int | None, value: Any, number: int = 1, **varied: Any) -> dict[str, Any]:
    """What a sweep writes of a job: ended with this score, or failed where it is None."""
    score = None if value is None else {"name": "fd_digits", "value": value, "higher_is_better": False}
    done = {"status": "failed", "failed": True, "error": "it broke"} if value is None else {"status": "finished"}
    return {
        "rank": rank,
        "job": number,
        "folder": f"{number}",
        "varied": varied,
        "score": score,
        "seconds": 2.0,
        **done,
    }


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `changes`."""
    found = dict(base)
    for key, value in changes.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(value, dict) and isinstance(old, dict) and value else value
    return found


def written(folder: Path, made: Recorded | None = None, grids: int = 3, *, summary: bool = True) -> Path:
    """The run's folder as `ganctl train` leaves it, as far as a report looks at it; without `summary` as if killed."""
    made = made or run()
    (folder / "samples").mkdir(parents=True)
    lines = [json.dumps(plain(record)) for record in (*made.losses, *made.scores)]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "config.yaml").write_text(yaml.safe_dump(made.config, sort_keys=False))
    (folder / "environment.json").write_text(json.dumps(made.environment))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(made.overrides))
    if summary:
        parts = [evaluation.scores.to_plain() for evaluation in made.final[:1]]
        whole = made.summary | (parts[0] if parts else {})
        (folder / "summary.json").write_text(json.dumps(plain(whole)))
    for place in range(grids):
        shade = Image.new("L", (16, 16), 40 * (place + 1) % 256)
        shade.save(folder / "samples" / f"step-{100 * (place + 1):08d}.png")
    if grids:
        Image.new("L", (16, 16), 255).save(folder / "samples" / "best.png")
    return folder
