"""The way along which numbers of a run go from one value to another."""

import math
from typing import Any

from ganctl.collective import processes
from ganctl.contract import Verdict


def half_cosine(first: float, last: float, share: float) -> float:
    """first + (last - first) (1 - cos(pi share)) / 2: `first` at a `share` of 0, `last` at 1, level at both ends."""
    return first + (last - first) * (1 - math.cos(math.pi * share)) / 2


class ImagesSeen:
    """How many real images the discriminator has seen, on all processes: a `Memory` for what changes with them."""

    def __init__(self) -> None:
        self.images = 0

    def observe(self, real: Verdict, fake: Verdict) -> None:
        self.images += len(real.images) * processes()

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        self.images = content["images"]
