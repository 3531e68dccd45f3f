"""Which accelerators this machine has, asked without torch."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path


def check_device(kind: str) -> None:
    """Raises ValueError if a device of type `kind` (auto, cpu, cuda, mps) cannot be had here."""
    if kind == "cuda" and not has_cuda():
        raise ValueError(
            "device=cuda: there is no CUDA GPU on this machine, or no driver for it; try device=cpu or device=auto"
        )
    if kind == "mps" and sys.platform != "darwin":
        raise ValueError("device=mps: Apple GPUs exist on macOS only; try device=cpu or device=auto")


def has_cuda() -> bool:
    """Asks NVIDIA's driver for the number of GPUs; an AMD GPU, which torch calls cuda too, counts by its driver."""
    if Path("/dev/kfd").exists():
        return True
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
