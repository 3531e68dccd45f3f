"""What a generator computes, recorded once: from it come its plain Python and its ONNX.

A class cannot be copied out of the modules that it lies in, least of all one of the user's own, which may import
anything. What every generator has in common is what it computes: torch.export follows it once, for any number of
images and, where it can, of source pictures of any size, and gives the operations on its weights in their order. They
are the same arithmetic, in evaluation mode.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException
from torch.export import Dim, ExportedProgram
from torch.fx import Graph, GraphModule

from ganctl.contract import Given

_PREFIX = "network."
_SOURCE = "source"
_SIDES = (2, 3)  # times the run's own height and width in what is followed: both differ from it and from each other
_ROWS = 3  # of the batch that is followed; torch takes 0 and 1 for special
_FAILURES = (TorchDynamoException, RuntimeError, ValueError, TypeError, AttributeError, KeyError, AssertionError)


@dataclass(frozen=True)
class Recording:
    """The operations of a network on its inputs `names`, each (N, ...), as torch has them and as a module.

    `network` is the dotted path of its class. `tensors` are those that the operations use, by the names that they have
    in the network; `learned` those of them that are parameters. Where it starts from pictures, `multiple` is what sides
    of other pictures have to be multiples of; None = they have to have the sides that it was followed at.
    """

    network: str
    names: tuple[str, ...]
    program: ExportedProgram
    module: GraphModule
    tensors: dict[str, Tensor]
    learned: frozenset[str]
    multiple: int | None = None

    @property
    def graph(self) -> Graph:
        return self.module.graph


class _Network(nn.Module):
    """A generator that is given `names` in this order; where labels mean nothing to it, it gets some of its own."""

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.network, self.names = network, tuple(names)

    def forward(self, *rows: Tensor) -> Tensor:
        given = dict(zip(self.names, rows, strict=True))
        if "labels" not in given and "labels" in inspect.signature(self.network.forward).parameters:
            given["labels"] = rows[0].new_zeros((rows[0].shape[0],), dtype=torch.int64)
        return self.network(**given).float()


def record(network: nn.Module, given: Given) -> Recording:
    """Follows `network`, which is in evaluation mode on the CPU in float32, for any number of rows of `given`.

    Sources may be of any sides that are multiples of the network's attribute `multiple` (else 1), if torch.export can.

    Raises ValueError, in one line, for a network whose course depends on the numbers that it computes, or on how many
    images are asked for.
    """
    inputs = {name: rows[:_ROWS].contiguous() for name, rows in given.items()}
    multiple = int(getattr(network, "multiple", 1)) if _SOURCE in inputs else None
    path = f"{type(network).__module__}.{type(network).__name__}"
    program = None
    if multiple is not None:
        try:
            program = _followed(network, inputs, multiple)
        except _FAILURES:  # at any size: whoever exports says that it is of one size alone
            multiple = None
    try:
        program = program or _followed(network, inputs, None)
    except _FAILURES as error:
        said = next((line.strip(" -") for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(
            f"{path}: torch.export cannot follow it for any number of images, so it cannot be exported: {said[:200]}"
        ) from None
    module = program.module()
    learned = frozenset(plain_name(name) for name, _ in module.named_parameters())
    return Recording(path, tuple(inputs), program, module, dict(_tensors(module)), learned, multiple)


def _followed(network: nn.Module, inputs: Given, multiple: int | None) -> ExportedProgram:
    """What torch.export makes of it: for any number of rows and, with `multiple`, sources of sides that are so."""
    batch, rows = Dim("batch", min=1), dict(inputs)
    free: dict[int, Any] = {}
    if multiple is not None:
        free = {2 + axis: multiple * Dim(name) if multiple > 1 else Dim(name) for axis, name in enumerate("hw")}
        count, channels, *sides = rows[_SOURCE].shape
        sides = [times * side for times, side in zip(_SIDES, sides, strict=True)]
        rows[_SOURCE] = rows[_SOURCE].new_zeros((count, channels, *sides))
    shapes = {"rows": tuple({0: batch, **(free if name == _SOURCE else {})} for name in rows)}
    with torch.no_grad(), quiet():
        return torch.export.export(_Network(network, list(rows)), tuple(rows.values()), dynamic_shapes=shapes)


def plain_name(name: str) -> str:
    """The tensor's name in the network itself."""
    return name.removeprefix(_PREFIX)


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, what torch warns of its own ways is kept from a user who can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _tensors(module: GraphModule) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that the operations use, those included that no state dict has."""
    for node in module.graph.nodes:
        if node.op == "get_attr" and node.users:
            value = module
            for part in str(node.target).split("."):
                value = getattr(value, part)
            if isinstance(value, Tensor):
                yield plain_name(str(node.target)), value.detach().clone(memory_format=torch.contiguous_format)
