"""What the processes of a run do together: sums and gathered rows, draws for the whole batch, work shared out.

Where a process is alone each of these is what it would do anyway, and costs nothing. A part of one's own that looks at
the whole batch, or draws a number for each of its images, takes them from here to be the same on any number of
processes. Shares are of equal size, and "whole" means what all processes see at once: the batch, or the part of it
where `training.accumulate` splits it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed.nn.functional  # before `join`: imported after it, it would hold the group and its threads on
from torch import Tensor, distributed
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from ganctl.contract import ALONE, World
from ganctl.processes import attempt

Result = TypeVar("Result")

_PATIENCE = timedelta(hours=6)  # as long one process may work alone; who has ended is noticed at once all the same
_world = ALONE
_words: Store | None = None  # where a process leaves why it ends
_seed = 0
_common: dict[str, torch.Generator] = {}


class LostError(Exception):
    """Another process of the run has ended, or cannot be reached."""


def join(world: World) -> None:
    """Meets the other processes of `world` at the address in the environment. Raises LostError where they fail to."""
    global _world, _words
    with _talking():
        store, rank, size = next(rendezvous("env://", world.rank, world.size, timeout=_PATIENCE))
        store = PrefixStore(f"ganctl {attempt()}", store)  # torchrun may keep one store for all its attempts
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and distributed.is_nccl_available() else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
        _words = PrefixStore("words", store)
    _world = world


def processes() -> int:
    """How many there are."""
    return _world.size


def leave() -> None:
    """The end of a run that has ended well in all processes."""
    global _world, _words
    if _world.size > 1:
        distributed.destroy_process_group()
    _world, _words = ALONE, None


def leave_word(text: str) -> None:
    """Says why this process is about to end, for `words_of_the_lost`."""
    if _words is not None:
        with contextlib.suppress(RuntimeError):  # who keeps the words has ended as well
            _words.set(str(_world.rank), text)


def words_of_the_lost() -> str:
    """Which process has ended and why, as far as it had time to say."""
    for rank in range(_world.size):
        with contextlib.suppress(RuntimeError):
            if _words is not None and _words.check([str(rank)]):
                return f"process {rank + 1} of {_world.size} has ended: {_words.get(str(rank)).decode()}"
    return f"another of the {_world.size} processes has ended without a word"


# Numbers that have to be the same in all


def average(tensors: Sequence[Tensor]) -> None:
    """Puts the mean over all processes in the place of each, by one exchange of all: gradients, after backward."""
    if _world.size == 1 or not tensors:
        return
    with _talking(), torch.no_grad():
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= _world.size
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))


def mean(value: Tensor) -> Tensor:
    """The mean of `value` over all processes, without a gradient."""
    if _world.size == 1:
        return value
    value = value.detach().clone()
    average([value])
    return value


def whole(rows: Tensor) -> Tensor:
    """The rows (n, ...) of all processes, (n * processes, ...), in the batch's order, differentiable again and again.

    A loss that is computed of them is each process's own: the gradient that comes back to a process's rows is the sum
    over all processes, of which `average` makes that of the mean loss.
    """
    return rows if _world.size == 1 else _Gather.apply(rows)  # type: ignore[return-value]


def var_mean(rows: Tensor, dims: list[int]) -> tuple[Tensor, Tensor]:
    """As torch.var_mean without correction, over the whole batch: differentiable as `whole` is."""
    variance, centre = torch.var_mean(rows, dims, correction=0)
    if _world.size == 1:
        return variance, centre
    variances, centres = whole(torch.stack([variance, centre])[None]).unbind(1)
    return variances.mean(0) + centres.var(0, correction=0), centres.mean(0)  # over shares of equal size


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rows = rows.contiguous()
        parts = [torch.empty_like(rows) for _ in range(_world.size)]
        with _talking():
            distributed.all_gather(parts, rows)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Scatter.apply(gradient)


class _Scatter(torch.autograd.Function):
    """The adjoint of gathering: this process's share of the sum over all."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        total = rows.contiguous().clone()
        with _talking():
            distributed.all_reduce(total)
        return share(total).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Gather.apply(gradient)


# Random numbers


def seed(number: int) -> None:
    """Seeds what the following draws come from: one stream for all processes, and one of its own for each.

    The first is that of `common`; alone, both are torch's global generators.
    """
    global _seed
    _seed = number
    _common.clear()
    torch.manual_seed(number if _world.size == 1 else (number + 1 + _world.rank) % 2**63)


