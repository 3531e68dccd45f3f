"""What this machine has for a run: its GPUs, and how many processes share one run on it."""

import os
from collections.abc import Mapping
from typing import Any

from ganctl.configuration.checks import has_cuda


def gpus() -> list[str]:
    """The CUDA GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES takes."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    if not has_cuda():
        return []
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def number_of(config: Mapping[str, Any]) -> int:
    """How many processes `device.processes` asks for: auto is one a GPU, and one where there is none."""
    number, kind = config["device"]["processes"], config["device"]["type"]
    if number == "auto":
        return max(1, len(gpus())) if kind in ("auto", "cuda") else 1
    return number
