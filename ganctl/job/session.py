"""What every process of a run has: data, networks, and the step."""

import copy
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from ganctl import build, checkpoint, collective
from ganctl.configuration.keys import keys_of
from ganctl.contract import ALONE, ArgumentError, DataSpec, ImageStore, Progress, Sourced, Task, World
from ganctl.evaluation.evaluate import cuda_devices
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.statistics import Spread, one_by_one
from ganctl.files import given_path
from ganctl.job.signals import StopSignals
from ganctl.job.splits import has_truth, to_learn_and_to_judge
from ganctl.own_code import own_code
from ganctl.training.device import Device
from ganctl.training.drawer import Drawer
from ganctl.training.feed import Feed
from ganctl.training.game import Log
from ganctl.training.loop import train
from ganctl.training.state import to_cpu
from ganctl.training.step import Adversarial

STEP, JUDGE, END, BACK = 1, 2, 3, 4
"""What the first of several processes orders: a step, a share of an evaluation, the end, or an earlier state."""

_TRIAL = 8  # images that a network of one's own is tried on before the first step


class Session:
    """Builds the parts that `config` names; goes on from the checkpoint `resume` where one is given.

    Nothing is read of the data before `read`: `store`, `judged` (the data that scores compare
    with), `feed`, `spec` and `total_steps` are there after it.
    `saved` is what the checkpoint held, None for a new run. `unrecorded` is why the steps on a GPU are not recorded.
    """

    store: ImageStore
    judged: ImageStore
    feed: Feed
    total_steps: int
    unrecorded: str | None = None

    def __init__(
        self,
        config: DictConfig,
        resume: Path | None = None,
        world: World = ALONE,
        signals: StopSignals | None = None,
    ) -> None:
        self.config, self.signals = config, signals or StopSignals()
        self.world = replace(world, parts=config.training.accumulate)
        self.plain_config = build.plain(config)
        self.device = build.device(config, world)
        self.dataset = build.dataset(config)
        self.spec: DataSpec = self.dataset.spec
        self._check_shift()
        self.task = build.task(config, self.spec, self.world)
        self.game = build.game(config, self.task)
        self.scheduler = build.scheduler(config)
        if self.device.cuda_graph:
            self.unrecorded = build.why_unrecorded(config, self.game, self.scheduler)
            self.device = replace(self.device, cuda_graph=self.unrecorded is None)
        self.state = build.state(config, self.game, self.task, self.device)
        self.saved = self._saved(resume) if resume else None
        if config.start is not None and not resume and not world.rank:
            self._begin_with(given_path(str(config.start)))

    def read(self, progress: Progress) -> None:
        """Reads the data. Raises ValueError in one line where they cannot be read or do not fill a batch.

        Of several processes the first on each machine reads first, and fills the cache for the others. Then all have
        the first one's state.
        """
        collective.in_turn(lambda: self._read(progress))
        if self.world.size > 1:
            self.state.load_state_dict(collective.announced(self.state.state_dict() if not self.world.rank else {}))
        self.first_step = self.state.step

    def _read(self, progress: Progress) -> None:
        config = self.config
        with keys_of("dataset"):
            self.store = self.judged = self.dataset.load(progress)
        if isinstance(self.task, Sourced):
            self.store, self.judged = to_learn_and_to_judge(config, self.dataset, self.store, self.task, progress)
        self.spec = self.store.spec
        available, batch_size = len(self.store.images), config.training.batch_size
        if batch_size > available:
            raise ValueError(
                f"training.batch_size={batch_size}: {self.spec.name} has {available} images; "
                f"try training.batch_size={available}"
            )
        self.task = self.task.fitted(self.judged if isinstance(self.task, Sourced) else self.store)
        if isinstance(self.game, Adversarial):
            part = min(batch_size // config.training.accumulate, _TRIAL)
            for name in self.game.networks:
                with own_code(f"{name}={config[name]['_target_']}", list(config.trust)):
                    check_output(self.state.networks[name], name, self.task, self.device, part)
        self.feed = Feed(
            self.store,
            self.device,
            batch_size=batch_size,
            seed=config.seed,
            flip=config.training.flip,
            shift=config.training.shift,
            world=self.world,
        )
        self.total_steps = build.total_steps(config, available)

    def steps(self) -> Iterator[Log]:
        """Trains, a step at a time; of several processes each whenever the first one takes one, as `follow` has it.

        The logs are of the whole batch, and a signal that any of them has received is one that all have.
        """
        config = self.config
        course = {"seed": config.seed, "lr_factor": config.health.lr_factor}
        steps = train(self.state, self.game, self.device, self.feed, self.scheduler, self.total_steps, **course)
        if self.world.size == 1:
            yield from steps
            return
        while self.state.step < self.total_steps:
            self.order(STEP)
            log = next(steps)
            (received,) = collective.worst([self.signals.received or 0])
            self.signals.adopt(int(received))
            values = collective.mean(torch.stack([value.to(self.device.torch_device) for value in log.values()]))
            yield dict(zip(log, values.unbind(), strict=True))

    def order(self, what: int) -> None:
        """In the first process: says to the others what they do next, one of STEP, JUDGE, BACK and END."""
        if not self.world.rank:
            collective.worst([what])

    def go_back(self, state: dict[str, Any]) -> None:
        """In the first process: takes up an earlier `state` of the run in all of them."""
        self.order(BACK)
        self.state.load_state_dict(collective.announced(state))

    def follow(self, judge: Judge) -> None:
        """In the other processes: does what the first one orders, until it orders the end."""
        steps = self.steps()
        while (order := collective.worst([0.0])[0]) != END:
            if order == STEP:
                next(steps)
            elif order == BACK:
                self.state.load_state_dict(collective.announced({}))
            else:
                wanted = collective.announced({})
                drawer = self.drawer(wanted["weights"])
                generate, weights_hash = partial(drawer.samples, self.config.seed), wanted["hash"]
                work = judge.work(generate, wanted["num_images"], weights_hash)
                for _ in collective.spread(work, wanted["count"]):
                    pass

    def spread_by(self, drawer: Drawer, num_images: int, weights_hash: str) -> Spread:
        """How the samples of `drawer` are drawn and judged by all processes, to be called in the first one."""

        def spread(work: Callable[[int], Any], count: int) -> Generator[Any, None, None]:
            self.order(JUDGE)
            weights = to_cpu(drawer.network.state_dict())
            collective.announced({"weights": weights, "num_images": num_images, "count": count, "hash": weights_hash})
            return collective.spread(work, count)

        return spread if self.world.size > 1 else one_by_one

    def drawer(self, weights: dict[str, Any] | None = None) -> Drawer:
        """The averaged generator as it is now, or a copy of it with other `weights`."""
        network = next(iter(self.state.averages.values()))
        if weights is not None:
            network = build.copy_with(network, weights)
        return Drawer(network, self.task, self.device, self.config.evaluation.batch_size)

    @property
    def has_truth(self) -> bool:
        """Whether each sample has a true image, which it is to be like."""
        return has_truth(self.task, self.dataset)

    def num_samples(self, count: int) -> int:
        """`count`, or as many as there are where samples start from pictures of the data."""
        return min(count, self.task.num_samples()) if isinstance(self.task, Sourced) else count

    def is_finite(self, log: Log) -> bool:
        """Whether every loss of the step and every weight after it is a finite number."""
        return all(math.isfinite(float(value)) for value in log.values()) and self.state.is_finite()

    def content(self) -> dict[str, Any]:
        """What a checkpoint holds of it all, tensors on the CPU and plain data."""
        spec = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.spec).items()}
        return {
            "config": self.plain_config,
            "spec": spec,
            "task": self.task.facts(),
            "class_names": list(self.store.class_names),
            "state": self.state.state_dict(),
        }

    def _check_shift(self) -> None:
        """Raises ValueError where images are to be moved by more than they have of edge to mirror."""
        shift, side = self.config.training.shift, min(self.spec.image_shape[1:])
        if shift >= side:
            need = f"images of {side} pixels can be moved by {side - 1} at most"
            raise ArgumentError("training.shift", shift, need, side // 8)

    def _begin_with(self, path: Path) -> None:
        """Takes over the averaged generator of another run. Raises ValueError where it is of another kind."""
        file = checkpoint.find(path, "best")
        weights = next(iter(checkpoint.load(file)["state"]["averages"].values()))
        name = self.game.averaged[0]
        try:
            for network in (self.state.networks[name], *self.state.averages.values()):
                network.load_state_dict(weights)
        except RuntimeError as error:
            detail = " ".join(str(error).split())[:160]
            raise ValueError(f"start={path}: its generator is of another architecture: {detail}") from None

    def _saved(self, path: Path) -> dict[str, Any]:
        saved = checkpoint.load_to_resume(path)
        if changed := build.networks_differ(saved["config"], self.plain_config):
            raise ValueError(f"{changed[0]}: a resumed run keeps its networks; start a new run to change them")
        self.state.load_state_dict(saved["state"])
        return saved


@torch.no_grad()
def check_output(network: nn.Module, group: str, task: Task, device: Device, count: int) -> None:
    """Raises ValueError where a network of one's own gives, for `count` images, another shape than the game needs.

    Nothing of it is changed by being asked. What comes with ganctl fits, and is not asked.
    """
    if type(network).__module__.startswith("ganctl."):
        return
    shape = tuple(task.spec.image_shape)
    given = {name: rows.to(device.torch_device) for name, rows in task.samples(0, 0, count).items()}
    before = copy.deepcopy(network.state_dict())
    call = network.forward if device.compile else network.eval()  # not compiled for this alone
    with torch.random.fork_rng(devices=cuda_devices()), device.autocast():
        if group == "generator":
            output, what = call(**given), "images"
            wanted = ", ".join(map(str, ("N", *shape)))
        else:
            output, what = call(torch.zeros(count, *shape, device=device.torch_device), **task.shown(given)), "logits"
            wanted = "N) or (N, ..."
    network.load_state_dict(before)
    got = tuple(output.shape) if isinstance(output, Tensor) else None
    if got is None or got[:1] != (count,) or (group == "generator" and got[1:] != shape):
        name = f"{type(network).__module__}.{type(network).__qualname__}"
        gives = f"gives no tensor but a {type(output).__name__}" if got is None else f"gives {what} of shape {got}"
        raise ValueError(f"{group}={name}: {gives} for N = {count}; wanted is ({wanted})")
