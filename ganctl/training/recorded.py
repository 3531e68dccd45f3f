"""Steps recorded once as CUDA graphs and played back: one launch in place of a thousand, for networks that are small.

What is recorded does the same at every step but for its random numbers, its batches and its learning rates, which are
read anew each time. So nothing that follows the number of steps or images, or learns beside the weights, can be.
"""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganctl import collective
from ganctl.contract import Batch, Burning, MomentScheduler, Perturbation, Scheduler
from ganctl.training.device import Device
from ganctl.training.game import Game, Log, Settings
from ganctl.training.state import TrainState

_WARM = 3  # steps of a kind that are done as they are, so that libraries choose and allocate what they need


def unrecorded(game: Game, scheduler: Scheduler, optimizer: type) -> str | None:
    """What changes from step to step, so that steps cannot be recorded; None where they can."""
    if not isinstance(game, Settings):
        return f"{type(game).__name__} is a game of its own kind"
    if "capturable" not in inspect.signature(optimizer).parameters:
        return f"{optimizer.__name__} reads its learning rate on the processor"
    if isinstance(scheduler, MomentScheduler):
        return "the scheduler changes the optimizer's betas"
    for name, part in game.regularizers.items():
        burns = isinstance(part, Burning) and getattr(part, "final", None) != 1
        if name in game.memories() or burns or (isinstance(part, Perturbation) and not getattr(part, "steady", False)):
            return f"{name} changes from step to step"
    return "the game learns beside the weights" if game.memories() else None


@dataclass
class _Recording:
    """A graph, what it reads, what it leaves: the log, and the gradients."""

    graph: torch.cuda.CUDAGraph
    batches: Sequence[Batch]
    log: Log
    gradients: dict[Tensor, Tensor | None]


class Recorder:
    """A game's steps, the first of each kind done as they are, the others played back.

    A kind is what of the regularizers is due. The weights' gradients are what the step left, as without recording.
    Where a step cannot be recorded after all, as it waits for the GPU or draws on the processor, `failure` says so, and
    all steps are done as they are.
    """

    def __init__(self, game: Game) -> None:
        assert isinstance(game, Settings), "asked before"
        self.game = game
        self.failure: str | None = None
        self.seen: Counter[tuple[str, ...]] = Counter()
        self.recordings: dict[tuple[str, ...], _Recording] = {}
        self.last: _Recording | None = None
        self.moments: list[object] = []
        self.stream: torch.cuda.Stream | None = None

    def step(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """As the game's own."""
        moments = [optimizer.state for optimizer in state.optimizers.values()]
        if any(now is not before for now, before in zip(moments, self.moments, strict=False)):
            self.seen.clear()  # an earlier state was taken up: what is recorded writes where nobody looks any more
            self.recordings.clear()
        self.moments = list(moments)
        kind = tuple(self.game.due(state.step))
        self.seen[kind] += 1
        if self.seen[kind] > _WARM and kind not in self.recordings and self.failure is None:
            self._record(kind, state, device, batches)
        if kind in self.recordings and self.failure is None:
            log = self._played(self.recordings[kind], batches)
        else:
            log = self._aside(state, device, batches)
        self.game.follow(state)
        return log

    def _aside(self, state: TrainState, device: Device, batches: Sequence[Batch]) -> Log:
        """A step on the stream that recordings are made on: what autograd keeps belongs to a stream."""
        self.stream = self.stream or torch.cuda.Stream(device.torch_device)
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            log = self.game.learn(state, device, batches)
        torch.cuda.current_stream().wait_stream(self.stream)
        self.last = None
        return log

    def _record(self, kind: tuple[str, ...], state: TrainState, device: Device, batches: Sequence[Batch]) -> None:
        """Nothing of `state` changes by it."""
        graph, drawn = torch.cuda.CUDAGraph(), collective.random_states(device.torch_device)
        log: Log = {}
        own = [Batch(*(None if rows is None else rows.clone() for rows in batch)) for batch in batches]  # type: ignore
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                log = self.game.learn(state, device, own)
            if not torch.equal(drawn[0], torch.get_rng_state()):
                self.failure = "a step draws on the processor"
        except RuntimeError as error:
            self.failure = " ".join(str(error).split())[:200]
        if self.failure is not None:
            torch.cuda.synchronize()
            collective.restore(device.torch_device, drawn)
            warnings.warn(f"device.cuda_graph=true: steps are done as they are: {self.failure}", stacklevel=2)
            return
        parameters = (each for o in state.optimizers.values() for group in o.param_groups for each in group["params"])
        self.recordings[kind] = _Recording(graph, own, log, {parameter: parameter.grad for parameter in parameters})

    def _played(self, recording: _Recording, batches: Sequence[Batch]) -> Log:
        for own, batch in zip(recording.batches, batches, strict=True):
            for mine, theirs in zip(own, batch, strict=True):
                if mine is not None and theirs is not None:
                    mine.detach().copy_(theirs)
        recording.graph.replay()
        if recording is not self.last:
            for parameter, gradient in recording.gradients.items():
                parameter.grad = gradient
            self.last = recording
        return {name: value.clone() for name, value in recording.log.items()}
