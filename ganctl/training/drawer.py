"""Drawing from a generator: samples by number, and walks through the latents."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganctl.contract import Given, Placing, Task
from ganctl.training.device import Device

Path = Callable[[Tensor, Tensor, int], Tensor]
"""`path(start, end, num)`: as `slerp` and `lerp`."""


@dataclass(frozen=True)
class Drawer:
    """A generator and what it is asked, ready to draw: of a run that trains, or of a checkpoint."""

    network: nn.Module
    task: Task
    device: Device
    batch_size: int = 250

    @torch.no_grad()
    def draw(self, given: Given) -> Tensor:
        """Images (N, C, ...) float32 in [-1, 1], in batches, on the device."""
        where = self.device.torch_device
        batches = zip(*(rows.split(self.batch_size) for rows in given.values()), strict=True)
        return torch.cat(
            [
                self.network(**{name: rows.to(where) for name, rows in zip(given, batch, strict=True)}).float()
                for batch in batches
            ]
        )

    def samples(self, seed: int, start: int, count: int) -> Tensor:
        """The samples `start`, ... `start` + `count` - 1 of `seed`: each the same picture in any batch."""
        return self.draw(self.task.samples(seed, start, count))

    @torch.no_grad()
    def walk(self, stops: Tensor, labels: Tensor, num_between: int, *, straight: bool = False) -> Iterator[Tensor]:
        """Frames (N, C, H, W) of a closed walk through `stops` (K, N, latent_size), each of the N keeping its label.

        From stop to stop it leads on great circles, or in straight lines.
        """
        path = lerp if straight else slerp
        if not isinstance(self.network, Placing):
            walked = latent_loop(stops, num_between, path)
            yield from (self.draw({"latents": frame, "labels": labels}) for frame in walked)
            return
        where = self.device.torch_device
        placed = torch.stack([self.network.place(latents.to(where), labels.to(where)) for latents in stops])
        for frame in latent_loop(placed, num_between, path):
            yield self.network.from_placed(frame).float()


def slerp(start: Tensor, end: Tensor, num: int) -> Tensor:
    """`num` >= 2 latents (num, ..., L) on the great circle from `start` (..., L) to `end` (..., L), both included.

    Shoemake 1985, used on latents by White 2016 (arXiv:1609.04468, section 2.1): with omega the angle between a and b,
    sin((1 - t) omega) / sin(omega) a + sin(t omega) / sin(omega) b. The norm stays that of a Gaussian's draws, where
    the straight line would pass through unlikely short vectors. Parallel, opposite and zero vectors have no such
    circle: the straight line is taken for them.
    """
    assert num >= 2 and start.shape == end.shape, "two ends of one shape"
    a, b = start.double(), end.double()
    t = torch.linspace(0, 1, num, dtype=torch.double, device=a.device).view(-1, *[1] * a.ndim)
    norms = a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True)
    omega = ((a * b).sum(-1, keepdim=True) / norms.clamp_min(1e-300)).clamp(-1, 1).acos()
    sine = omega.sin()
    curved = (((1 - t) * omega).sin() * a + (t * omega).sin() * b) / sine
    path = torch.where((sine > 1e-6) & (norms > 0), curved, (1 - t) * a + t * b).to(start.dtype)
    path[0], path[-1] = start, end
    return path


def lerp(start: Tensor, end: Tensor, num: int) -> Tensor:
    """`num` >= 2 latents (num, ..., L) on the straight line from `start` (..., L) to `end` (..., L), both included.

    Half way between two Gaussian draws they are shorter by a factor of about sqrt(2), as few draws are.
    """
    assert num >= 2 and start.shape == end.shape, "two ends of one shape"
    t = torch.linspace(0, 1, num, dtype=start.dtype, device=start.device).view(-1, *[1] * start.ndim)
    return torch.lerp(start, end, t)


def latent_loop(stops: Tensor, num_between: int, path: Path = slerp) -> Tensor:
    """A closed walk through the latents `stops` (K, ..., L) for an endless GIF: (K * num_between, ..., L).

    `num_between` frames lead from each stop to the next, the stop itself counted, and from the last to the first again.
    """
    ends = stops.roll(-1, dims=0)
    return torch.cat([path(a, b, num_between + 1)[:-1] for a, b in zip(stops, ends, strict=True)])