def common(device: torch.device | str = "cpu") -> torch.Generator | None:
    """The generator that draws the same in all processes; None, which is torch's global one, where there is one."""
    if _world.size == 1:
        return None
    if str(device) not in _common:
        _common[str(device)] = torch.Generator(device).manual_seed(_seed)
    return _common[str(device)]


def draw(kind: Callable[..., Tensor], rows: int, *shape: int, device: torch.device | str = "cpu") -> Tensor:
    """This process's rows (rows, *shape) of what `kind` (torch.rand, torch.randn, ...) draws for the whole batch."""
    return share(kind((rows * _world.size, *shape), device=device, generator=common(device)))


def draw_like(images: Tensor, fill: Callable[..., Tensor]) -> Tensor:
    """As `draw`, of the shape, type and layout of `images`; `fill(empty, generator=...)` draws into a tensor."""
    layout = torch.channels_last if images.ndim == 4 and not images.is_contiguous() else torch.contiguous_format
    shape = (len(images) * _world.size, *images.shape[1:])
    empty = torch.empty(shape, dtype=images.dtype, device=images.device, memory_format=layout)
    return share(fill(empty, generator=common(images.device)))


def random_states(device: torch.device) -> list[Tensor]:
    """Of all generators that what runs on `device` draws from: torch's global ones, and those of `common`."""
    own = [] if device.type == "cpu" else [torch.get_device_module(device).get_rng_state()]
    return [torch.get_rng_state(), *own, *(each.get_state() for each in _shared(device))]


def restore(device: torch.device, states: Sequence[Tensor]) -> None:
    """Draws go on as they did when `random_states(device)` gave `states`."""
    shared = _shared(device)
    own = states[1 : len(states) - len(shared)]
    torch.set_rng_state(states[0])
    for state in own:
        torch.get_device_module(device).set_rng_state(state)
    for generator, state in zip(shared, states[1 + len(own) :], strict=True):
        generator.set_state(state)


def _shared(device: torch.device) -> list[torch.Generator]:
    found = (common(each) for each in sorted({"cpu", str(device)}))
    return [generator for generator in found if generator is not None]


def share(rows: Tensor) -> Tensor:
    """This process's rows (N / processes, ...) of the whole (N, ...)."""
    return World(_world.rank, _world.size).share(rows)


# Work


def in_turn(load: Callable[[], Result]) -> Result:
    """`load()` in the first process of each machine, then in its others, which find what it has left in a cache."""
    if _world.local_rank:
        barrier()
    result = load()
    if not _world.local_rank:
        barrier()
    return result


def barrier() -> None:
    """Waits until all processes are here."""
    worst([0.0])


def announced(value: Result) -> Result:
    """The first process's `value`, plain data or tensors on the CPU, in all of them; that of the others is not read."""
    if _world.size == 1:
        return value
    values = [value]
    with _talking():
        distributed.broadcast_object_list(values, src=0)
    return values[0]


def worst(numbers: Sequence[float]) -> list[float]:
    """The largest over all processes of each of the numbers."""
    return whole(torch.tensor([numbers], dtype=torch.float64)).amax(0).tolist()


def spread(work: Callable[[int], Result], count: int) -> Generator[Result, None, None]:
    """`work(0)`, ..., `work(count - 1)`, each done by one of the processes, in order and in the first process alone.

    All have to call it. A ValueError of any is raised in the first. It may stop early, by closing the iterator: the
    others then stop as well.
    """
    done = 0
    try:
        while announced(done < count):
            number, outcome = done + _world.rank, None
            if number < count:
                try:
                    outcome = work(number)
                except ValueError as error:
                    outcome = error
            done += _world.size
            for each in _gathered(outcome)[: count - done + _world.size]:
                if isinstance(each, ValueError):
                    raise each
                yield each
    except (GeneratorExit, ValueError):
        if not _world.rank:
            announced(False)
        raise


def _gathered(value: Any) -> list[Any]:
    """The value of each process in the first one, nothing in the others."""
    if _world.size == 1:
        return [value]
    values = [None] * _world.size
    with _talking():
        distributed.gather_object(value, None if _world.rank else values, dst=0)
    return [] if _world.rank else values


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """Inside, what torch raises where a process does not answer is a LostError."""
    try:
        yield
    except RuntimeError as error:
        raise LostError(" ".join(str(error).split())[:200]) from error
