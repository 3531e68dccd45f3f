"""From a recording to plain Python: a line for each operation, with torch's own name for it."""

from __future__ import annotations

import json
import math
import operator
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Node

from ganctl.export.recording import Recording, plain_name

_CHECKS = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size")
_OF_TORCH = ("aten", "prims")


def lines_of(recording: Recording) -> list[str]:
    """The body of a function of the recording's inputs that returns its images, the tensors being `w[NAME]`.

    A result takes the name of one that is not needed any more, so that memory is freed as the network's own code does.
    Raises ValueError, in one line, for an operation that torch alone does not have.
    """
    nodes = [node for node in recording.graph.nodes if node.op == "call_function" and not _is_check(node)]
    inputs = [node for node in recording.graph.nodes if node.op == "placeholder"]
    names = dict(zip(inputs, recording.names, strict=True))
    names |= {
        node: f"w[{json.dumps(plain_name(node.target))}]" for node in recording.graph.nodes if node.op == "get_attr"
    }
    last_use = {source: place for place, node in enumerate(nodes) for source in node.all_input_nodes}
    results, free, lines = set(nodes), list[str](), list[str]()
    (images,) = recording.graph.output_node().args[0]  # type: ignore[misc]
    count = 0
    for place, node in enumerate(nodes):
        text = _call(node, names, recording)
        over = [source for source in node.all_input_nodes if source in results and last_use[source] == place]
        free += [names[source] for source in over if source is not images]
        if free:
            names[node] = free.pop()
        else:
            names[node], count = f"x{count}", count + 1
        if node not in last_use and node is not images:
            free.append(names[node])
        lines.append(f"{names[node]} = {text}")
    return [*lines, f"return {names[images]}"]


def _is_check(node: Node) -> bool:
    """Whether it only makes sure of what was so while the network was followed."""
    return isinstance(node.target, OpOverload) and node.target._schema.name.partition("::")[2] in _CHECKS


def _call(node: Node, names: dict[Node, str], recording: Recording) -> str:
    function = node.target
    arguments = [_text(value, names, recording) for value in node.args]
    arguments += [f"{key}={_text(value, names, recording)}" for key, value in node.kwargs.items()]
    if function is operator.getitem:
        return f"{arguments[0]}[{arguments[1]}]"
    if isinstance(function, OpOverload) and function.namespace in _OF_TORCH:
        return f"{function}({', '.join(arguments)})"
    module = {"_operator": "operator"}.get(str(getattr(function, "__module__", "")), "")
    module = module or {math: "math", torch: "torch"}.get(_home(function), "")
    if not module:
        raise ValueError(
            f"{recording.network}: computes {function}, which torch alone does not have, so it cannot be written as "
            "plain Python"
        )
    return f"{module}.{function.__name__}({', '.join(arguments)})"  # type: ignore[union-attr]


def _home(function: Any) -> Any:
    """Which of math and torch has a function of sizes by its own name."""
    name = getattr(function, "__name__", "")
    return next((module for module in (math, torch) if getattr(module, name, None) is function), None)


def _text(value: Any, names: dict[Node, str], recording: Recording) -> str:
    if isinstance(value, Node):
        if value not in names or isinstance(getattr(recording.module, str(value.target), None), torch.nn.Module):
            raise ValueError(
                f"{recording.network}: computes a part of itself under a context of its own, such as autocast, so it "
                "cannot be written as plain Python"
            )
        return names[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_text(item, names, recording) for item in value)}]"
    if isinstance(value, torch.device):  # that of whoever calls, not the one that it was followed on
        return f"{recording.names[0]}.device"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    assert not isinstance(value, Tensor), "tensors have names"
    return str(value) if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)) else repr(value)
