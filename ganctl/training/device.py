"""Where and how the arithmetic is done: device, precision, memory layout, threads, determinism."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganctl.contract import ALONE, ArgumentError, World
from ganctl.processes import cores


@dataclass(frozen=True)
class Device:
    """A torch device and the way of computing on it; `precision` is fp32 or bf16 (autocast).

    `cuda_graph` is whether steps are recorded where they can be (`training.recorded`).
    """

    torch_device: torch.device
    precision: str = "fp32"
    channels_last: bool = True
    compile: bool = False
    cuda_graph: bool = False

    def autocast(self) -> AbstractContextManager:
        """The context for forward passes: bfloat16 autocast, or nothing."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.torch_device.type, torch.bfloat16)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def memory_format_of(self, images: Tensor) -> torch.memory_format:
        """The layout for images (N, C, H, W); what has other dimensions stays as it is."""
        return self.memory_format if images.ndim == 4 else torch.contiguous_format

    def place(self, network: nn.Module) -> nn.Module:
        """Moves `network` here, in this layout, compiled if wished. Its parameters' names do not change."""
        network.to(device=self.torch_device)
        network.to(memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]
        if self.compile:
            network.compile()
        return network

    def __str__(self) -> str:
        name = (
            torch.cuda.get_device_name(self.torch_device)
            if self.torch_device.type == "cuda"
            else self.torch_device.type
        )
        return (
            f"{name}, {self.precision}"
            + (", channels_last" if self.channels_last else "")
            + (", compiled" if self.compile else "")
            + (", recorded steps" if self.cuda_graph else "")
        )


def open_device(
    *,
    type: str = "auto",
    precision: str = "fp32",
    channels_last: bool = True,
    compile: bool = False,
    threads: int | None = None,
    deterministic: bool = True,
    cuda_graph: bool = False,
    world: World = ALONE,
) -> Device:
    """Chooses the device and sets torch's global switches (threads, determinism) for this process of `world`.

    `type` auto takes CUDA, then MPS, then the CPU. The processes of a machine share its cores, and have a GPU each.
    Raises ArgumentError if the device is not there.
    """
    if type == "auto":
        type = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if type == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("type", type, "torch sees no CUDA GPU here", "cpu")
    if type == "mps" and not torch.backends.mps.is_available():
        raise ArgumentError("type", type, "torch sees no Apple GPU here", "cpu")
    cuda_graph = cuda_graph and type == "cuda" and world.size == 1 and not compile
    device = torch.device(type)
    if world.size > 1 and type == "cuda":
        if (number := torch.cuda.device_count()) < world.local_size:
            need = f"{world.local_size} processes on this machine need a GPU each, and there are {number}"
            raise ArgumentError("type", type, need, "cpu")
        device = torch.device("cuda", world.local_rank)
        torch.cuda.set_device(device)
    if threads is None and world.size > 1:
        threads = max(1, cores() // world.local_size)
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic and type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic, warn_only=type != "cpu")
    # A debugging aid that takes 4 % of a step and changes no number:
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.backends.cudnn.benchmark = not deterministic
    return Device(device, precision, channels_last, compile, cuda_graph)
