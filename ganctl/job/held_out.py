"""What real images that no run has seen get from a run's judge: what a perfect generator could be expected to get.

Those that come with ganctl, in feature/held_out.json, are what this wrote for DATA = mnist5k and mnist:

    ganctl fid mnist:test DATA feature=digits num_images=5000 output=FILE
        metric=[frechet,inception_score,class_shares,kid,precision_recall]
"""

import contextlib
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from ganctl import __version__, build
from ganctl.bounded import read_json
from ganctl.contract import ArgumentError, ImageStore
from ganctl.evaluation.evaluate import seconds_per_image, tunables
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import Protocol, differences
from ganctl.evaluation.real import chosen, real_features, real_images
from ganctl.evaluation.scores import ScoreSet
from ganctl.files import write_json

MOST_SECONDS = 60  # for features of held-out images, by an estimate
_SHIPPED = Path(__file__).parents[1] / "feature" / "held_out.json"


def held_out_scores(config: DictConfig, judge: Judge, store: ImageStore, scores: ScoreSet) -> dict[str, Any]:
    """The scores of held-out real images by the protocol of `scores`, `what` they are with them; empty if not known.

    Known are those that come with ganctl, and where the data have a test split that is on the disk and quick to judge.
    """
    for record in json.loads(_SHIPPED.read_text(encoding="utf-8")):
        known = ScoreSet.from_plain(record)
        protocol = replace(known.protocol, weights=scores.protocol.weights)
        alike = [name for name in scores.scores if name in known.scores and _agree(protocol, scores, known, name)]
        if alike:
            kept = {name: known.scores[name] for name in alike}
            return {"what": record["generated"], **ScoreSet(kept, known.protocol).to_plain()}
    return _of_test_split(config, judge, store, scores.protocol.num_generated or 0)


def _agree(protocol: Protocol, scores: ScoreSet, known: ScoreSet, name: str) -> bool:
    return not differences(protocol, scores.protocol, known.scores[name].metric)


def _of_test_split(config: DictConfig, judge: Judge, store: ImageStore, count: int) -> dict[str, Any]:
    node = config.dataset
    if node.get("split") != "train":
        return {}
    settings = {"split": "test"} | ({"download": False} if "download" in node else {})
    try:
        test = build.part("dataset", OmegaConf.merge(node, settings), config.trust).load(judge.progress)
        judge.extractor.check(test.spec)
    except ValueError:  # it is not here
        return {}
    count = min(count, len(test.images))
    metrics = {name: [type(metric).__qualname__, tunables(metric)] for name, metric in judge.metrics.items()}
    hashes = (judge.extractor.weights_hash, store.content_hash, test.content_hash)
    key = json.dumps([__version__, judge.extractor.name, *hashes, count, judge.num_real, metrics])
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    path = judge.cache / f"held-out-{digest}.json" if judge.cache else None
    if path and path.is_file():
        with contextlib.suppress(ValueError):  # damaged: made anew
            if isinstance(kept := read_json(path), dict):
                return kept
    if count < 2 or count * seconds_per_image(judge.extractor, test.spec) > MOST_SECONDS:
        return {}
    options = {"num_images": judge.num_real, "batch_size": judge.batch_size, "cache": judge.cache}
    real = real_features(store, judge.extractor, **options, progress=judge.progress)
    labels = torch.from_numpy(test.labels[chosen(len(test.images), count)])
    try:
        images = real_images(test, count)
        scores = judge.compare(images, real, count, None, "images", labels, what="held-out images")
    except ArgumentError:  # of a metric that has too few images
        return {}
    record = {"what": f"{test.spec.name}:test", **scores.to_plain()}
    if path:
        write_json(path, record)
    return record
