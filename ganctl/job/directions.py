"""Whether scores are better higher or lower, asked of the metrics that will compute them, before any run."""

from collections.abc import Sequence
from dataclasses import replace

from omegaconf import DictConfig

from ganctl import build
from ganctl.configuration.keys import choice_of, keys_of
from ganctl.evaluation.evaluate import TEACHER
from ganctl.job.splits import has_truth


def directions_of(config: DictConfig, names: Sequence[str], key: str) -> dict[str, str]:
    """`minimize` or `maximize` for each score of these names, or for the one that judges the runs where there is none.

    Raises ValueError in one line for a score that the runs of `config` will not have, or that has no better and worse;
    `key` is the setting that names the scores.
    """
    device, dataset = build.device(config), build.dataset(config)
    task = build.task(config, dataset.spec)
    judge = build.judge(config, device, lambda what, done, total: None, dataset.spec)
    count, pairs = config.evaluation.num_images, has_truth(task, dataset)
    directions = {}
    for name in names or [None]:
        judge_by_name = replace(judge, score=name or judge.score)
        with (
            choice_of("feature", judge.extractor.name.removesuffix(TEACHER)),
            keys_of(score=key if name else "stop.score"),
        ):
            score = judge_by_name.check(dataset.spec, conditional=config.conditional, num_images=count, pairs=pairs)
        directions[score.name] = "maximize" if score.direction == "higher" else "minimize"
    return directions
