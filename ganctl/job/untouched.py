"""What the sources of a translation get from a run's judge as they are: the line that its generator has to beat."""

from dataclasses import replace
from typing import Any, cast

from torch import Tensor, nn

from ganctl.contract import ImageStore, Sourced
from ganctl.evaluation.judge import Judge
from ganctl.training.drawer import Drawer

NAME = "untouched sources"


class Untouched(nn.Module):
    """A generator that has learned nothing: sources (N, C', h, w) as images (N, C, H, W)."""

    def __init__(self, task: Sourced) -> None:
        super().__init__()
        self.task = task

    def forward(self, source: Tensor) -> Tensor:
        return self.task.untouched(source)


def untouched_scores(drawer: Drawer, judge: Judge, store: ImageStore, count: int, *, pairs: bool) -> dict[str, Any]:
    """The scores of samples 0 to `count` - 1 of the drawer's task without a generator, and `what` they are."""
    task = cast(Sourced, drawer.task)
    sources = replace(drawer, network=Untouched(task))

    def generate(start: int, number: int) -> Tensor:
        return sources.samples(0, start, number)

    scores = judge.evaluate(generate, store, count, 0, "none", pairs=pairs, sources=task.made_by)
    spec = drawer.task.spec
    as_large = tuple(spec.source_shape or ())[1:] == tuple(spec.image_shape)[1:]
    what = "as they are" if as_large else "enlarged by bicubic interpolation"
    return {"name": NAME, "what": f"sources {what}", **scores.to_plain()}
